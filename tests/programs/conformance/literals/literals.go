// Package literals has function literals at package level, in composites and in each other.
package literals

import (
	"fmt"
	"sort"
	"sync"
)

type rule struct {
	name  string
	check func(int) bool
	then  []func(int) string
}

var rules = []rule{
	{"even", func(n int) bool { return n%2 == 0 }, []func(int) string{
		func(n int) string { return fmt.Sprint("e", n) },
		func(n int) string {
			if n > 10 {
				return "big"
			}
			return "small"
		},
	}},
	{name: "odd", check: func(n int) bool {
		return n%2 == 1
	}},
}

var handlers = map[string]struct{ f func() string }{
	"a": {func() string { return func() string { return "inner" }() }},
	"b": {f: func() string {
		return "b"
	}},
}

var pool = sync.Pool{New: func() any { return new(int) }}

var grid = [2][2]func() int{{func() int { return 1 }, func() int { return 2 }}, {func() int { return 3 }, nil}}

var pointer = &struct {
	get func() func() int
}{get: func() func() int {
	n := 1
	return func() int { n++; return n }
}}

// Run calls some.
func Run() string {
	out := ""
	for _, n := range []int{3, 12} {
		for _, rule := range rules {
			if !rule.check(n) {
				continue
			}
			out += rule.name
			for _, then := range rule.then {
				out += then(n)
			}
		}
	}
	names := []string{"b", "a"}
	sort.Slice(names, func(i, j int) bool { return names[i] < names[j] })
	next := pointer.get()
	next()
	return fmt.Sprint(out, names, handlers["a"].f(), grid[0][1](), *pool.Get().(*int), next())
}
