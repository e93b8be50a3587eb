// Package iterate ranges over everything that can be ranged over.
package iterate

import (
	"fmt"
	"iter"
	"maps"
	"slices"
)

func countdown(from int) iter.Seq[int] {
	return func(yield func(int) bool) {
		for n := from; n > 0; n-- {
			if !yield(n) {
				return
			}
		}
	}
}

func pairs[K, V any](keys []K, values []V) iter.Seq2[K, V] {
	return func(yield func(K, V) bool) {
		for i := range min(len(keys), len(values)) {
			if !yield(keys[i], values[i]) {
				break
			}
		}
	}
}

func three(yield func() bool) {
	_ = yield() && yield() && yield()
}

func find(limit int) int {
	for n := range countdown(10) {
		if n%2 == 0 {
			continue
		}
		if n < limit {
			return n
		}
	}
	return -1
}

func labeled() (steps int) {
outer:
	for a := range countdown(4) {
		for b := range countdown(4) {
			steps++
			switch {
			case a == b:
				continue outer
			case a+b == 3:
				break outer
			}
		}
	}
	return steps
}

func deferred() (log []int) {
	defer func() { log = append(log, 99) }()
	for n := range countdown(3) {
		defer func() { log = append(log, n) }()
	}
	return nil
}

// Run ranges.
func Run() string {
	var out []any
	for range 3 {
		out = append(out, "x")
	}
	for i := range 2 {
		out = append(out, i)
	}
	for range three {
		out = append(out, "t")
	}
	for i, r := range "aé" {
		out = append(out, i, r)
	}
	for i, v := range [...]string{2: "c"} {
		if v == "" {
			continue
		}
		out = append(out, i)
	}
	for _, key := range slices.Sorted(maps.Keys(map[string]int{"b": 1, "a": 2})) {
		out = append(out, key)
	}
	channel := make(chan int, 2)
	channel <- 1
	channel <- 2
	close(channel)
	for v := range channel {
		out = append(out, v)
	}
	for range []int(nil) {
		out = append(out, "never")
	}
	for k, v := range pairs([]string{"k", "l", "m"}, []int{1, 2}) {
		out = append(out, k, v)
		if v == 9 {
			panic("not there")
		}
	}
	next, stop := iter.Pull(countdown(2))
	defer stop()
	for {
		n, ok := next()
		if !ok {
			break
		}
		out = append(out, n)
	}
	return fmt.Sprint(len(out), find(5), find(-5), labeled(), deferred())
}
