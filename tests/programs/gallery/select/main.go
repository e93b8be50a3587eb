// Command select waits for whichever comes first: a value, a tick, or the end.
package main

import (
	"context"
	"time"

	"gallery/internal/record"
)

func main() {
	defer record.Start()()

	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	fast, slow := make(chan int), make(chan int)
	go produce(ctx, fast, 4*time.Millisecond)
	go produce(ctx, slow, 11*time.Millisecond)
	consume(ctx, fast, slow)
}

// produce sends until nobody wants more.
func produce(ctx context.Context, numbers chan<- int, pause time.Duration) {
	for number := 0; ; number++ {
		time.Sleep(pause)
		select {
		case numbers <- number:
		case <-ctx.Done():
			return
		}
	}
}

func consume(ctx context.Context, fast, slow <-chan int) {
	ticks := time.NewTicker(15 * time.Millisecond)
	defer ticks.Stop()
	for {
		select {
		case <-fast:
		case <-slow:
		case <-ticks.C:
		case <-ctx.Done():
			return
		}
	}
}
