package api

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"example.com/demo/auth"
	"example.com/demo/export"
	"example.com/demo/reports"
	"example.com/demo/search"
	"example.com/demo/shop/catalog"
	"example.com/demo/shop/orders"
)

func (s *Shop) home(r *request) (any, error) {
	greeting := "Welcome"
	switch hour := s.clock.Now().Hour(); {
	case hour < 6:
		greeting = "Still awake?"
	case hour < 12:
		greeting = "Good morning"
	case hour < 18:
		greeting = "Good day"
	default:
		greeting = "Good evening"
	}
	if r.user != "" {
		greeting += ", " + r.user
	}
	return map[string]string{"greeting": greeting}, nil
}

func (s *Shop) books(r *request) (any, error) {
	query := r.URL.Query()
	products := slices.Collect(catalog.Filter(s.catalog.All(), catalog.InCategory(query.Get("category"))))
	var by func(a, b catalog.Product) int
	switch query.Get("sort") {
	case "":
	case "price":
		by = func(a, b catalog.Product) int { return int(a.Price - b.Price) }
	case "year":
		by = func(a, b catalog.Product) int { return b.Year - a.Year }
	case "title":
		by = func(a, b catalog.Product) int { return strings.Compare(a.Title, b.Title) }
	default:
		return nil, &statusError{http.StatusBadRequest, "books are sorted by price, year or title"}
	}
	if by != nil {
		slices.SortStableFunc(products, by)
	}
	return page(products, query.Get("page"), 8)
}

// page cuts one page out of elements; pages count from 1.
func page[T any](elements []T, number string, size int) ([]T, error) {
	if number == "" {
		number = "1"
	}
	n, err := strconv.Atoi(number)
	if err != nil || n < 1 {
		return nil, &statusError{http.StatusBadRequest, "page is not a positive number"}
	}
	from := min((n-1)*size, len(elements))
	return elements[from:min(from+size, len(elements))], nil
}

func (s *Shop) bookPage(r *request) (any, error) {
	product, err := s.catalog.Get(r.PathValue("sku"))
	if err != nil {
		return nil, err
	}
	type related struct {
		catalog.Product
		Availability string   `json:"availability"`
		Related      []string `json:"related,omitempty"`
	}
	answer := related{Product: product, Related: s.model.For(product.SKU, 3)}
	if product.Stock == 0 {
		answer.Availability = "sold out"
	} else if product.Stock < 5 {
		answer.Availability = "only a few left"
	} else {
		answer.Availability = "in stock"
	}
	return answer, nil
}

func (s *Shop) search(r *request) (any, error) {
	query := strings.TrimSpace(r.URL.Query().Get("q"))
	if query == "" {
		return nil, &statusError{http.StatusBadRequest, "q is empty"}
	}
	return s.found.Get(query, func() ([]search.Hit, error) {
		return s.index.Search(query, 10), nil
	})
}

type credentials struct {
	Name     string `json:"name"`
	Password string `json:"password"`
}

func (s *Shop) register(r *request) (any, error) {
	asked, err := body[credentials](r)
	if err != nil {
		return nil, err
	}
	if err := s.guard.Register(asked.Name, asked.Password, auth.Customer); err != nil {
		return nil, &statusError{http.StatusConflict, err.Error()}
	}
	return map[string]string{"name": asked.Name}, nil
}

func (s *Shop) login(r *request) (any, error) {
	asked, err := body[credentials](r)
	if err != nil {
		return nil, err
	}
	token, err := s.guard.Login(asked.Name, asked.Password)
	if err != nil {
		return nil, err
	}
	return map[string]string{"token": token}, nil
}

func (s *Shop) showCart(r *request) (any, error) {
	lines, quote, err := s.book.Quote(r.user, r.URL.Query().Get("country"))
	if err != nil {
		return nil, err
	}
	return map[string]any{"lines": lines, "quote": quote}, nil
}

func (s *Shop) fillCart(r *request) (any, error) {
	asked, err := body[struct {
		Quantity int `json:"quantity"`
	}](r)
	if err != nil {
		return nil, err
	}
	if err := s.carts.Set(r.user, r.PathValue("sku"), asked.Quantity); err != nil {
		return nil, err
	}
	return s.showCart(r)
}

func (s *Shop) redeem(r *request) (any, error) {
	asked, err := body[struct {
		Code string `json:"code"`
	}](r)
	if err != nil {
		return nil, err
	}
	s.carts.Redeem(r.user, asked.Code)
	return s.showCart(r)
}

func (s *Shop) placeOrder(r *request) (any, error) {
	asked, err := body[struct {
		Country string `json:"country"`
		Card    string `json:"card"`
	}](r)
	if err != nil {
		return nil, err
	}
	order, err := s.book.Place(r.user, asked.Country, asked.Card)
	if err != nil {
		return nil, err
	}
	err = s.runner.Submit("confirm", func() error { return s.inbox.deliver(letter(order)) })
	return order, err
}

func (s *Shop) showOrder(r *request) (any, error) {
	order, err := s.order(r)
	if err != nil {
		return nil, err
	}
	if order.User != r.user && r.role < auth.Clerk {
		return nil, orders.ErrUnknown
	}
	return order, nil
}

func (s *Shop) order(r *request) (*orders.Order, error) {
	id, err := strconv.Atoi(r.PathValue("id"))
	if err != nil {
		return nil, &statusError{http.StatusBadRequest, "order number is not a number"}
	}
	return s.book.Get(id)
}

func (s *Shop) moveOrder(r *request) (any, error) {
	order, err := s.order(r)
	if err != nil {
		return nil, err
	}
	state, err := orders.ParseState(r.PathValue("state"))
	if err != nil {
		return nil, &statusError{http.StatusBadRequest, err.Error()}
	}
	return s.book.Move(order.ID, state)
}

func (s *Shop) showInbox(*request) (any, error) {
	return map[string]any{"messages": s.inbox.list(), "failures": s.runner.Failures()}, nil
}

// letters writes a letter for each of the newest orders, several at a time.
func (s *Shop) letters(*request) (any, error) {
	var queued int
	for order := range s.book.Newest() {
		if queued == 12 {
			break
		}
		err := s.runner.Submit("letter", func() error { return s.inbox.deliver(letter(order)) })
		if err != nil {
			return nil, err
		}
		queued++
	}
	return map[string]int{"queued": queued}, nil
}

func (s *Shop) sales(r *request) (any, error) {
	keys := map[string]func(*orders.Order) []string{
		"country": reports.ByCountry, "category": reports.ByCategory, "discount": reports.ByRule,
	}
	by := r.URL.Query().Get("by")
	key, ok := keys[by]
	if !ok {
		return nil, &statusError{http.StatusBadRequest, "sales are summed by country, category or discount"}
	}
	rows := reports.Group(s.book.Newest(), key)
	if r.URL.Query().Has("json") {
		return rows, nil
	}
	return text(reports.Text("Sales by "+by, rows)), nil
}

func (s *Shop) export(r *request) (any, error) {
	var out strings.Builder
	if err := export.Write(&out, r.URL.Query().Get("format"), s.book.Newest()); err != nil {
		return nil, &statusError{http.StatusBadRequest, err.Error()}
	}
	return text(out.String()), nil
}

func (s *Shop) purge(*request) (any, error) {
	before := s.found.Stats()
	s.found.Purge()
	return before, nil
}
