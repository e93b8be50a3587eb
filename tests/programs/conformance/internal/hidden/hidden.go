// Package hidden is internal, and imported with a dot.
package hidden

// Reveal says so.
func Reveal() string {
	if hidden {
		return "hidden"
	}
	return "seen"
}

var hidden = true
