// Command leak asks three replicas and takes the first answer. The others never get rid of theirs.
package main

import (
	"time"

	"gallery/internal/record"
)

func main() {
	defer record.Start()()

	for range 8 {
		first()
	}
}

// first forgets that two more will send: with room for three in the channel, nobody would wait.
func first() int {
	answers := make(chan int)
	for replica := range 3 {
		go ask(replica, answers)
	}
	return <-answers
}

func ask(replica int, answers chan<- int) {
	time.Sleep(time.Duration(2+replica) * time.Millisecond)
	answers <- replica
}
