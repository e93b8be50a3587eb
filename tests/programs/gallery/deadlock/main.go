// Command deadlock seats philosophers who all take the fork on their left first. Main gives up on
// them: a program in which really nobody can go on is ended by the runtime, without its trace.
package main

import (
	"fmt"
	"sync"
	"time"

	"gallery/internal/record"
)

func main() {
	defer record.Start()()

	forks := make([]sync.Mutex, 5)
	var sated sync.WaitGroup
	for seat := range forks {
		sated.Add(1)
		go dine(&forks[seat], &forks[(seat+1)%len(forks)], &sated)
	}
	done := make(chan struct{})
	go func() {
		sated.Wait()
		close(done)
	}()
	select {
	case <-done:
		fmt.Println("all have eaten")
	case <-time.After(40 * time.Millisecond):
		fmt.Println("everybody waits for somebody")
	}
}

func dine(left, right *sync.Mutex, sated *sync.WaitGroup) {
	defer sated.Done()
	left.Lock()
	defer left.Unlock()
	// Long enough for all to have one fork.
	time.Sleep(5 * time.Millisecond)
	right.Lock()
	defer right.Unlock()
}
