// Command sieve finds prime numbers with a chain of goroutines, one for each prime.
package main

import (
	"fmt"

	"gallery/internal/record"
)

func main() {
	defer record.Start()()

	numbers := make(chan int)
	go count(numbers)
	for range 12 {
		prime := <-numbers
		fmt.Println(prime)
		rest := make(chan int)
		go filter(numbers, rest, prime)
		numbers = rest
	}
}

// count sends 2, 3, 4 and so on.
func count(numbers chan<- int) {
	for number := 2; ; number++ {
		numbers <- number
	}
}

// filter hands on what the prime does not divide.
func filter(numbers <-chan int, rest chan<- int, prime int) {
	for number := range numbers {
		if number%prime != 0 {
			rest <- number
		}
	}
}
