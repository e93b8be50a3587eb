package load

import (
	"fmt"
	"net/http"
	"net/url"
	"time"
)

type step func(*visitor) error

// act is a scene: some visitors, each picking one of the steps after a pause, for a while.
type act struct {
	name     string
	length   time.Duration
	visitors int
	pause    time.Duration
	since    int // the first round it is played in
	steps    []step
}

var acts = []act{
	{name: "doors open", length: 12 * time.Second, visitors: 1, pause: 450 * time.Millisecond,
		steps: []step{home, browse("?page=1"), browse("?page=2"), look}},
	{name: "browsing", length: 16 * time.Second, visitors: 3, pause: 400 * time.Millisecond,
		steps: []step{home, look, look, browse("?category=science"), browse("?category=travel&sort=price"),
			browse("?sort=year"), browse("?sort=title&page=3")}},
	{name: "searching", length: 20 * time.Second, visitors: 3, pause: 350 * time.Millisecond,
		steps: []step{find("sea"), find("garden compiler"), find("wint"), find("lichnes"), find("author:kato"),
			find("counting under:30"), find("sea -cats since:2015"), find("tools"), look}},
	{name: "filling carts", length: 20 * time.Second, visitors: 4, pause: 400 * time.Millisecond,
		steps: []step{fill(1), fill(2), fill(6), showCart, look, find("bread")}},
	{name: "checkout", length: 24 * time.Second, visitors: 4, pause: 400 * time.Millisecond,
		steps: []step{fill(1), fill(2), buy("DE"), buy("FR"), buy("DE"), follow}},
	{name: "mistakes", length: 16 * time.Second, visitors: 2, pause: 450 * time.Millisecond,
		steps: []step{fill(99), fill(-1), lookUp("B-999"), browse("?sort=colour"), browse("?page=zero"), wrongPassword,
			badCard, emptyCart, forbidden}},
	{name: "coupons", length: 18 * time.Second, visitors: 3, pause: 400 * time.Millisecond,
		steps: []step{fill(3), coupon("SPRING10"), coupon("fiver"), coupon("FAKE"), bundle, buy("DE"), showCart}},
	{name: "flash sale", length: 20 * time.Second, visitors: 8, pause: 220 * time.Millisecond,
		steps: []step{fill(4), buy("DE"), buy("NL"), buy("AT"), find("sea"), look, rush}},
	{name: "warehouse", length: 18 * time.Second, visitors: 2, pause: 400 * time.Millisecond,
		steps: []step{move("packed"), move("shipped"), move("delivered"), move("canceled"), inbox, letters}},
	{name: "quiet", length: 10 * time.Second, visitors: 1, pause: 1500 * time.Millisecond,
		steps: []step{home, look}},
	{name: "back office", length: 20 * time.Second, visitors: 2, pause: 500 * time.Millisecond,
		steps: []step{sales("country"), sales("category"), sales("discount&json"), sales("mood"), export("csv"), purge}},
	{name: "going abroad", length: 16 * time.Second, visitors: 3, pause: 400 * time.Millisecond,
		steps: []step{fill(2), fill(12), buy("US"), buy("PL"), buy("DK"), coupon("HALF"), follow}},
	{name: "returns", length: 16 * time.Second, since: 1, visitors: 2, pause: 400 * time.Millisecond,
		steps: []step{move("delivered"), move("returned"), sales("country"), export("xml"), inbox}},
	{name: "accident", length: 8 * time.Second, since: 1, visitors: 1, pause: 700 * time.Millisecond,
		steps: []step{explode, home}},
}

func anySKU(v *visitor) string {
	shelves := [...]int{5, 5, 3, 3, 3, 3}
	shelf := v.random.Intn(len(shelves))
	return fmt.Sprintf("B-%d%02d", shelf, 1+v.random.Intn(shelves[shelf]))
}

func get(path string) step {
	return func(v *visitor) error {
		_, err := v.do(http.MethodGet, path, nil, nil)
		return err
	}
}

func home(v *visitor) error { return get("/")(v) }

func browse(query string) step { return get("/books" + query) }

func lookUp(sku string) step { return get("/books/" + sku) }

func look(v *visitor) error { return lookUp(anySKU(v))(v) }

