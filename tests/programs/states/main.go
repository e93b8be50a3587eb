// States writes an execution trace in which goroutines are in every state for a while: they run,
// could run, wait for channels and locks, sleep, and sit in system calls.
//
//	go run . states.trace
package main

import (
	"log"
	"os"
	"runtime"
	"runtime/trace"
	"sync"
	"syscall"
	"time"
)

func main() {
	runtime.GOMAXPROCS(2)
	file, err := os.Create(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	if err := trace.Start(file); err != nil {
		log.Fatal(err)
	}
	var all sync.WaitGroup
	start := func(work func()) {
		all.Add(1)
		go func() {
			defer all.Done()
			work()
		}()
	}
	var pipe [2]int
	if err := syscall.Pipe(pipe[:]); err != nil {
		log.Fatal(err)
	}
	for range 2 {
		start(func() { reader(pipe[0]) })
	}
	for range 4 {
		start(sleeper)
	}
	start(func() { boss(start) })
	var lock sync.Mutex
	for range 3 {
		start(func() { locker(&lock) })
	}
	time.Sleep(25 * time.Millisecond)
	for range 4 {
		start(burner)
	}
	time.Sleep(10 * time.Millisecond)
	if _, err := syscall.Write(pipe[1], []byte{1, 2}); err != nil {
		log.Fatal(err)
	}
	all.Wait()
	trace.Stop()
	if err := file.Close(); err != nil {
		log.Fatal(err)
	}
}

// Reader sits in a system call until there is something to read.
func reader(pipe int) {
	var byte [1]byte
	syscall.Read(pipe, byte[:])
}

func sleeper() {
	for range 3 {
		time.Sleep(14 * time.Millisecond)
	}
}

// Boss gives work to workers, and waits for what they say.
func boss(start func(func())) {
	jobs, results := make(chan int), make(chan int)
	for range 4 {
		start(func() { worker(jobs, results) })
	}
	for round := range 5 {
		for job := range 4 {
			jobs <- round * job
		}
		for range 4 {
			<-results
		}
		time.Sleep(6 * time.Millisecond)
	}
	close(jobs)
}

func worker(jobs, results chan int) {
	for job := range jobs {
		spin(200 * time.Microsecond)
		results <- job
	}
}

// Locker keeps others from what they want.
func locker(lock *sync.Mutex) {
	for range 3 {
		lock.Lock()
		time.Sleep(4 * time.Millisecond)
		lock.Unlock()
	}
}

// Burner runs whenever it may: there are more of them than processors.
func burner() { spin(12 * time.Millisecond) }

func spin(long time.Duration) {
	for end := time.Now().Add(long); time.Now().Before(end); {
	}
}
