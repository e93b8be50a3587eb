// Command traced records an execution trace of itself into the file that it is told: workers that
// share jobs, one that spins, one that sleeps, and one that nobody ever wakes.
package main

import (
	"context"
	"os"
	"runtime/trace"
	"sync"
	"time"
)

func main() {
	file, err := os.Create(os.Args[1])
	if err != nil {
		panic(err)
	}
	if err := trace.Start(file); err != nil {
		panic(err)
	}
	run()
	trace.Stop()
	if err := file.Close(); err != nil {
		panic(err)
	}
}

func run() {
	ctx, task := trace.NewTask(context.Background(), "batch")
	defer task.End()
	go stuck(make(chan int))
	jobs := make(chan int)
	var all sync.WaitGroup
	all.Add(5)
	for range 3 {
		go worker(ctx, jobs, &all)
	}
	go sleeper(&all)
	go spinner(&all)
	// By then all workers wait.
	time.Sleep(5 * time.Millisecond)
	for job := range 12 {
		jobs <- job
	}
	close(jobs)
	all.Wait()
}

func worker(ctx context.Context, jobs <-chan int, all *sync.WaitGroup) {
	defer all.Done()
	for job := range jobs {
		trace.WithRegion(ctx, "work", func() {
			trace.Logf(ctx, "job", "number %d", job)
			spin(time.Millisecond)
		})
	}
}

func stuck(never <-chan int) {
	<-never
}

func sleeper(all *sync.WaitGroup) {
	defer all.Done()
	time.Sleep(20 * time.Millisecond)
}

func spinner(all *sync.WaitGroup) {
	defer all.Done()
	spin(30 * time.Millisecond)
}

func spin(long time.Duration) {
	for begin := time.Now(); time.Since(begin) < long; {
	}
}
