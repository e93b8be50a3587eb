// Package cart holds what customers want to buy.
package cart

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"example.com/demo/internal/clock"
	"example.com/demo/shop/catalog"
	"example.com/demo/shop/pricing"
)

// MaxQuantity is the most of one book that a customer may buy at once.
const MaxQuantity = 20

// ErrEmpty says that there is nothing to buy.
var ErrEmpty = errors.New("cart is empty")

// QuantityError says that a quantity is out of range.
type QuantityError struct {
	SKU      string
	Quantity int
}

func (e *QuantityError) Error() string {
	if e.Quantity < 0 {
		return fmt.Sprintf("%s: quantity is negative", e.SKU)
	}
	return fmt.Sprintf("%s: %d is more than the %d that one customer may buy", e.SKU, e.Quantity, MaxQuantity)
}

type item struct {
	sku      string
	quantity int
}

// Cart is one customer's.
type Cart struct {
	items   []item
	Coupon  string
	touched time.Time
}

// Carts holds everybody's. It is safe for concurrent use.
type Carts struct {
	mu      sync.Mutex
	clock   clock.Clock
	catalog *catalog.Catalog
	byUser  map[string]*Cart
}

// New returns no carts yet.
func New(clock clock.Clock, catalog *catalog.Catalog) *Carts {
	return &Carts{clock: clock, catalog: catalog, byUser: make(map[string]*Cart)}
}

// with calls change with the user's cart, locked, and notes when it was touched.
func (c *Carts) with(user string, change func(*Cart) error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	cart := c.byUser[user]
	if cart == nil {
		cart = &Cart{}
		c.byUser[user] = cart
	}
	cart.touched = c.clock.Now()
	return change(cart)
}

// Set puts n of a product into the user's cart; 0 takes it out.
func (c *Carts) Set(user, sku string, n int) error {
	if n < 0 || n > MaxQuantity {
		return &QuantityError{sku, n}
	}
	if _, err := c.catalog.Get(sku); err != nil {
		return err
	}
	return c.with(user, func(cart *Cart) error {
		i := slices.IndexFunc(cart.items, func(it item) bool { return it.sku == sku })
		switch {
		case i < 0 && n > 0:
			cart.items = append(cart.items, item{sku, n})
		case i >= 0 && n == 0:
			cart.items = slices.Delete(cart.items, i, i+1)
		case i >= 0:
			cart.items[i].quantity = n
		}
		return nil
	})
}

// Redeem notes a coupon; whether it is worth anything shows in the quote.
func (c *Carts) Redeem(user, code string) {
	_ = c.with(user, func(cart *Cart) error {
		cart.Coupon = code
		return nil
	})
}

// Lines returns the user's cart with today's prices, and its coupon.
func (c *Carts) Lines(user string) (lines []pricing.Line, coupon string, err error) {
	err = c.with(user, func(cart *Cart) error {
		coupon = cart.Coupon
		for _, it := range cart.items {
			product, err := c.catalog.Get(it.sku)
			if err != nil {
				return err
			}
			lines = append(lines, pricing.Line{Product: product, Quantity: it.quantity})
		}
		return nil
	})
	return lines, coupon, err
}

// Clear empties the user's cart.
func (c *Carts) Clear(user string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.byUser, user)
}

// Sweep forgets carts that nobody touched for longer than age and returns how many.
func (c *Carts) Sweep(age time.Duration) (swept int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	limit := c.clock.Now().Add(-age)
	for user, cart := range c.byUser {
		if cart.touched.Before(limit) {
			delete(c.byUser, user)
			swept++
		}
	}
	return swept
}
