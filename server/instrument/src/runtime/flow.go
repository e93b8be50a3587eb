package coverglass_target

import (
	"internal/runtime/exithook"
	"sync/atomic"
	"syscall"
	"unsafe"
)

// The flow file, made by the collector: 0 magic · 8 shards u32 · 12 capacity u32; from 4096 on the
// shards, each 64 + 40 × capacity bytes, rounded up to 64: 0 events ever begun · 64 events:
// number + 1, stored last · goroutine · label · place · clock.
const (
	flowUnknown = iota
	flowOpening
	flowReady
	flowBroken

	shardHeadBytes = 64
	eventBytes     = 40
)

var flow struct {
	state            atomic.Uint32
	base             unsafe.Pointer
	shift            uint64
	shardBytes, mask uintptr
}

// Trace notes that the current goroutine entered a place: a handle of Register or Map, and a unit.
func Trace(place Word) {
	if flow.state.Load() != flowReady && !openFlow() {
		return
	}
	goroutine := exithook.Goid()
	// A goroutine keeps to one shard, so its events stay in order.
	shard := uintptr((goroutine * 0x9E3779B97F4A7C15) >> 32 >> flow.shift)
	head := unsafe.Add(flow.base, headerBytes+shard*flow.shardBytes)
	number := atomic.AddUint64((*uint64)(head), 1)
	event := (*[5]uint64)(unsafe.Add(head, shardHeadBytes+(uintptr(number-1)&flow.mask)*eventBytes))
	// The number that it takes says who may write here, and the last store releases the others: a
	// reader finds the number of an older event until then, and looks at the head again after.
	event[1] = goroutine
	event[2] = uint64(uintptr(runtime_getProfLabel()))
	event[3] = place
	event[4] = atomic.LoadUint64(word(64))
	atomic.StoreUint64(&event[0], number)
}

//go:linkname runtime_getProfLabel runtime/pprof.runtime_getProfLabel
func runtime_getProfLabel() unsafe.Pointer

// openFlow maps the flow file once the collector says that it is there.
func openFlow() bool {
	if header == nil || atomic.LoadUint32(half(80)) != 1 ||
		!flow.state.CompareAndSwap(flowUnknown, flowOpening) {
		return false
	}
	if mapFlow(atomic.LoadUint32(half(72)), atomic.LoadUint32(half(76))) {
		flow.state.Store(flowReady)
		return true
	}
	flow.state.Store(flowBroken)
	return false
}

func mapFlow(shards, capacity uint32) bool {
	powers := shards&(shards-1) == 0 && capacity&(capacity-1) == 0
	if !powers || shards == 0 || shards > 1<<16 || capacity == 0 || capacity > 1<<24 {
		return false
	}
	fd, err := syscall.Open(path+".flow", syscall.O_RDWR|syscall.O_NOFOLLOW|syscall.O_CLOEXEC, 0)
	if err != nil {
		return false
	}
	defer syscall.Close(fd)
	shardBytes := (shardHeadBytes + eventBytes*uint64(capacity) + 63) &^ 63
	size := headerBytes + shardBytes*uint64(shards)
	var stat syscall.Stat_t
	if syscall.Fstat(fd, &stat) != nil || stat.Uid != uint32(syscall.Getuid()) || uint64(stat.Size) < size {
		return false
	}
	address, ok := mmap(0, uintptr(size), mapShared, fd, 0)
	if !ok {
		return false
	}
	base := pointer(address)
	counts := (*[2]uint32)(unsafe.Add(base, 8))
	if string((*[8]byte)(base)[:]) != "CGFLOW1\x00" || *counts != [2]uint32{shards, capacity} {
		return false
	}
	flow.base, flow.shardBytes, flow.mask = base, uintptr(shardBytes), uintptr(capacity-1)
	for flow.shift = 32; shards > 1; shards >>= 1 {
		flow.shift--
	}
	return true
}
