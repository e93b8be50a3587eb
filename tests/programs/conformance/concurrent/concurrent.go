// Package concurrent has goroutines whose counts don't depend on who comes first.
package concurrent

import (
	"context"
	"fmt"
	"runtime/pprof"
	"sync"
	"sync/atomic"
	"time"
)

func fan(n int) int64 {
	var total atomic.Int64
	var group sync.WaitGroup
	turn := make(chan struct{}, 1)
	for i := range n {
		group.Add(1)
		go func() {
			defer group.Done()
			turn <- struct{}{}
			if i%2 == 0 {
				total.Add(int64(i))
			}
			<-turn
		}()
	}
	group.Wait()
	return total.Load()
}

func pipeline(values ...int) (sum int) {
	first, second := make(chan int), make(chan int)
	go func() {
		defer close(first)
		for _, value := range values {
			first <- value
		}
	}()
	go func() {
		defer close(second)
		for value := range first {
			second <- value * value
		}
	}()
	for value := range second {
		sum += value
	}
	return sum
}

func timeout() string {
	ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	select {
	case <-ctx.Done():
		return "late"
	case <-time.After(time.Hour):
		return "early"
	}
}

func labeled() (out string) {
	pprof.Do(context.Background(), pprof.Labels("request", "7"), func(ctx context.Context) {
		out, _ = pprof.Label(ctx, "request")
	})
	return out
}

// Run waits for all of them.
func Run() string {
	var once sync.Once
	n := 0
	for range 3 {
		once.Do(func() { n++ })
	}
	return fmt.Sprint(fan(9), pipeline(1, 2, 3), timeout(), labeled(), n)
}
