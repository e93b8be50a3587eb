// Package shared is in both binaries.
package shared

import "example.com/pods/limits"

var sizes = func() []int {
	var sizes []int
	for i := range 3 {
		sizes = append(sizes, i)
	}
	return sizes
}()

var n int

func init() {
	n = len(sizes)
}

func init() {
	if n > limits.Most {
		n = limits.Most
	}
}

// Stack is generic.
type Stack[T any] struct{ items []T }

// Push adds an item.
func (s *Stack[T]) Push(item T) bool {
	if len(s.items) == limits.Most {
		return false
	}
	s.items = append(s.items, item)
	return true
}

// Len counts the items.
func (s Stack[T]) Len() int { return len(s.items) }

// Map applies f to all.
func Map[A, B any](all []A, f func(A) B) []B {
	var mapped []B
	for _, one := range all {
		mapped = append(mapped, f(one))
	}
	return mapped
}

// Empty has no statement.
func Empty() {}

// Sign is 1, 0 or -1.
func Sign(x int) int {
	switch {
	case x > 0:
		return 1
	case x < 0:
		return -1
	}
	return 0
}
