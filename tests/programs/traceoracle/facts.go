package main

import (
	"fmt"
	"internal/trace"
	"path"
	"strings"
)

// counts by name.
type counts map[string]int64

// facts are those of the Rust reader, by the same names.
type facts struct {
	Error            string    `json:"error,omitempty"`
	Syncs            int64     `json:"syncs"`
	Clocks           [][]int64 `json:"clocks"`
	Events           int64     `json:"events"`
	ByKind           counts    `json:"by_kind"`
	First            int64     `json:"first"`
	Last             int64     `json:"last"`
	OrderHash        hash      `json:"order_hash"`
	TransitionHash   hash      `json:"transition_hash"`
	TextHash         hash      `json:"text_hash"`
	Goroutines       int64     `json:"goroutines"`
	Preexisting      int64     `json:"preexisting"`
	Created          int64     `json:"created"`
	Destroyed        int64     `json:"destroyed"`
	Peak             int64     `json:"peak"`
	CreatedByStart   counts    `json:"created_by_start"`
	Depth            int64     `json:"depth"`
	Blocks           counts    `json:"blocks"`
	Stops            counts    `json:"stops"`
	Starts           int64     `json:"starts"`
	Syscalls         int64     `json:"syscalls"`
	SyscallsBlocked  int64     `json:"syscalls_blocked"`
	Unblocks         int64     `json:"unblocks"`
	UnblocksByGo     int64     `json:"unblocks_by_goroutine"`
	UnblocksByReason counts    `json:"unblocks_by_reason"`
	EdgesByReason    counts    `json:"edges_by_reason"`
	EdgesByTop       counts    `json:"edges_by_top"`
	ChannelSites     counts    `json:"channel_sites"`
	ChannelEdges     int64     `json:"channel_edges"`
	StateTime        counts    `json:"state_time"`
	Tasks            counts    `json:"tasks"`
	Regions          counts    `json:"regions"`
	Logs             int64     `json:"logs"`
	Samples          int64     `json:"samples"`
	Ranges           counts    `json:"ranges"`
	Metrics          counts    `json:"metrics"`
	Threads          int64     `json:"threads"`
	Procs            int64     `json:"procs"`
	Labels           counts    `json:"labels"`
	Experimental     int64     `json:"experimental"`

	lives   map[trace.GoID]*life
	live    int64
	threads map[trace.ThreadID]bool
	procs   map[trace.ProcID]bool
}

// life is what is known of a goroutine.
type life struct {
	hash      hash
	depth     int64
	state     trace.GoState
	since     trace.Time
	waitsFor  string
	blockedAt trace.Stack
	ended     bool
}

func newFacts() *facts {
	return &facts{
		Clocks: [][]int64{}, OrderHash: begun, TextHash: begun,
		ByKind: counts{}, CreatedByStart: counts{}, Blocks: counts{}, Stops: counts{},
		UnblocksByReason: counts{}, EdgesByReason: counts{}, EdgesByTop: counts{}, ChannelSites: counts{},
		StateTime: counts{}, Tasks: counts{}, Regions: counts{}, Ranges: counts{}, Metrics: counts{}, Labels: counts{},
		lives: map[trace.GoID]*life{}, threads: map[trace.ThreadID]bool{}, procs: map[trace.ProcID]bool{},
	}
}

// hash is an FNV-1a of 64 bits.
type hash uint64

const begun hash = 0xcbf29ce484222325

func (h hash) text(text string) hash {
	for i := 0; i < len(text); i++ {
		h = (h ^ hash(text[i])) * 0x100000001b3
	}
	return h
}

func (h hash) number(value uint64) hash {
	for range 8 {
		h = (h ^ hash(value&0xff)) * 0x100000001b3
		value >>= 8
	}
	return h
}

func (h hash) MarshalText() ([]byte, error) {
	return fmt.Appendf(nil, "%016x", uint64(h)), nil
}

func (f *facts) add(event trace.Event) {
	kind := event.Kind()
	f.Events++
	f.ByKind[kind.String()]++
	f.TextHash = f.TextHash.text(line(event)).text("\n")
	for _, value := range []uint64{uint64(kind), uint64(event.Time()), uint64(event.Goroutine()), uint64(event.Proc()), uint64(event.Thread())} {
		f.OrderHash = f.OrderHash.number(value)
	}
	if kind != trace.EventSync {
		if f.First == 0 {
			f.First = int64(event.Time())
		}
		f.Last = int64(event.Time())
	}
	if event.Thread() != trace.NoThread {
		f.threads[event.Thread()] = true
	}
	if event.Proc() != trace.NoProc {
		f.procs[event.Proc()] = true
	}
	switch kind {
	case trace.EventSync:
		f.Syncs++
		if read := clocks(event); read != nil {
			f.Clocks = append(f.Clocks, read)
		}
	case trace.EventMetric:
		f.Metrics[event.Metric().Name]++
	case trace.EventLabel:
		f.Labels[event.Label().Label]++
	case trace.EventStackSample:
		f.Samples++
	case trace.EventRangeBegin, trace.EventRangeActive:
		f.Ranges[event.Range().Name]++
	case trace.EventTaskBegin:
		f.Tasks[event.Task().Type]++
	case trace.EventRegionBegin:
		f.Regions[event.Region().Type]++
	case trace.EventLog:
		f.Logs++
	case trace.EventExperimental:
		f.Experimental++
	case trace.EventStateTransition:
		change := event.StateTransition()
		if change.Resource.Kind == trace.ResourceProc {
			f.procs[change.Resource.Proc()] = true
		} else if change.Resource.Kind == trace.ResourceGoroutine {
			f.transition(event, change)
		}
	}
}

