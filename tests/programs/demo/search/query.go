package search

import (
	"strconv"
	"strings"

	"example.com/demo/shop/catalog"
)

// Query is what a person typed: words, and restrictions such as author:kato, under:20, since:2015
// and -sea.
type Query struct {
	Terms   []string
	without []string
	accept  []func(catalog.Product) bool
}

// Parse reads a query. What is no restriction is a word.
func Parse(text string) Query {
	var query Query
next:
	for _, word := range strings.Fields(text) {
		if without, ok := strings.CutPrefix(word, "-"); ok {
			query.without = append(query.without, Words(without)...)
			continue
		}
		key, value, ok := strings.Cut(word, ":")
		if ok {
			switch key {
			case "author":
				query.restrict(func(p catalog.Product) bool {
					return strings.Contains(strings.ToLower(p.Author), strings.ToLower(value))
				})
				continue next
			case "under", "since":
				number, err := strconv.Atoi(value)
				if err != nil {
					break
				}
				if key == "under" {
					query.restrict(func(p catalog.Product) bool { return p.Price < catalog.Cents(100*number) })
				} else {
					query.restrict(func(p catalog.Product) bool { return p.Year >= number })
				}
				continue next
			}
		}
		query.Terms = append(query.Terms, Words(word)...)
	}
	return query
}

func (q *Query) restrict(accept func(catalog.Product) bool) {
	q.accept = append(q.accept, accept)
}

func (q Query) accepts(product catalog.Product) bool {
	for _, accept := range q.accept {
		if !accept(product) {
			return false
		}
	}
	if len(q.without) == 0 {
		return true
	}
	text := strings.Join(append(Words(product.Title), product.Tags...), " ")
	for _, word := range q.without {
		if strings.Contains(text, word) {
			return false
		}
	}
	return true
}
