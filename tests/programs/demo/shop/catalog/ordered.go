package catalog

import "iter"

// Ordered is a map that remembers the order in which keys were put.
type Ordered[K comparable, V any] struct {
	index  map[K]int
	keys   []K
	values []V
}

// NewOrdered returns an empty map.
func NewOrdered[K comparable, V any]() *Ordered[K, V] {
	return &Ordered[K, V]{index: make(map[K]int)}
}

// Put adds a key or replaces its value.
func (o *Ordered[K, V]) Put(key K, value V) {
	if i, ok := o.index[key]; ok {
		o.values[i] = value
		return
	}
	o.index[key] = len(o.keys)
	o.keys = append(o.keys, key)
	o.values = append(o.values, value)
}

// Get returns the value of a key.
func (o *Ordered[K, V]) Get(key K) (V, bool) {
	i, ok := o.index[key]
	if !ok {
		var zero V
		return zero, false
	}
	return o.values[i], true
}

// Len returns the number of keys.
func (o *Ordered[K, V]) Len() int { return len(o.keys) }

// All yields keys and values in order.
func (o *Ordered[K, V]) All() iter.Seq2[K, V] {
	return func(yield func(K, V) bool) {
		for i, key := range o.keys {
			if !yield(key, o.values[i]) {
				return
			}
		}
	}
}

// Backward yields keys and values, the newest first.
func (o *Ordered[K, V]) Backward() iter.Seq2[K, V] {
	return func(yield func(K, V) bool) {
		for i := len(o.keys) - 1; i >= 0; i-- {
			if !yield(o.keys[i], o.values[i]) {
				return
			}
		}
	}
}
