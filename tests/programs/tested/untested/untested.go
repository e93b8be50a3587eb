// Package untested has no test.
package untested

// Zero returns it.
func Zero() int { return 0 }
