package main

import (
	"context"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// wait is run by each goroutine that woken parks.
func wait(until func(), left *atomic.Int64) {
	until()
	left.Add(-1)
}

// park starts goroutines that wait; it returns when they do. The result lets them end without
// being waited for.
func park(count int, until func()) func() {
	var left atomic.Int64
	left.Store(int64(count))
	for range count {
		go wait(until, &left)
	}
	text := make([]byte, 1<<20)
	for waits := false; !waits; {
		time.Sleep(100 * time.Microsecond)
		waits = true
		for _, stack := range strings.Split(string(text[:runtime.Stack(text, true)]), "\n\n") {
			head, _, _ := strings.Cut(stack, "\n")
			runs := strings.Contains(head, "[run")
			waits = waits && !(runs && strings.Contains(stack, "created by main.park"))
		}
	}
	return func() {
		for left.Load() > 0 {
			time.Sleep(100 * time.Microsecond)
		}
	}
}

// woken wakes goroutines in every way there is, so many times each: 5 by sending, 4 by receiving,
// 7 by closing, 5 by a condition, 5 by locks and groups.
func woken([]int) int {
	plain := make(chan int)
	reflected, one := reflect.ValueOf(plain), reflect.ValueOf(1)
	end := park(4, func() { <-plain })
	reflected.Send(one)
	reflected.TrySend(one)
	reflect.Select([]reflect.SelectCase{{Dir: reflect.SelectSend, Chan: reflected, Send: one}})
	plain <- 1
	end()
	end = park(1, func() { reflected.Recv() })
	plain <- 1
	end()
	end = park(4, func() { plain <- 1 })
	reflected.Recv()
	reflected.TryRecv()
	reflect.Select([]reflect.SelectCase{{Dir: reflect.SelectRecv, Chan: reflected}})
	<-plain
	end()

	end = park(2, func() { <-plain })
	close(plain)
	end()
	plain = make(chan int)
	end = park(2, func() {
		defer func() { _ = recover() }()
		plain <- 1
	})
	reflect.ValueOf(plain).Close()
	end()
	until, cancel := context.WithCancel(context.Background())
	end = park(3, func() {
		select {
		case <-until.Done():
		case <-make(chan int):
		}
	})
	cancel()
	end()

	var lock sync.Mutex
	ready := sync.NewCond(&lock)
	end = park(5, func() {
		lock.Lock()
		ready.Wait()
		lock.Unlock()
	})
	ready.Signal()
	time.Sleep(time.Millisecond)
	ready.Broadcast()
	end()
	var group sync.WaitGroup
	group.Add(2)
	end = park(3, group.Wait)
	group.Done()
	group.Done()
	end()
	lock.Lock()
	end = park(1, func() {
		lock.Lock()
		lock.Unlock()
	})
	lock.Unlock()
	end()
	var shared sync.RWMutex
	shared.RLock()
	end = park(1, shared.Lock)
	shared.RUnlock()
	end()
	return 0
}
