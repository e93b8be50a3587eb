// Command workers shares jobs out among as many goroutines as are free.
package main

import (
	"sync"
	"time"

	"gallery/internal/record"
)

func main() {
	defer record.Start()()

	jobs := make(chan time.Duration)
	var all sync.WaitGroup
	for range 12 {
		all.Add(1)
		go work(jobs, &all)
	}
	for number := range 36 {
		jobs <- time.Duration(2+number%5) * time.Millisecond
	}
	// Each worker sees the end, and goes home.
	close(jobs)
	all.Wait()
}

func work(jobs <-chan time.Duration, all *sync.WaitGroup) {
	defer all.Done()
	for job := range jobs {
		time.Sleep(job)
	}
}
