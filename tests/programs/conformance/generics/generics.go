// Package generics has generic functions, types and methods, with several instances of each.
package generics

import (
	"cmp"
	"fmt"
	"strings"
)

type number interface {
	~int | ~float64
}

func sum[T number](values ...T) (total T) {
	for _, value := range values {
		if value < 0 {
			continue
		}
		total += value
	}
	return
}

func mapped[T, U any](values []T, change func(T) U) []U {
	out := make([]U, 0, len(values))
	for _, value := range values {
		out = append(out, change(value))
	}
	return out
}

type stack[T any] struct{ items []T }

func (s *stack[T]) push(item T) { s.items = append(s.items, item) }

func (s *stack[T]) pop() (T, bool) {
	if len(s.items) == 0 {
		var zero T
		return zero, false
	}
	last := s.items[len(s.items)-1]
	s.items = s.items[:len(s.items)-1]
	return last, true
}

func (s *stack[_]) size() int { return len(s.items) }

type tree[K cmp.Ordered, V any] struct {
	key         K
	value       V
	left, right *tree[K, V]
}

func (t *tree[K, V]) put(key K, value V) *tree[K, V] {
	switch {
	case t == nil:
		return &tree[K, V]{key: key, value: value}
	case key < t.key:
		t.left = t.left.put(key, value)
	case key > t.key:
		t.right = t.right.put(key, value)
	default:
		t.value = value
	}
	return t
}

func (t *tree[K, V]) each(visit func(K, V)) {
	if t == nil {
		return
	}
	t.left.each(visit)
	visit(t.key, t.value)
	t.right.each(visit)
}

type stringer interface{ String() string }

type celsius float64

func (c celsius) String() string { return fmt.Sprintf("%.1f", float64(c)) }

func join[S stringer](values []S) string {
	parts := mapped(values, S.String)
	return strings.Join(parts, "/")
}

type unused[T any] struct{ value T }

func (u unused[T]) never() T {
	return u.value
}

type alias = stack[string]

// Run uses all but one of them.
func Run() string {
	ints, strs := stack[int]{}, alias{}
	for i := range 3 {
		ints.push(i)
	}
	strs.push("a")
	_, _ = ints.pop()
	_, _ = strs.pop()
	_, empty := strs.pop()

	var root *tree[string, int]
	for i, key := range []string{"m", "c", "x", "c"} {
		root = root.put(key, i)
	}
	seen := ""
	root.each(func(key string, value int) { seen += fmt.Sprint(key, value) })
	return fmt.Sprint(sum(1, 2, -3), sum(0.5, 1), ints.size(), empty, seen, join([]celsius{1, 2.5}))
}
