// Package pricing turns lines of a cart into a quote: discounts first, then shipping and tax.
package pricing

import (
	"cmp"
	"slices"
	"time"

	"example.com/demo/shop/catalog"
)

// Line is one product of a cart.
type Line struct {
	Product  catalog.Product
	Quantity int
}

// Total is the line's price before discounts.
func (l Line) Total() catalog.Cents { return l.Product.Price * catalog.Cents(l.Quantity) }

// Request is what a quote is asked for.
type Request struct {
	Lines   []Line
	Coupon  string
	Country string
	Orders  int // that the customer has placed before
	At      time.Time
}

// Discount is what a rule took off.
type Discount struct {
	Rule   string        `json:"rule"`
	Amount catalog.Cents `json:"amount"`
}

// Quote is what the customer is to pay.
type Quote struct {
	Subtotal  catalog.Cents `json:"subtotal"`
	Discounts []Discount    `json:"discounts,omitempty"`
	Shipping  catalog.Cents `json:"shipping"`
	Tax       catalog.Cents `json:"tax"`
	Total     catalog.Cents `json:"total"`
}

// Engine applies rules. The zero value has none.
type Engine struct {
	rules []Rule
}

// NewEngine returns an engine with the shop's rules.
func NewEngine() *Engine {
	engine := &Engine{}
	engine.Add(Bulk(5, 10), HappyHour(17, 18, 5), Bundle("cooking", 2, 15), Clearance(2012, 20))
	engine.Add(Loyalty(3, 4), CouponCodes(coupons))
	return engine
}

// Add appends rules; those of higher priority run first.
func (e *Engine) Add(rules ...Rule) {
	e.rules = append(e.rules, rules...)
	slices.SortStableFunc(e.rules, func(a, b Rule) int { return cmp.Compare(b.Priority, a.Priority) })
}

// Quote prices a request.
func (e *Engine) Quote(request Request) Quote {
	var quote Quote
	for _, line := range request.Lines {
		quote.Subtotal += line.Total()
	}
	left := quote.Subtotal
	for _, rule := range e.rules {
		amount := min(rule.Apply(request, left), left)
		if amount <= 0 {
			continue
		}
		quote.Discounts = append(quote.Discounts, Discount{rule.Name, amount})
		left -= amount
		if rule.Final {
			break
		}
	}
	quote.Shipping = shipping(request, left)
	quote.Tax = tax(request.Country, left)
	quote.Total = left + quote.Shipping + quote.Tax
	return quote
}

func shipping(request Request, left catalog.Cents) catalog.Cents {
	items := 0
	for _, line := range request.Lines {
		items += line.Quantity
	}
	switch zone := zoneOf(request.Country); {
	case items == 0:
		return 0
	case left >= 6000 && zone == domestic:
		return 0
	case zone == domestic:
		return 350
	case zone == continent:
		return 790 + 50*catalog.Cents(items-1)
	default:
		return 1990 + 200*catalog.Cents(items-1)
	}
}
