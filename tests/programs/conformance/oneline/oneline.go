// Package oneline puts much on one line, and has bodies with nothing in them.
package oneline

import "fmt"

func empty() {}

func emptyToo() {
}

func comment() {
	// Nothing but this.
}

func one() int { return 1 }

func two(n int) int { if n > 1 { return 2 }; return n }

func three(n int) (s int) { for i := 0; i < n; i++ { if i == 2 { continue }; s += i }; return s }

func four(n int) int { switch { case n > 1: return 4; case n > 0: return 3 }; return func() int { return n }() }

func semicolons() (a int) { a = 1; a++; { a *= 2; { a++ } }; ; return a }

func noResult() { if one() == 1 { return }; empty() }

func blank(_ int, _ ...string) (_ error) { _, _ = one(), 2; return }

func bare() { { } ; {
	} }

type t struct{}

func (t) m() {}
func (_ t) n() { for range 2 { } }

func long() string { a := "päö — ünï"; if len(a) > 3 { return "é" }; return "ß" }

func tabs() int {	if	one() == 1	{	return	5	};	return	6	}

func veryLast() int { return 9 }; var trailing = veryLast()

// Run calls most.
func Run() string {
	empty(); emptyToo(); comment(); noResult(); _ = blank(1); bare(); t{}.m(); t{}.n()
	return fmt.Sprint(two(1), two(2), three(4), four(0), four(1), semicolons(), long(), tabs(), trailing)
}
