// Package recommend says what people who bought this bought as well.
package recommend

import (
	"cmp"
	"iter"
	"math"
	"slices"
	"sync"

	"example.com/demo/shop/orders"
)

type pair struct{ a, b string }

// Model counts how often books are bought together.
type Model struct {
	mu      sync.RWMutex
	bought  map[string]int
	pairs   map[pair]int
	n       int
	related map[string][]string
}

// Train learns from orders, and replaces what was known before.
func (m *Model) Train(all iter.Seq[*orders.Order]) int {
	bought, pairs, n := make(map[string]int), make(map[pair]int), 0
	related := make(map[string][]string)
	for order := range all {
		n++
		for i, first := range order.Lines {
			bought[first.Product.SKU]++
			for _, second := range order.Lines[i+1:] {
				a, b := first.Product.SKU, second.Product.SKU
				if a > b {
					a, b = b, a
				}
				if pairs[pair{a, b}]++; pairs[pair{a, b}] == 1 {
					related[a] = append(related[a], b)
					related[b] = append(related[b], a)
				}
			}
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.bought, m.pairs, m.n, m.related = bought, pairs, n, related
	return n
}

// For returns up to limit books that go with sku, the best first.
func (m *Model) For(sku string, limit int) []string {
	m.mu.RLock()
	defer m.mu.RUnlock()
	others := slices.Clone(m.related[sku])
	slices.SortFunc(others, func(a, b string) int {
		return cmp.Or(cmp.Compare(m.affinity(sku, b), m.affinity(sku, a)), cmp.Compare(a, b))
	})
	return others[:min(limit, len(others))]
}

// affinity is the cosine between the sets of orders that hold each book.
func (m *Model) affinity(a, b string) float64 {
	if a > b {
		a, b = b, a
	}
	together := m.pairs[pair{a, b}]
	if together == 0 {
		return 0
	}
	return float64(together) / math.Sqrt(float64(m.bought[a])*float64(m.bought[b]))
}
