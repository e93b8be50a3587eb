package main

import (
	"bytes"
	"context"
	"io"
	"net"
	"os"
	"runtime"
	"runtime/pprof"
	"runtime/trace"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// handOver is a coroutine's work, where Go has coroutines.
var handOver = func(int) {}

// states brings goroutines into every state, for every reason that a program can give.
func states([]int) int {
	var all sync.WaitGroup
	start := func(work func()) {
		all.Add(1)
		go func() {
			defer all.Done()
			work()
		}()
	}
	start(func() { time.Sleep(3 * time.Millisecond) })
	start(func() {
		for range 5 {
			runtime.Gosched()
		}
	})
	start(func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		for range 3 {
			time.Sleep(100 * time.Microsecond)
		}
	})
	start(func() {
		<-time.After(time.Millisecond)
		timeout, cancel := context.WithTimeout(context.Background(), time.Millisecond)
		defer cancel()
		<-timeout.Done()
	})
	start(func() { handOver(10) })
	start(func() {
		defer func() { _ = recover() }()
		panic("on purpose")
	})
	start(pipe)
	start(network)
	start(spin)
	all.Wait()
	// These wait for ever.
	go func() { select {} }()
	go func() { <-make(chan int) }()
	go func() { <-(chan int)(nil) }()
	time.Sleep(time.Millisecond)
	return 0
}

// pipe makes system calls that block.
func pipe() {
	reader, writer, err := os.Pipe()
	check(err)
	go func() {
		time.Sleep(time.Millisecond)
		_, err := writer.Write([]byte("x"))
		check(err)
		check(writer.Close())
	}()
	_, err = io.ReadAll(reader)
	check(err)
	for range 20 {
		_, err := os.Stat(".")
		check(err)
	}
}

// network waits for bytes from another goroutine.
func network() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	go func() {
		peer, err := net.Dial("tcp", listener.Addr().String())
		check(err)
		for range 5 {
			time.Sleep(100 * time.Microsecond)
			_, err = peer.Write([]byte("x"))
			check(err)
		}
		check(peer.Close())
	}()
	peer, err := listener.Accept()
	check(err)
	_, err = io.ReadAll(peer)
	check(err)
	check(listener.Close())
}

// spin runs until others want the processor.
func spin() {
	for until := time.Now().Add(30 * time.Millisecond); time.Now().Before(until); {
	}
}

// locks hands a lock, a condition and a group of goroutines around.
func locks(each int) int {
	var lock sync.Mutex
	var all sync.WaitGroup
	held := 0
	for range 4 {
		all.Add(1)
		go func() {
			defer all.Done()
			for range each {
				lock.Lock()
				held++
				runtime.Gosched()
				lock.Unlock()
			}
		}()
	}
	all.Wait()
	ready := sync.NewCond(&lock)
	go func() {
		lock.Lock()
		held = 0
		lock.Unlock()
		ready.Broadcast()
	}()
	lock.Lock()
	for held != 0 {
		ready.Wait()
	}
	lock.Unlock()
	return 0
}

// annotated has tasks inside of tasks, regions inside of regions, and messages.
func annotated(each int) int {
	var all sync.WaitGroup
	root, done := trace.NewTask(context.Background(), "root")
	defer done.End()
	for range each {
		all.Add(1)
		go func() {
			defer all.Done()
			order, done := trace.NewTask(root, "order")
			defer done.End()
			trace.WithRegion(order, "outer", func() {
				trace.WithRegion(order, "inner", runtime.Gosched)
				trace.Log(order, "state", "paid\n\"in cash\", 5 €")
			})
			trace.Logf(context.Background(), "", "%d", 7)
			// It is never left.
			trace.StartRegion(order, "open")
		}()
	}
	all.Wait()
	return 0
}

// kept is what the collector has to look through.
var kept [][]byte

// collected allocates and collects.
func collected(rounds int) int {
	for round := range rounds {
		for range 200 {
			kept = append(kept, make([]byte, 10<<10))
		}
		if round%2 == 1 {
			kept = nil
		}
		runtime.GC()
	}
	runtime.GOMAXPROCS(1)
	runtime.GOMAXPROCS(2)
	return 0
}

// sampled works under the CPU profiler.
func sampled(milliseconds int) int {
	check(pprof.StartCPUProfile(&bytes.Buffer{}))
	defer pprof.StopCPUProfile()
	for until := time.Now().Add(time.Duration(milliseconds) * time.Millisecond); time.Now().Before(until); {
		work(1000)
	}
	return 0
}

func work(rounds int) (sum int) {
	for round := range rounds {
		sum += round * sum
	}
	return sum
}

// parked lets many goroutines wait for one close.
func parked(goroutines int) int {
	var ready, all sync.WaitGroup
	stop := make(chan bool)
	for range goroutines {
		ready.Add(1)
		all.Add(1)
		go func() {
			defer all.Done()
			ready.Done()
			<-stop
		}()
	}
	ready.Wait()
	close(stop)
	all.Wait()
	return 0
}

// threads lets goroutines sleep in the system, each on a thread of its own then.
func threads(goroutines, each int) int {
	var all sync.WaitGroup
	for number := range goroutines {
		all.Add(1)
		go func() {
			defer all.Done()
			for range each {
				long := syscall.NsecToTimespec(int64(number) * 3000)
				_ = syscall.Nanosleep(&long, nil)
			}
		}()
	}
	all.Wait()
	return 0
}

// nested enters regions inside of regions.
func nested(depth int) int {
	if depth > 0 {
		defer trace.StartRegion(context.Background(), strconv.Itoa(depth%7)).End()
		return nested(depth - 1)
	}
	return 0
}
