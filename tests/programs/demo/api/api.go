// Package api is the shop as the web sees it.
package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"example.com/demo/auth"
	"example.com/demo/cache"
	"example.com/demo/internal/clock"
	"example.com/demo/recommend"
	"example.com/demo/scheduler"
	"example.com/demo/search"
	"example.com/demo/shop/cart"
	"example.com/demo/shop/catalog"
	"example.com/demo/shop/orders"
	"example.com/demo/shop/pricing"
	"example.com/demo/worker"
)

// Shop is all of it.
type Shop struct {
	clock   clock.Clock
	runner  worker.Runner
	logger  *slog.Logger
	catalog *catalog.Catalog
	carts   *cart.Carts
	book    *orders.Book
	guard   *auth.Guard
	index   *search.Index
	found   *cache.LRU[string, []search.Hit]
	model   *recommend.Model
	inbox   *inbox
}

// NewShop opens a shop with the catalog that comes with it and a few known users.
func NewShop(clock clock.Clock, runner worker.Runner, logger *slog.Logger) *Shop {
	products, err := catalog.Load()
	if err != nil {
		panic(err)
	}
	shop := &Shop{
		clock:   clock,
		runner:  runner,
		logger:  logger,
		catalog: products,
		carts:   cart.New(clock, products),
		guard:   auth.NewGuard(clock, "not much of a secret"),
		found:   cache.New[string, []search.Hit](clock, 24, 20*time.Second),
		model:   &recommend.Model{},
		inbox:   newInbox(64),
	}
	shop.book = orders.NewBook(clock, products, shop.carts, pricing.NewEngine(), orders.Bank)
	var all []catalog.Product
	for product := range products.All() {
		all = append(all, product)
	}
	shop.index = search.Build(all)
	for _, known := range []struct {
		name, password string
		role           auth.Role
	}{{"clerk", "ledger", auth.Clerk}, {"boss", "vault", auth.Manager}} {
		if err := shop.guard.Register(known.name, known.password, known.role); err != nil {
			panic(err)
		}
	}
	products.Watch(shop.warnLowStock)
	return shop
}

// Schedule adds the shop's periodic jobs.
func (s *Shop) Schedule(jobs *scheduler.Scheduler) {
	jobs.Add("expire cache", 5*time.Second, func() { s.found.Expire() })
	jobs.Add("sweep carts", 20*time.Second, func() { s.carts.Sweep(time.Minute) })
	jobs.Add("warehouse", 3*time.Second, func() { s.book.Advance(4 * time.Second) })
	jobs.Add("restock", 15*time.Second, s.restock)
	jobs.Add("train", 30*time.Second, func() { s.model.Train(s.book.Newest()) })
}

func (s *Shop) restock() {
	var low []string
	for product := range catalog.Filter(s.catalog.All(), func(p catalog.Product) bool { return p.Stock < 5 }) {
		low = append(low, product.SKU)
	}
	for _, sku := range low {
		if err := s.catalog.Restock(sku, 25); err != nil {
			s.logger.Error("restock", "sku", sku, "err", err)
		}
	}
}

func (s *Shop) warnLowStock(product catalog.Product) {
	if product.Stock >= 5 {
		return
	}
	text := fmt.Sprintf("only %d left of %s", product.Stock, product.Title)
	if err := s.runner.Submit("warn", func() error { return s.inbox.deliver(text) }); err != nil {
		s.logger.Error("low stock", "err", err)
	}
}

