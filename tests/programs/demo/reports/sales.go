// Package reports sums up what was sold.
package reports

import (
	"cmp"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"

	"example.com/demo/shop/catalog"
	"example.com/demo/shop/orders"
)

// Row is one line of a report.
type Row struct {
	Key    string        `json:"key"`
	Orders int           `json:"orders"`
	Items  int           `json:"items"`
	Sales  catalog.Cents `json:"sales"`
}

// Number is what can be summed.
type Number interface {
	~int | ~int64 | ~float64
}

// Sum adds up what value says of each element.
func Sum[T any, N Number](elements []T, value func(T) N) (sum N) {
	for _, element := range elements {
		sum += value(element)
	}
	return sum
}

// Group adds up orders by key, the best first. Canceled and returned orders don't count.
func Group(all iter.Seq[*orders.Order], keys func(*orders.Order) []string) []Row {
	rows := make(map[string]*Row)
	for order := range all {
		if order.State == orders.Canceled || order.State == orders.Returned {
			continue
		}
		for _, key := range keys(order) {
			row, ok := rows[key]
			if !ok {
				row = &Row{Key: key}
				rows[key] = row
			}
			row.Orders++
			for _, line := range order.Lines {
				row.Items += line.Quantity
			}
			row.Sales += order.Quote.Total
		}
	}
	sorted := make([]Row, 0, len(rows))
	for _, key := range slices.Sorted(maps.Keys(rows)) {
		sorted = append(sorted, *rows[key])
	}
	slices.SortStableFunc(sorted, func(a, b Row) int { return cmp.Compare(b.Sales, a.Sales) })
	return sorted
}

// ByCountry groups orders by where they go.
func ByCountry(order *orders.Order) []string {
	if order.Country == "" {
		return []string{"DE"}
	}
	return []string{order.Country}
}

// ByCategory groups orders by the categories they hold.
func ByCategory(order *orders.Order) []string {
	var categories []string
	for _, line := range order.Lines {
		if !slices.Contains(categories, line.Product.Category) {
			categories = append(categories, line.Product.Category)
		}
	}
	return categories
}

// ByRule groups orders by the discounts that they got.
func ByRule(order *orders.Order) (rules []string) {
	for _, discount := range order.Quote.Discounts {
		rules = append(rules, discount.Rule)
	}
	if rules == nil {
		rules = append(rules, "full price")
	}
	return rules
}

// Text draws rows as a table with bars.
func Text(title string, rows []Row) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n", title)
	best := catalog.Cents(1)
	for _, row := range rows {
		best = max(best, row.Sales)
	}
	for _, row := range rows {
		bar := strings.Repeat("#", int(30*row.Sales/best))
		fmt.Fprintf(&b, "%-16s %4d %5d %10s %s\n", row.Key, row.Orders, row.Items, row.Sales, bar)
	}
	total := Sum(rows, func(row Row) catalog.Cents { return row.Sales })
	fmt.Fprintf(&b, "%-16s %4d %5d %10s\n", "total",
		Sum(rows, func(row Row) int { return row.Orders }), Sum(rows, func(row Row) int { return row.Items }), total)
	return b.String()
}
