// Package types has nothing to execute either.
package types

// Pair is two of them.
type Pair struct {
	A, B int
}

// Doer does.
type Doer interface {
	Do(Pair) error
}

// Pairs are many, and Func a function.
type (
	Pairs []Pair
	Func  func(Pairs) (Doer, error)
)
