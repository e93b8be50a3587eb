// Package embedded calls methods through embedding, interfaces, values and expressions.
package embedded

import "fmt"

type animal interface {
	name() string
	legs() int
}

type base struct{ n string }

func (b base) name() string      { return b.n }
func (b *base) rename(to string) { b.n = to }
func (base) legs() int           { return 4 }

type bird struct {
	*base
	wings int
}

func (b bird) legs() int {
	if b.wings == 2 {
		return 2
	}
	return b.base.legs()
}

type loud struct{ animal }

func (l loud) name() string { return l.animal.name() + "!" }

type silent struct{}

func (silent) name() string { return "" }
func (*silent) legs() int   { return 0 }

type number int

func (n *number) add(m number) *number {
	*n += m
	return n
}

func (n number) even() bool { return n%2 == 0 }

// Run calls them.
func Run() string {
	crow := bird{&base{"crow"}, 2}
	crow.rename("raven")
	animals := []animal{crow, loud{crow}, base{"cat"}, &silent{}}
	out := ""
	for _, a := range animals {
		out += fmt.Sprint(a.name(), a.legs(), " ")
	}
	var n number
	add := n.add
	add(1).add(2)
	legs := animal.legs
	return fmt.Sprint(out, n, number.even(n), (*number).add(&n, 1).even(), legs(crow))
}
