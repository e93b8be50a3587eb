// Command pipeline passes values through stages with buffers in between; the second is the slow one.
package main

import (
	"time"

	"gallery/internal/record"
)

func main() {
	defer record.Start()()

	parsed := make(chan int, 4)
	rendered := make(chan int, 4)
	go parse(30, parsed)
	go render(parsed, rendered)
	for range rendered {
		time.Sleep(time.Millisecond)
	}
}

// parse is fast: the buffer fills up, and from then on it waits for room.
func parse(pages int, parsed chan<- int) {
	defer close(parsed)
	for page := range pages {
		time.Sleep(500 * time.Microsecond)
		parsed <- page
	}
}

func render(parsed <-chan int, rendered chan<- int) {
	defer close(rendered)
	for page := range parsed {
		time.Sleep(2 * time.Millisecond)
		rendered <- page
	}
}
