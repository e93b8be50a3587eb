// Command fanin lets two producers send to one reader over the same channel.
package main

import (
	"time"

	"gallery/internal/record"
)

func main() {
	defer record.Start()()

	numbers := make(chan int)
	go produce(numbers, 3*time.Millisecond)
	go produce(numbers, 7*time.Millisecond)
	done := make(chan struct{})
	go read(numbers, done)
	<-done
}

// produce sends a number, again and again, each after a pause.
func produce(numbers chan<- int, pause time.Duration) {
	for number := 0; ; number++ {
		numbers <- number
		time.Sleep(pause)
	}
}

// read takes 24 numbers, wherever they come from.
func read(numbers <-chan int, done chan<- struct{}) {
	for range 24 {
		<-numbers
	}
	close(done)
}
