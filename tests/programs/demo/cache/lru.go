// Package cache remembers the values that were used last, for a while.
package cache

import (
	"sync"
	"time"

	"example.com/demo/internal/clock"
)

type node[K comparable, V any] struct {
	key        K
	value      V
	expires    time.Time
	prev, next *node[K, V]
}

// Stats counts what became of look-ups.
type Stats struct {
	Hits, Misses, Expired, Evicted int
}

// LRU holds at most a number of values, each for at most a time. It is safe for concurrent use.
type LRU[K comparable, V any] struct {
	mu       sync.Mutex
	clock    clock.Clock
	capacity int
	ttl      time.Duration
	nodes    map[K]*node[K, V]
	root     node[K, V] // root.next is the newest, root.prev the oldest
	stats    Stats
}

// New returns an empty cache.
func New[K comparable, V any](clock clock.Clock, capacity int, ttl time.Duration) *LRU[K, V] {
	lru := &LRU[K, V]{clock: clock, capacity: capacity, ttl: ttl, nodes: make(map[K]*node[K, V])}
	lru.root.prev, lru.root.next = &lru.root, &lru.root
	return lru
}

// Get returns the value of key, or makes and keeps it.
func (l *LRU[K, V]) Get(key K, make func() (V, error)) (V, error) {
	if value, ok := l.lookup(key); ok {
		return value, nil
	}
	value, err := make()
	if err != nil {
		return value, err
	}
	l.put(key, value)
	return value, nil
}

func (l *LRU[K, V]) lookup(key K) (value V, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	found := l.nodes[key]
	if found == nil {
		l.stats.Misses++
		return value, false
	}
	if l.clock.Now().After(found.expires) {
		l.stats.Expired++
		l.remove(found)
		return value, false
	}
	l.stats.Hits++
	l.unlink(found)
	l.pushFront(found)
	return found.value, true
}

func (l *LRU[K, V]) put(key K, value V) {
	l.mu.Lock()
	defer l.mu.Unlock()
	expires := l.clock.Now().Add(l.ttl)
	if found := l.nodes[key]; found != nil {
		found.value, found.expires = value, expires
		return
	}
	if len(l.nodes) >= l.capacity {
		l.stats.Evicted++
		l.remove(l.root.prev)
	}
	added := &node[K, V]{key: key, value: value, expires: expires}
	l.nodes[key] = added
	l.pushFront(added)
}

// Purge forgets everything.
func (l *LRU[K, V]) Purge() {
	l.mu.Lock()
	defer l.mu.Unlock()
	clear(l.nodes)
	l.root.prev, l.root.next = &l.root, &l.root
}

// Expire forgets what is too old and returns how many that were.
func (l *LRU[K, V]) Expire() (expired int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.clock.Now()
	for oldest := l.root.prev; oldest != &l.root; {
		previous := oldest.prev
		if now.After(oldest.expires) {
			l.remove(oldest)
			expired++
		}
		oldest = previous
	}
	l.stats.Expired += expired
	return expired
}

// Stats returns what became of look-ups so far.
func (l *LRU[K, V]) Stats() Stats {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.stats
}

func (l *LRU[K, V]) remove(n *node[K, V]) {
	delete(l.nodes, n.key)
	l.unlink(n)
}

func (l *LRU[K, V]) unlink(n *node[K, V]) { n.prev.next, n.next.prev = n.next, n.prev }

func (l *LRU[K, V]) pushFront(n *node[K, V]) {
	n.prev, n.next = &l.root, l.root.next
	n.prev.next, n.next.prev = n, n
}
