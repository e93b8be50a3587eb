// Package scheduler runs jobs at intervals.
package scheduler

import (
	"container/heap"
	"context"
	"sync"
	"time"

	"example.com/demo/internal/clock"
)

// Job is something to do again and again.
type Job struct {
	Name  string
	Every time.Duration
	Do    func()

	due  time.Time
	runs int
}

type queue []*Job

func (q queue) Len() int           { return len(q) }
func (q queue) Less(i, j int) bool { return q[i].due.Before(q[j].due) }
func (q queue) Swap(i, j int)      { q[i], q[j] = q[j], q[i] }
func (q *queue) Push(job any)      { *q = append(*q, job.(*Job)) }
func (q *queue) Pop() any {
	last := len(*q) - 1
	job := (*q)[last]
	*q = (*q)[:last]
	return job
}

// Scheduler holds the jobs, the next one first.
type Scheduler struct {
	mu    sync.Mutex
	clock clock.Clock
	jobs  queue
}

// New returns a scheduler without jobs.
func New(clock clock.Clock) *Scheduler { return &Scheduler{clock: clock} }

// Add schedules a job; it runs for the first time after one interval.
func (s *Scheduler) Add(name string, every time.Duration, do func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	heap.Push(&s.jobs, &Job{Name: name, Every: every, Do: do, due: s.clock.Now().Add(every)})
}

// Tick runs what is due and returns how many jobs that were. A job that was missed several times
// runs once.
func (s *Scheduler) Tick() (ran int) {
	for {
		job := s.take()
		if job == nil {
			return ran
		}
		job.Do()
		ran++
		s.put(job)
	}
}

func (s *Scheduler) take() *Job {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.jobs) == 0 || s.jobs[0].due.After(s.clock.Now()) {
		return nil
	}
	return heap.Pop(&s.jobs).(*Job)
}

func (s *Scheduler) put(job *Job) {
	s.mu.Lock()
	defer s.mu.Unlock()
	job.runs++
	for now := s.clock.Now(); !job.due.After(now); {
		job.due = job.due.Add(job.Every)
	}
	heap.Push(&s.jobs, job)
}

// Run ticks until ctx is done.
func (s *Scheduler) Run(ctx context.Context, every time.Duration) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			s.Tick()
		}
	}
}
