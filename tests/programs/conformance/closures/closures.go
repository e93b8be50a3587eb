// Package closures has function literals: called, returned, stored, deferred, and not called.
package closures

import "fmt"

var double = func(n int) int { return 2 * n }

var (
	once = func() int {
		if double(1) == 2 {
			return 7
		}
		return 8
	}()

	table = map[string]func(int) int{
		"plus":  func(n int) int { return n + once },
		"minus": func(n int) int { return n - once },
	}

	_ = func() int {
		return 3
	}()
)

var chain = func() func() func() int {
	return func() func() int {
		return func() int {
			return 5
		}
	}
}

func counter() (next func() int, reset func()) {
	n := 0
	next = func() int {
		n++
		return n
	}
	reset = func() { n = 0 }
	return
}

func apply(n int, steps ...func(int) int) int {
	for _, step := range steps {
		n = step(n)
	}
	return n
}

type handler struct {
	before func()
	after  func(int) error
}

// Run calls most of them.
func Run() string {
	next, _ := counter()
	next()
	next()
	fib := func() func(int) int {
		var fib func(int) int
		fib = func(n int) int {
			if n < 2 {
				return n
			}
			return fib(n-1) + fib(n-2)
		}
		return fib
	}()
	h := handler{
		before: func() { next() },
		after: func(n int) error {
			if n > 100 {
				return fmt.Errorf("%d is too much", n)
			}
			return nil
		},
	}
	h.before()
	err := h.after(fib(12))
	got := func(a, b int) int { return a*b + next() }(3, 4)
	return fmt.Sprint(got, err, table["plus"](1), apply(1, double, func(n int) int { return n + 1 }, double), chain()()())
}
