// Package calc calculates.
package calc

// Sum adds up the numbers below n.
func Sum(n int) int {
	total := 0
	for i := range n {
		total += i
	}
	return total
}

// Sign says on which side of zero x is.
func Sign(x int) string {
	twice := func() int { return 2 * x }
	if x < 0 {
		return "negative"
	}
	if x > 100 {
		return "large: " + string(rune(twice()))
	}
	return "not negative"
}

// Never is never called.
func Never() string { return "never" }
