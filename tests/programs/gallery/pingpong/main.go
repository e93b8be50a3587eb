// Command pingpong lets three players hit one ball over a table.
package main

import (
	"time"

	"gallery/internal/record"
)

func main() {
	defer record.Start()()

	table := make(chan int)
	for range 3 {
		go play(table)
	}
	// The ball is a count of hits.
	table <- 0
	time.Sleep(60 * time.Millisecond)
	<-table
}

// play takes the ball when it comes, and hits it after a while. Who waits longest gets it next.
func play(table chan int) {
	for {
		ball := <-table
		time.Sleep(4 * time.Millisecond)
		table <- ball + 1
	}
}
