// Package greet depends on another package of its module.
package greet

import (
	"fmt"

	"example.com/tested/roman"
)

// King greets the n-th of a name.
func King(name string, n int) string {
	numeral, err := roman.Format(n)
	if err != nil {
		return "Hello, " + name
	}
	return fmt.Sprintf("Hail, %s %s", name, numeral)
}
