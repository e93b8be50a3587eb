// Exits ends in one way or another, after work whose counts are known.
//
// Usage: exits MODE [N]. Before it ends, step has run N times (1000 unless given), half of them
// odd, and mode's own function has run once; after has never run, except when the mode is return.
package main

import (
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"sync"
	"syscall"
	"time"
)

var modes = map[string]func(){
	"return":   func() {},
	"short":    func() {},
	"exit":     exit,
	"panic":    panics,
	"nil":      nilPointer,
	"map":      concurrentMap,
	"deadlock": deadlock,
	"stack":    func() { overflow(0) },
	"sigterm":  sigterm,
	"default":  wait,
	"sigkill":  wait,
}

func main() {
	mode, n := "return", 1000
	if len(os.Args) > 1 {
		mode = os.Args[1]
	}
	if len(os.Args) > 2 {
		var err error
		if n, err = strconv.Atoi(os.Args[2]); err != nil {
			fmt.Fprintln(os.Stderr, "exits:", err)
			os.Exit(2)
		}
	}
	end, ok := modes[mode]
	if !ok {
		fmt.Fprintf(os.Stderr, "exits: unknown mode %q\n", mode)
		os.Exit(2)
	}
	work(n)
	end()
	after()
}

func work(n int) (odd int) {
	for i := range n {
		odd += step(i)
	}
	return odd
}

// step runs once for each i.
func step(i int) int {
	if i%2 == 1 {
		return 1
	}
	return 0
}

// after runs when a mode comes back.
func after() {
	fmt.Println("after")
}

func exit() {
	defer fmt.Println("never")
	os.Exit(3)
}

func panics() {
	defer func() {
		work(10)
	}()
	panic("as asked")
}

func nilPointer() {
	var missing *int
	*missing = 1
}

// concurrentMap dies of two goroutines that write to one map, sooner or later.
func concurrentMap() {
	shared := make(map[int]int)
	var group sync.WaitGroup
	for range 8 {
		group.Add(1)
		go func() {
			defer group.Done()
			for i := range 100_000_000 {
				shared[i%1000] = i
			}
		}()
	}
	group.Wait()
}

// deadlock dies of it only when no other goroutine and no cgo keeps the program alive.
func deadlock() {
	<-make(chan struct{})
}

func overflow(depth int) int {
	var filler [1024]byte
	filler[depth%len(filler)] = 1
	return overflow(depth+1) + int(filler[0])
}

// sigterm ends in order when asked to.
func sigterm() {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM)
	ready()
	<-signals
	work(10)
	os.Exit(0)
}

// wait waits to be killed.
func wait() {
	ready()
	for {
		time.Sleep(time.Hour)
	}
}

func ready() {
	fmt.Println("ready")
}
