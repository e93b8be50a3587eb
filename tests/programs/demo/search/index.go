// Package search finds products by words: exact, by prefix, and with typing errors.
package search

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"sync"
	"unicode"

	"example.com/demo/shop/catalog"
)

type posting struct {
	sku    string
	weight int
}

// Index is an inverted index. It is safe for concurrent use.
type Index struct {
	mu       sync.RWMutex
	postings map[string][]posting
	words    []string // sorted
	products map[string]catalog.Product
}

// Hit is a product that was found.
type Hit struct {
	Product catalog.Product `json:"product"`
	Score   int             `json:"score"`
}

// Build returns an index of the products.
func Build(products []catalog.Product) *Index {
	index := &Index{postings: make(map[string][]posting), products: make(map[string]catalog.Product)}
	for _, product := range products {
		index.add(product)
	}
	index.words = make([]string, 0, len(index.postings))
	for word := range index.postings {
		index.words = append(index.words, word)
	}
	slices.Sort(index.words)
	return index
}

func (x *Index) add(product catalog.Product) {
	x.products[product.SKU] = product
	fields := []struct {
		text   string
		weight int
	}{{product.Title, 5}, {product.Author, 3}, {product.Category, 2}, {strings.Join(product.Tags, " "), 1}}
	for _, field := range fields {
		for _, word := range Words(field.text) {
			x.postings[word] = append(x.postings[word], posting{product.SKU, field.weight})
		}
	}
}

// Words splits text into lowercase words without the very common ones.
func Words(text string) []string {
	split := strings.FieldsFunc(strings.ToLower(text), func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '\''
	})
	kept := split[:0]
	for _, word := range split {
		switch word {
		case "a", "an", "and", "of", "the", "to", "at", "who", "was":
			continue
		}
		kept = append(kept, strings.TrimSuffix(word, "'s"))
	}
	return kept
}

// Search returns the best limit products for a query.
func (x *Index) Search(query string, limit int) []Hit {
	parsed := Parse(query)
	x.mu.RLock()
	defer x.mu.RUnlock()

	scores := make(map[string]int)
	for _, term := range parsed.Terms {
		for _, match := range x.match(term) {
			for _, posting := range x.postings[match.word] {
				scores[posting.sku] += posting.weight * match.quality
			}
		}
	}
	hits := make([]Hit, 0, len(scores))
	for _, sku := range slices.Sorted(maps.Keys(scores)) {
		if product := x.products[sku]; parsed.accepts(product) {
			hits = append(hits, Hit{product, scores[sku]})
		}
	}
	slices.SortStableFunc(hits, func(a, b Hit) int { return cmp.Compare(b.Score, a.Score) })
	return hits[:min(limit, len(hits))]
}

type match struct {
	word    string
	quality int
}

// match finds the word itself, or words that begin so, or else words that are nearly the same.
func (x *Index) match(term string) (found []match) {
	i, exact := slices.BinarySearch(x.words, term)
	if exact {
		return []match{{term, 10}}
	}
	for ; i < len(x.words) && strings.HasPrefix(x.words[i], term); i++ {
		found = append(found, match{x.words[i], 6})
	}
	if len(found) > 0 || len(term) < 4 {
		return found
	}
	for _, word := range x.words {
		if distance(term, word) <= 1+len(term)/6 {
			found = append(found, match{word, 3})
		}
	}
	return found
}
