// Package roman writes and reads roman numerals.
package roman

import (
	"errors"
	"strings"
)

// ErrRange says that there is no numeral for a number.
var ErrRange = errors.New("no roman numeral")

// ErrSyntax says that a text is no numeral.
var ErrSyntax = errors.New("not a roman numeral")

var digits = []struct {
	value int
	text  string
}{
	{1000, "M"}, {900, "CM"}, {500, "D"}, {400, "CD"}, {100, "C"}, {90, "XC"},
	{50, "L"}, {40, "XL"}, {10, "X"}, {9, "IX"}, {5, "V"}, {4, "IV"}, {1, "I"},
}

// Format writes a number from 1 to 3999.
func Format(n int) (string, error) {
	if n < 1 || n > 3999 {
		return "", ErrRange
	}
	var b strings.Builder
	for _, digit := range digits {
		for n >= digit.value {
			b.WriteString(digit.text)
			n -= digit.value
		}
	}
	return b.String(), nil
}

// Parse reads a numeral.
func Parse(text string) (n int, err error) {
	rest := text
	for _, digit := range digits {
		for strings.HasPrefix(rest, digit.text) {
			n += digit.value
			rest = rest[len(digit.text):]
		}
	}
	if rest != "" {
		return 0, ErrSyntax
	}
	if again, err := Format(n); err != nil || again != text {
		return 0, ErrSyntax
	}
	return n, nil
}

// Digits says how many letters a number needs; no test asks.
func Digits(n int) int {
	text, err := Format(n)
	if err != nil {
		return 0
	}
	return len(text)
}
