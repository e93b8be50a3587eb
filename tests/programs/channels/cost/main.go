// Command cost says what an operation on a channel takes, in ns of CPU time: `name ns` on each
// line. Buffered: one goroutine sends and receives. Unbuffered: two play ping-pong. Select: as
// buffered, in a select with two cases.
package main

import (
	"fmt"
	"syscall"
	"time"
)

// used is the CPU time of the process.
func used() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		panic(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

func main() {
	const n = 1 << 20
	told := func(name string, operations int, begun time.Duration) {
		fmt.Printf("%s %.1f\n", name, float64(used()-begun)/float64(operations))
	}
	buffered := make(chan int, 8)
	begun := used()
	for i := range n {
		buffered <- i
		<-buffered
	}
	told("buffered", 2*n, begun)

	never := make(chan int)
	begun = used()
	for i := range n {
		select {
		case buffered <- i:
		case <-never:
		}
		select {
		case <-buffered:
		case <-never:
		}
	}
	told("select", 2*n, begun)

	ping, pong := make(chan int), make(chan int)
	go func() {
		for i := range ping {
			pong <- i
		}
		close(pong)
	}()
	begun = used()
	for i := range n / 8 {
		ping <- i
		<-pong
	}
	// A value takes two operations, one on each side.
	told("unbuffered", n/8*4, begun)
	close(ping)
	for range pong {
	}
}