// Handler answers requests.
func (s *Shop) Handler() http.Handler {
	mux := http.NewServeMux()
	route := func(pattern string, role auth.Role, handle handler) {
		mux.Handle(pattern, s.wrap(role, handle))
	}
	route("GET /{$}", auth.Guest, s.home)
	route("GET /books", auth.Guest, s.books)
	route("GET /books/{sku}", auth.Guest, s.bookPage)
	route("GET /search", auth.Guest, s.search)
	route("POST /register", auth.Guest, s.register)
	route("POST /login", auth.Guest, s.login)
	route("GET /cart", auth.Customer, s.showCart)
	route("PUT /cart/{sku}", auth.Customer, s.fillCart)
	route("POST /cart/coupon", auth.Customer, s.redeem)
	route("POST /orders", auth.Customer, s.placeOrder)
	route("GET /orders/{id}", auth.Customer, s.showOrder)
	route("POST /orders/{id}/{state}", auth.Clerk, s.moveOrder)
	route("GET /desk/inbox", auth.Clerk, s.showInbox)
	route("POST /desk/letters", auth.Clerk, s.letters)
	route("GET /office/sales", auth.Manager, s.sales)
	route("GET /office/export", auth.Manager, s.export)
	route("POST /office/purge", auth.Manager, s.purge)
	route("POST /office/explode", auth.Manager, func(*request) (any, error) { panic("the boss pressed the button") })
	return mux
}

// request is what handlers get.
type request struct {
	*http.Request
	user string
	role auth.Role
}

// body decodes the request's JSON.
func body[T any](r *request) (value T, err error) {
	decoder := json.NewDecoder(io.LimitReader(r.Body, 1<<16))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&value); err != nil {
		return value, &statusError{http.StatusBadRequest, "body: " + err.Error()}
	}
	return value, nil
}

type handler func(*request) (any, error)

// text is an answer that is no JSON.
type text string

// statusError is an error with a status of its own.
type statusError struct {
	status int
	text   string
}

func (e *statusError) Error() string { return e.text }

func (s *Shop) wrap(role auth.Role, handle handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		started := s.clock.Now()
		answer, err := s.serve(role, handle, r)
		status := http.StatusOK
		if err != nil {
			status = statusOf(err)
			answer = map[string]string{"error": err.Error()}
		}
		if plain, ok := answer.(text); ok {
			w.Header().Set("Content-Type", "text/plain; charset=utf-8")
			w.WriteHeader(status)
			_, _ = io.WriteString(w, string(plain))
		} else {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(status)
			_ = json.NewEncoder(w).Encode(answer)
		}
		s.logger.Info("request", "method", r.Method, "path", r.URL.Path, "status", status, "took", s.clock.Now().Sub(started))
	})
}

// serve finds out who asks, and calls the handler if they may.
func (s *Shop) serve(role auth.Role, handle handler, r *http.Request) (answer any, err error) {
	defer func() {
		if caught := recover(); caught != nil {
			answer, err = nil, fmt.Errorf("panic: %v", caught)
		}
	}()
	request := &request{Request: r}
	if header := r.Header.Get("Authorization"); header != "" {
		token, ok := strings.CutPrefix(header, "Bearer ")
		if !ok {
			return nil, auth.ErrToken
		}
		if request.user, request.role, err = s.guard.Check(token); err != nil {
			return nil, err
		}
	}
	switch {
	case request.role >= role:
		return handle(request)
	case request.user == "":
		return nil, &statusError{http.StatusUnauthorized, "log in first"}
	default:
		return nil, &statusError{http.StatusForbidden, request.user + " may not do that"}
	}
}

func statusOf(err error) int {
	var own *statusError
	var quantity *cart.QuantityError
	var transition *orders.TransitionError
	switch {
	case errors.As(err, &own):
		return own.status
	case errors.As(err, &quantity):
		return http.StatusUnprocessableEntity
	case errors.As(err, &transition), errors.Is(err, catalog.ErrSoldOut), errors.Is(err, cart.ErrEmpty):
		return http.StatusConflict
	case errors.Is(err, catalog.ErrUnknown), errors.Is(err, orders.ErrUnknown):
		return http.StatusNotFound
	case errors.Is(err, auth.ErrCredentials), errors.Is(err, auth.ErrToken), errors.Is(err, auth.ErrExpired):
		return http.StatusUnauthorized
	case errors.Is(err, auth.ErrLocked):
		return http.StatusTooManyRequests
	case errors.Is(err, orders.ErrDeclined):
		return http.StatusPaymentRequired
	case errors.Is(err, worker.ErrBusy):
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}
