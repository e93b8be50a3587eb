package pricing

import "example.com/demo/shop/catalog"

type zone int

const (
	domestic zone = iota
	continent
	world
)

func zoneOf(country string) zone {
	switch country {
	case "", "DE":
		return domestic
	case "AT", "BE", "DK", "FR", "NL", "PL":
		return continent
	}
	return world
}

// tax is the VAT on books, rounded half up; nothing outside the union.
func tax(country string, amount catalog.Cents) catalog.Cents {
	var rate catalog.Cents // in tenths of a percent
	switch country {
	case "", "DE", "PL":
		rate = 70
		if country == "PL" {
			rate = 50
		}
	case "AT":
		rate = 100
	case "FR":
		rate = 55
	case "BE", "NL":
		rate = 60
		fallthrough
	case "DK":
		if rate == 0 {
			rate = 250
		}
	default:
		return 0
	}
	return (amount*rate + 500) / 1000
}
