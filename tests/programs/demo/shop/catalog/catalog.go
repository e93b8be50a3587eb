// Package catalog knows the products and how many of each are in stock.
package catalog

import (
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"strings"
	"sync"
)

// ErrUnknown says that there is no such product.
var ErrUnknown = errors.New("unknown product")

// ErrSoldOut says that fewer are in stock than asked for.
var ErrSoldOut = errors.New("sold out")

// Cents is an amount of money.
type Cents int64

func (c Cents) String() string {
	if c < 0 {
		return "-" + (-c).String()
	}
	return fmt.Sprintf("%d.%02d", c/100, c%100)
}

// Product is something on sale.
type Product struct {
	SKU      string   `json:"sku"`
	Title    string   `json:"title"`
	Author   string   `json:"author"`
	Category string   `json:"category"`
	Tags     []string `json:"tags,omitempty"`
	Price    Cents    `json:"price"`
	Stock    int      `json:"stock"`
	Year     int      `json:"year"`
}

//go:embed products.json
var productsJSON []byte

// Catalog holds the products. It is safe for concurrent use.
type Catalog struct {
	mu       sync.RWMutex
	products *Ordered[string, *Product]
	watchers []func(Product)
}

// Load returns the catalog that comes with the program.
func Load() (*Catalog, error) {
	var products []Product
	if err := json.Unmarshal(productsJSON, &products); err != nil {
		return nil, fmt.Errorf("products.json: %w", err)
	}
	catalog := &Catalog{products: NewOrdered[string, *Product]()}
	for _, product := range products {
		if err := validate(product); err != nil {
			return nil, fmt.Errorf("products.json: %s: %w", product.SKU, err)
		}
		catalog.products.Put(product.SKU, &product)
	}
	return catalog, nil
}

func validate(product Product) error {
	switch {
	case product.SKU == "":
		return errors.New("no SKU")
	case product.Price <= 0:
		return errors.New("price must be positive")
	case product.Stock < 0:
		return errors.New("stock is negative")
	}
	return nil
}

// Watch calls changed after each change of stock.
func (c *Catalog) Watch(changed func(Product)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.watchers = append(c.watchers, changed)
}

// Get returns a copy of a product.
func (c *Catalog) Get(sku string) (Product, error) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	product, ok := c.products.Get(sku)
	if !ok {
		return Product{}, fmt.Errorf("%w %q", ErrUnknown, sku)
	}
	return *product, nil
}

// All yields every product in the order of the catalog.
func (c *Catalog) All() iter.Seq[Product] {
	return func(yield func(Product) bool) {
		c.mu.RLock()
		defer c.mu.RUnlock()
		for _, product := range c.products.All() {
			if !yield(*product) {
				return
			}
		}
	}
}

// Filter yields the products that keep says yes to.
func Filter(products iter.Seq[Product], keep func(Product) bool) iter.Seq[Product] {
	return func(yield func(Product) bool) {
		for product := range products {
			if keep(product) && !yield(product) {
				return
			}
		}
	}
}

// InCategory keeps the products of a category; all of them when it is empty.
func InCategory(category string) func(Product) bool {
	if category == "" {
		return func(Product) bool { return true }
	}
	return func(product Product) bool {
		return strings.EqualFold(product.Category, category)
	}
}

// Take removes n from stock.
func (c *Catalog) Take(sku string, n int) error {
	return c.adjust(sku, -n)
}

// Restock adds n to stock.
func (c *Catalog) Restock(sku string, n int) error {
	return c.adjust(sku, n)
}

func (c *Catalog) adjust(sku string, delta int) error {
	c.mu.Lock()
	product, ok := c.products.Get(sku)
	if !ok {
		c.mu.Unlock()
		return fmt.Errorf("%w %q", ErrUnknown, sku)
	}
	if product.Stock+delta < 0 {
		c.mu.Unlock()
		return fmt.Errorf("%w: %s (%d left)", ErrSoldOut, product.Title, product.Stock)
	}
	product.Stock += delta
	copied := *product
	watchers := c.watchers
	c.mu.Unlock()

	for _, changed := range watchers {
		changed(copied)
	}
	return nil
}
