package roman_test

import (
	"fmt"

	"example.com/tested/roman"
)

func ExampleFormat() {
	text, _ := roman.Format(42)
	fmt.Println(text)
	// Output: XLII
}

func ExampleFormat_range() {
	_, err := roman.Format(4000)
	fmt.Println(err)
	// Output: no roman numeral
}
