package pricing

import (
	"strings"

	"example.com/demo/shop/catalog"
)

// Rule takes something off the price.
type Rule struct {
	Name     string
	Priority int
	Final    bool // no rule after this one
	Apply    func(request Request, left catalog.Cents) catalog.Cents
}

func percent(amount catalog.Cents, rate int) catalog.Cents {
	return amount * catalog.Cents(rate) / 100
}

// Bulk gives rate percent off each line of n or more.
func Bulk(n, rate int) Rule {
	return Rule{Name: "bulk", Priority: 50, Apply: func(request Request, _ catalog.Cents) (off catalog.Cents) {
		for _, line := range request.Lines {
			if line.Quantity >= n {
				off += percent(line.Total(), rate)
			}
		}
		return off
	}}
}

// HappyHour gives rate percent off everything between two hours of the day.
func HappyHour(from, to, rate int) Rule {
	return Rule{Name: "happy hour", Priority: 10, Apply: func(request Request, left catalog.Cents) catalog.Cents {
		if hour := request.At.Hour(); hour < from || hour >= to {
			return 0
		}
		return percent(left, rate)
	}}
}

// Bundle gives rate percent off a category when n different books of it are bought together.
func Bundle(category string, n, rate int) Rule {
	return Rule{Name: category + " bundle", Priority: 40, Apply: func(request Request, _ catalog.Cents) catalog.Cents {
		var titles int
		var total catalog.Cents
		for _, line := range request.Lines {
			if line.Product.Category != category {
				continue
			}
			titles++
			total += line.Total()
		}
		if titles < n {
			return 0
		}
		return percent(total, rate)
	}}
}

// Clearance gives rate percent off books from before a year.
func Clearance(year, rate int) Rule {
	return Rule{Name: "clearance", Priority: 60, Apply: func(request Request, _ catalog.Cents) (off catalog.Cents) {
		for _, line := range request.Lines {
			if line.Product.Year < year {
				off += percent(line.Total(), rate)
			}
		}
		return
	}}
}

// Loyalty gives rate percent off from the n-th order on, twice that from the tenfold.
func Loyalty(n, rate int) Rule {
	return Rule{Name: "loyalty", Priority: 20, Apply: func(request Request, left catalog.Cents) catalog.Cents {
		if request.Orders >= 10*n {
			return percent(left, 2*rate)
		} else if request.Orders >= n {
			return percent(left, rate)
		} else {
			return 0
		}
	}}
}

type coupon struct {
	rate    int
	flat    catalog.Cents
	minimum catalog.Cents
}

var coupons = map[string]coupon{
	"SPRING10": {rate: 10},
	"FIVER":    {flat: 500, minimum: 2000},
	"HALF":     {rate: 50, minimum: 10000},
}

// CouponCodes redeems a code, and nothing may be combined after it.
func CouponCodes(codes map[string]coupon) Rule {
	return Rule{Name: "coupon", Priority: 30, Final: true, Apply: func(request Request, left catalog.Cents) catalog.Cents {
		if request.Coupon == "" {
			return 0
		}
		found, ok := codes[strings.ToUpper(request.Coupon)]
		if !ok {
			return 0
		}
		if left < found.minimum {
			return 0
		}
		return percent(left, found.rate) + found.flat
	}}
}
