// Package orders takes orders and follows them from payment to the doorstep.
package orders

import (
	"errors"
	"fmt"
	"iter"
	"sync"
	"time"

	"example.com/demo/internal/clock"
	"example.com/demo/shop/cart"
	"example.com/demo/shop/catalog"
	"example.com/demo/shop/pricing"
)

// ErrUnknown says that there is no such order.
var ErrUnknown = errors.New("unknown order")

// ErrDeclined says that the bank refused.
var ErrDeclined = errors.New("payment declined")

// Order is one purchase.
type Order struct {
	ID      int            `json:"id"`
	User    string         `json:"user"`
	Country string         `json:"country"`
	State   State          `json:"state"`
	Lines   []pricing.Line `json:"lines"`
	Quote   pricing.Quote  `json:"quote"`
	Placed  time.Time      `json:"placed"`
	History []State        `json:"history"`
}

// Payment asks the bank for money.
type Payment func(card string, amount catalog.Cents) error

// Book keeps the orders. It is safe for concurrent use.
type Book struct {
	mu      sync.Mutex
	clock   clock.Clock
	catalog *catalog.Catalog
	carts   *cart.Carts
	engine  *pricing.Engine
	pay     Payment
	orders  *catalog.Ordered[int, *Order]
	byUser  map[string]int
}

// NewBook returns an empty book.
func NewBook(clock clock.Clock, products *catalog.Catalog, carts *cart.Carts, engine *pricing.Engine, pay Payment) *Book {
	return &Book{
		clock: clock, catalog: products, carts: carts, engine: engine, pay: pay,
		orders: catalog.NewOrdered[int, *Order](), byUser: make(map[string]int),
	}
}

// Quote prices the user's cart.
func (b *Book) Quote(user, country string) ([]pricing.Line, pricing.Quote, error) {
	lines, coupon, err := b.carts.Lines(user)
	if err != nil {
		return nil, pricing.Quote{}, err
	}
	b.mu.Lock()
	placed := b.byUser[user]
	b.mu.Unlock()
	quote := b.engine.Quote(pricing.Request{
		Lines: lines, Coupon: coupon, Country: country, Orders: placed, At: b.clock.Now(),
	})
	return lines, quote, nil
}

// Place turns the user's cart into an order: reserve, pay, confirm. What was reserved goes back
// when a later step fails.
func (b *Book) Place(user, country, card string) (order *Order, err error) {
	lines, quote, err := b.Quote(user, country)
	if err != nil {
		return nil, err
	}
	if len(lines) == 0 {
		return nil, cart.ErrEmpty
	}
	var reserved []pricing.Line
	defer func() {
		if err == nil {
			return
		}
		for _, line := range reserved {
			_ = b.catalog.Restock(line.Product.SKU, line.Quantity)
		}
	}()
	for _, line := range lines {
		if err := b.catalog.Take(line.Product.SKU, line.Quantity); err != nil {
			return nil, err
		}
		reserved = append(reserved, line)
	}
	if err := b.pay(card, quote.Total); err != nil {
		return nil, fmt.Errorf("order of %s: %w", quote.Total, err)
	}
	b.carts.Clear(user)

	b.mu.Lock()
	defer b.mu.Unlock()
	b.byUser[user]++
	order = &Order{
		ID: 1000 + b.orders.Len(), User: user, Country: country, Lines: lines, Quote: quote, Placed: b.clock.Now(),
	}
	order.enter(Paid)
	b.orders.Put(order.ID, order)
	return order.copy(), nil
}

// Get returns a copy of an order.
func (b *Book) Get(id int) (*Order, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	order, ok := b.orders.Get(id)
	if !ok {
		return nil, fmt.Errorf("%w %d", ErrUnknown, id)
	}
	return order.copy(), nil
}

// Move takes an order to another state, if it may go there.
func (b *Book) Move(id int, to State) (*Order, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	order, ok := b.orders.Get(id)
	if !ok {
		return nil, fmt.Errorf("%w %d", ErrUnknown, id)
	}
	if !order.State.mayBecome(to) {
		return nil, &TransitionError{id, order.State, to}
	}
	if to == Returned {
		for _, line := range order.Lines {
			if err := b.catalog.Restock(line.Product.SKU, line.Quantity); err != nil {
				return nil, err
			}
		}
	}
	order.enter(to)
	return order.copy(), nil
}

// Newest yields copies of the orders, the newest first.
func (b *Book) Newest() iter.Seq[*Order] {
	return func(yield func(*Order) bool) {
		b.mu.Lock()
		defer b.mu.Unlock()
		for _, order := range b.orders.Backward() {
			if !yield(order.copy()) {
				return
			}
		}
	}
}

// Advance moves every order that waited long enough one state on, as the warehouse would.
func (b *Book) Advance(age time.Duration) (moved int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	limit := b.clock.Now().Add(-age)
	for _, order := range b.orders.All() {
		next, ok := order.State.next()
		if !ok || order.Placed.After(limit) {
			continue
		}
		order.enter(next)
		moved++
	}
	return moved
}

func (o *Order) enter(state State) {
	o.State = state
	o.History = append(o.History, state)
}

func (o *Order) copy() *Order {
	copied := *o
	copied.History = append([]State(nil), o.History...)
	return &copied
}
