// Package inits initializes itself in every way.
package inits

import "fmt"

var log []string

func note(text string) int {
	log = append(log, text)
	return len(log)
}

var (
	third  = second + note("third")
	second = first + note("second")
	first  = note("first")
)

var x, y = two()

var lazily = func() func() int {
	n := note("lazily")
	return func() int { return n }
}()

func two() (int, int) {
	if third > 0 {
		return note("x"), note("y")
	}
	return 0, 0
}

func init() {
	note("init 1")
}

func init() {
	if x > 100 {
		note("never")
	}
	note("init 2")
}

// Run tells what happened before main.
func Run() string { return fmt.Sprint(log, first, second, third, x, y, lazily(), zeroth) }
