// Package worker runs small jobs in the background.
package worker

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
)

// ErrBusy says that the queue is full.
var ErrBusy = errors.New("too busy")

// Runner runs jobs at some time.
type Runner interface {
	Submit(name string, job func() error) error
	Failures() []string
}

// Inline runs each job at once, before Submit returns.
type Inline struct{}

// Submit runs the job.
func (Inline) Submit(name string, job func() error) error { return protect(name, job) }

// Failures returns nothing: failures were returned by Submit.
func (Inline) Failures() []string { return nil }

type task struct {
	name string
	job  func() error
}

// Pool runs jobs on a number of goroutines.
type Pool struct {
	tasks    chan task
	done     sync.WaitGroup
	finished atomic.Int64
	mu       sync.Mutex
	failures []string
}

// NewPool starts n workers with a queue of that depth.
func NewPool(n, depth int) *Pool {
	pool := &Pool{tasks: make(chan task, depth)}
	for range n {
		pool.done.Add(1)
		go pool.work()
	}
	return pool
}

func (p *Pool) work() {
	defer p.done.Done()
	for task := range p.tasks {
		if err := protect(task.name, task.job); err != nil {
			p.note(err)
		}
		p.finished.Add(1)
	}
}

// Submit queues a job, or says that there is no room.
func (p *Pool) Submit(name string, job func() error) error {
	select {
	case p.tasks <- task{name, job}:
		return nil
	default:
		return fmt.Errorf("%s: %w", name, ErrBusy)
	}
}

// Finished returns how many jobs have ended.
func (p *Pool) Finished() int64 { return p.finished.Load() }

func (p *Pool) note(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.failures) == 20 {
		p.failures = p.failures[1:]
	}
	p.failures = append(p.failures, err.Error())
}

// Failures returns what went wrong lately, the oldest first.
func (p *Pool) Failures() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.failures...)
}

// Close waits for the queued jobs and stops the workers.
func (p *Pool) Close() {
	close(p.tasks)
	p.done.Wait()
}

// protect turns a job's panic into an error.
func protect(name string, job func() error) (err error) {
	defer func() {
		if caught := recover(); caught != nil {
			err = fmt.Errorf("%s: panic: %v", name, caught)
		}
	}()
	if err := job(); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}
