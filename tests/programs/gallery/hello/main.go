// Command hello sends one number to another goroutine.
package main

import (
	"fmt"

	"gallery/internal/record"
)

func main() {
	defer record.Start()()

	numbers := make(chan int)
	go send(numbers)
	fmt.Println(<-numbers)
}

func send(numbers chan<- int) {
	numbers <- 42
}