func (f *facts) transition(event trace.Event, change trace.StateTransition) {
	id := change.Resource.Goroutine()
	from, to := change.Goroutine()
	l := f.lives[id]
	if l == nil {
		l = &life{hash: begun}
		f.lives[id] = l
	}
	l.hash = l.hash.number(uint64(from)).number(uint64(to)).text(change.Reason)
	f.spend(l, from, event.Time())
	switch from {
	case trace.GoNotExist:
		f.Created++
		f.live++
		l.depth = 1
		if parent := f.lives[event.Goroutine()]; parent != nil {
			l.depth += parent.depth
		}
		f.Depth = max(f.Depth, l.depth)
		f.CreatedByStart[top(change.Stack)]++
	case trace.GoUndetermined:
		f.Preexisting++
		f.live++
		if to == trace.GoWaiting {
			l.waitsFor = "(before trace)"
		}
	}
	f.Peak = max(f.Peak, f.live)
	switch {
	case to == trace.GoNotExist:
		f.Destroyed++
		f.live--
		l.ended = true
	case from == trace.GoRunning && to == trace.GoWaiting:
		l.waitsFor = change.Reason
		l.blockedAt = event.Stack()
		f.Blocks[change.Reason]++
	case from == trace.GoRunning && to == trace.GoRunnable:
		f.Stops[change.Reason]++
	case from == trace.GoRunnable && to == trace.GoRunning:
		f.Starts++
	case from == trace.GoRunning && to == trace.GoSyscall:
		f.Syscalls++
	case from == trace.GoSyscall && to == trace.GoRunnable:
		f.SyscallsBlocked++
	case from == trace.GoWaiting && to == trace.GoRunnable:
		f.unblock(event, l)
	}
	l.state = to
	l.since = event.Time()
}

func (f *facts) unblock(event trace.Event, woken *life) {
	f.Unblocks++
	f.UnblocksByReason[woken.waitsFor]++
	if event.Goroutine() == trace.NoGoroutine {
		return
	}
	f.UnblocksByGo++
	f.EdgesByReason[woken.waitsFor]++
	waker := top(event.Stack())
	f.EdgesByTop[woken.waitsFor+" <- "+waker]++
	onChannel := woken.waitsFor == "chan send" || woken.waitsFor == "chan receive" || woken.waitsFor == "select"
	if onChannel && (strings.HasPrefix(waker, "runtime.chan") || strings.HasPrefix(waker, "runtime.select")) {
		f.ChannelEdges++
		f.ChannelSites[fmt.Sprintf("[%s] %s => [%s] %s", waker, site(event.Stack()), woken.waitsFor, site(woken.blockedAt))]++
	}
}

// spend adds the time since a goroutine's last transition to the state it was in.
func (f *facts) spend(l *life, state trace.GoState, now trace.Time) {
	if l.since == 0 || state == trace.GoUndetermined || state == trace.GoNotExist {
		return
	}
	name := state.String()
	if state == trace.GoWaiting {
		name += ":" + l.waitsFor
	}
	f.StateTime[name] += int64(now - l.since)
}

func (f *facts) finish() {
	for id, l := range f.lives {
		if !l.ended {
			f.spend(l, l.state, trace.Time(f.Last))
		}
		f.TransitionHash ^= l.hash.number(uint64(id))
	}
	f.Goroutines = int64(len(f.lives))
	f.Threads = int64(len(f.threads))
	f.Procs = int64(len(f.procs))
}

// top is the innermost function of a stack.
func top(stack trace.Stack) string {
	for _, frame := range frames(stack) {
		return frame.Func
	}
	return ""
}

// site is the innermost call that is neither the runtime's nor a lock's.
func site(stack trace.Stack) string {
	for _, frame := range frames(stack) {
		inner := strings.HasPrefix(frame.Func, "runtime.") || strings.HasPrefix(frame.Func, "sync.") || strings.HasPrefix(frame.Func, "internal/")
		if !inner {
			return fmt.Sprintf("%s@%s:%d", frame.Func, path.Base(frame.File), frame.Line)
		}
	}
	return ""
}
