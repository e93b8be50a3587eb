//go:build !go1.25

package main

import "errors"

// flight writes what a flight recorder remembers, which Go has from 1.25 on.
func flight(string) {
	check(errors.New("this Go has no flight recorder"))
}