func find(query string) step { return get("/search?q=" + url.QueryEscape(query)) }

func put(v *visitor, sku string, n int) error {
	_, err := v.do(http.MethodPut, "/cart/"+sku, map[string]int{"quantity": n}, nil)
	return err
}

func fill(n int) step {
	return func(v *visitor) error {
		if err := v.customer(); err != nil {
			return err
		}
		return put(v, anySKU(v), n)
	}
}

func showCart(v *visitor) error {
	if err := v.customer(); err != nil {
		return err
	}
	return get("/cart")(v)
}

func bundle(v *visitor) error {
	if err := v.customer(); err != nil {
		return err
	}
	for _, sku := range []string{"B-201", "B-202", "B-203"} {
		if err := put(v, sku, 1); err != nil {
			return err
		}
	}
	return nil
}

func coupon(code string) step {
	return func(v *visitor) error {
		if err := v.customer(); err != nil {
			return err
		}
		_, err := v.do(http.MethodPost, "/cart/coupon", map[string]string{"code": code}, nil)
		return err
	}
}

const goodCard, poorCard, typoCard = "4539 5787 6362 1486", "4000 0000 0000 0002", "4539 5787 6362 1487"

func pay(v *visitor, country, card string) error {
	var answer struct{ ID int }
	status, err := v.do(http.MethodPost, "/orders", map[string]string{"country": country, "card": card}, &answer)
	if err == nil && status == http.StatusOK {
		v.noteOrder(answer.ID)
	}
	return err
}

func buy(country string) step {
	return func(v *visitor) error {
		if err := v.customer(); err != nil {
			return err
		}
		if v.random.Intn(3) == 0 {
			if err := put(v, anySKU(v), 1+v.random.Intn(3)); err != nil {
				return err
			}
		}
		return pay(v, country, goodCard)
	}
}

func badCard(v *visitor) error {
	if err := fill(1)(v); err != nil {
		return err
	}
	cards := []string{poorCard, typoCard, "12", "not a card at all"}
	return pay(v, "DE", cards[v.random.Intn(len(cards))])
}

// rush buys the rarest book until it is sold out.
func rush(v *visitor) error {
	if err := v.customer(); err != nil {
		return err
	}
	if err := put(v, "B-501", 4); err != nil {
		return err
	}
	return pay(v, "DE", goodCard)
}

func emptyCart(v *visitor) error {
	v.token = ""
	if err := v.customer(); err != nil {
		return err
	}
	return pay(v, "DE", goodCard)
}

func follow(v *visitor) error {
	if err := v.customer(); err != nil {
		return err
	}
	return get(fmt.Sprintf("/orders/%d", v.anyOrder(v.random)))(v)
}

func wrongPassword(v *visitor) error {
	err := v.login("clerk", "guess")
	v.token = ""
	return err
}

func forbidden(v *visitor) error {
	if err := v.customer(); err != nil {
		return err
	}
	return get("/office/sales?by=country")(v)
}

func move(state string) step {
	return func(v *visitor) error {
		if err := v.staff("clerk", "ledger"); err != nil {
			return err
		}
		_, err := v.do(http.MethodPost, fmt.Sprintf("/orders/%d/%s", v.anyOrder(v.random), state), nil, nil)
		return err
	}
}

func inbox(v *visitor) error {
	if err := v.staff("clerk", "ledger"); err != nil {
		return err
	}
	return get("/desk/inbox")(v)
}

func letters(v *visitor) error {
	if err := v.staff("clerk", "ledger"); err != nil {
		return err
	}
	_, err := v.do(http.MethodPost, "/desk/letters", nil, nil)
	return err
}

func office(method, path string) step {
	return func(v *visitor) error {
		if err := v.staff("boss", "vault"); err != nil {
			return err
		}
		_, err := v.do(method, path, nil, nil)
		return err
	}
}

func sales(by string) step { return office(http.MethodGet, "/office/sales?by="+by) }

func export(format string) step { return office(http.MethodGet, "/office/export?format="+format) }

func purge(v *visitor) error { return office(http.MethodPost, "/office/purge")(v) }

func explode(v *visitor) error { return office(http.MethodPost, "/office/explode")(v) }
