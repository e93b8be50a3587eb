package coverglass_target

import (
	"internal/abi"
	"internal/runtime/exithook"
	"runtime"
	"sync/atomic"
	"syscall"
	"unsafe"
)

// The channels file, which the program makes where COVERGLASS_CHANNELS says so and which shared/gotrace
// reads, is version 1; all numbers are little endian.
//
//	0 magic · 8 version u32 · 12 chunks u32 · 16 chunk bytes u32 · 20 record bytes u32
//	24 pid u64 · 32 wall clock ns · 40 nanotime then · 48 chunks ever begun u64 · 56 lost records u64
//	72 Go version
//	chunk k, at 4096 + k × chunk bytes: 0 serial + 1 u64 · 8 chunks that belong together u32, 0 if it
//	holds records; from 72 on those, or 12 bytes u32 · 16 first site u32 · 20 sites u32 and from 72 on
//	these, as the build placed them
//	record, of 72 bytes: 0 serial<<16 + index + 1, stored last · goroutine · channel · end, nanotime
//	value bits · site u32 · duration in 64 ns u32 (0: unknown) · capacity u32 · length after u32
//	what u8 · kind u8 · flags u16 · size of the text u32 · its first 8 bytes
//	words, of 72 bytes: as a record · 48 bytes · opText u8 · 0 u8 · 1 if cut u16 · size u32 · 8 bytes
//
// The file grows as chunks are taken. Those with records are then taken in turns, so what is
// overwritten is the oldest.
const (
	channelChunks = 4096
	chunkBytes    = 1 << 16
	recordBytes   = 72
	chunkRecords  = chunkBytes/recordBytes - 1
	chunkShards   = 64
	reserveChunks = 4
)

// What an operation is.
const (
	opSend = 1 + iota
	opReceive
	opClose
	opMake
	opDefault
	opText // none: a value in words
)

const (
	flagSelect = 1 << iota // chosen in a select
	flagOK                 // a receive that says whether there was a value
	flagClosed             // there was none: the channel is closed
	flagValue              // the bits are the value's
	flagRange              // by a range clause
	flagTold               // the text is the number of a record with the value in words

	later = 1 << 7 // not recorded: the clock is for later
)

// The kinds of values.
const (
	kindOther = iota
	kindInt
	kindUint
	kindBool
	kindFloat
	kindString
	kindPointer
)

var channels struct {
	on    uint32 // only set before any goroutine is started
	fd    int
	base  unsafe.Pointer
	sites uint32
	// kept are the chunks with sites, in pairs of the first one and the one behind the last.
	kept []uint64
	// shards and the rest are in memory that race detectors don't watch, so that no two goroutines
	// are in order because of it.
	shards *[chunkShards]shard
}

type shard struct {
	at  uint64 // serial<<16 + index of the next record
	pad [7]uint64
}

// Site is a place in the source.
type Site uint32

// Op is a channel operation under way.
type Op struct {
	channel uintptr
	begun   int64
	bits    uint64
	text    uint64
	size    uint32
	site    Site
	kind    uint8
	flags   uint8
	last    uint64 // number of the default case that was recorded last
}

// To makes values of what a channel's elements are.
type To[T any] struct{}

// Sites registers the places of a package; the first one is the result.
func Sites(n uint32, table string) Site {
	lock.Lock()
	defer lock.Unlock()
	first := channels.sites
	if first == 0 {
		first = 1
		openChannels()
	}
	channels.sites = first + n
	if channels.on != 0 {
		keep(first, n, table)
	}
	return Site(first)
}

// keep writes places to chunks of their own.
func keep(first, n uint32, table string) {
	count := (recordBytes + uint64(len(table)) + chunkBytes - 1) / chunkBytes
	serial := atomic.AddUint64((*uint64)(unsafe.Add(channels.base, 48)), count) - count
	if serial+count > channelChunks {
		return
	}
	offset := int64(headerBytes + serial*chunkBytes)
	if !reserve(channels.fd, offset, int64(count*chunkBytes)) {
		return
	}
	channels.kept = append(channels.kept, serial, serial+count)
	head := unsafe.Add(channels.base, offset)
	copy(unsafe.Slice((*byte)(unsafe.Add(head, recordBytes)), len(table)), table)
	*(*[4]uint32)(unsafe.Add(head, 8)) = [4]uint32{uint32(count), uint32(len(table)), first, n}
	atomic.StoreUint64((*uint64)(head), serial+1)
}

// openChannels makes the file, if it is asked for. One that is there is never written to: it may be
// that of a parent process.
func openChannels() {
	name, ok := syscall.Getenv("COVERGLASS_CHANNELS")
	if !ok || name == "" {
		return
	}
	pid := decimal(uint64(syscall.Getpid()))
	for i := 0; i+1 < len(name); i++ {
		if name[i:i+2] == "%p" {
			name = name[:i] + pid + name[i+2:]
			break
		}
	}
	size := headerBytes + channelChunks*chunkBytes
	if uint64(size) > fileLimit() {
		return
	}
	flags := syscall.O_CREAT | syscall.O_EXCL | syscall.O_RDWR | syscall.O_CLOEXEC
	fd, err := syscall.Open(name, flags, 0600)
	if err != nil {
		if fd, err = syscall.Open(name+"."+pid, flags, 0600); err != nil {
			return
		}
	}
	if !reserve(fd, 0, headerBytes) {
		syscall.Close(fd)
		return
	}
	base, ok := mmap(0, uintptr(size), mapShared, fd, 0)
	shards, ok2 := mmap(0, unsafe.Sizeof([chunkShards]shard{}), mapPrivate|mapAnonymous, -1, 0)
	if !ok || !ok2 {
		syscall.Close(fd)
		return
	}
	channels.fd, channels.base = fd, pointer(base)
	channels.shards = (*[chunkShards]shard)(pointer(shards))
	for i := range channels.shards {
		channels.shards[i].at = chunkRecords
	}
	at := func(offset uintptr) *uint64 { return (*uint64)(unsafe.Add(channels.base, offset)) }
	*at(8) = 1 | channelChunks<<32
	*at(16) = chunkBytes | recordBytes<<32
	wall, _ := clocks()
	*at(24), *at(32), *at(40) = uint64(syscall.Getpid()), wall, uint64(nanotime())
	copy(unsafe.Slice((*byte)(unsafe.Pointer(at(72))), 31), runtime.Version())
	*at(0) = *(*uint64)(unsafe.Pointer(unsafe.StringData("CGCHAN1\x00")))
	channels.on = 1
}

//go:linkname nanotime runtime.nanotime
func nanotime() int64

// In goes around the channel of a receive.
func In[C ~chan T | ~<-chan T, T any](op *Op, site Site, channel C) C {
	if channels.on != 0 {
		begin(op, site, *(*unsafe.Pointer)(unsafe.Pointer(&channel)), 0)
	}
	return channel
}

// InSelect goes around the channel of a receive in a select.
func InSelect[C ~chan T | ~<-chan T, T any](op *Op, site Site, channel C) C {
	if channels.on != 0 {
		begin(op, site, *(*unsafe.Pointer)(unsafe.Pointer(&channel)), flagSelect)
	}
	return channel
}

// InRange goes around the channel of a range clause.
func InRange[C ~chan T | ~<-chan T, T any](op *Op, site Site, channel C) C {
	if channels.on != 0 {
		begin(op, site, *(*unsafe.Pointer)(unsafe.Pointer(&channel)), flagRange)
	}
	return channel
}

// Out goes around the channel of a send in a select.
func Out[C ~chan T | ~chan<- T, T any](op *Op, site Site, channel C) C {
	if channels.on != 0 {
		begin(op, site, *(*unsafe.Pointer)(unsafe.Pointer(&channel)), flagSelect)
	}
	return channel
}

// Val goes around the value of a send in a select.
func Val[T any](op *Op, value T) T {
	if channels.on != 0 {
		note(op, abi.TypeOf((*T)(nil)), unsafe.Pointer(&value))
	}
	return value
}

// Send goes around the channel of a send. The other result takes the value.
func Send[C ~chan T | ~chan<- T, T any](op *Op, site Site, channel C) (C, To[T]) {
	if channels.on != 0 {
		begin(op, site, *(*unsafe.Pointer)(unsafe.Pointer(&channel)), later)
	}
	return channel, To[T]{}
}

// Value goes around the value of a send.
func (To[T]) Value(op *Op, value T) T {
	if channels.on != 0 {
		note(op, abi.TypeOf((*T)(nil)), unsafe.Pointer(&value))
		stamp(op, true)
	}
	return value
}

// Sent says that a send is done.
func Sent(op *Op) {
	if channels.on != 0 {
		finish(op, opSend)
	}
}

// SentBits says that a send of a constant is done.
func SentBits(op *Op, kind uint8, bits uint64) {
	if channels.on != 0 {
		op.kind, op.bits, op.flags = kind, bits, op.flags|flagValue
		finish(op, opSend)
	}
}

// SentString says that a send of a constant is done.
func SentString(op *Op, text string) {
	if channels.on != 0 {
		note(op, abi.TypeOf((*string)(nil)), unsafe.Pointer(&text))
		finish(op, opSend)
	}
}

// Got goes around a receive whose value is used.
func Got[T any](op *Op, value T) T {
	if channels.on != 0 {
		note(op, abi.TypeOf((*T)(nil)), unsafe.Pointer(&value))
		finish(op, opReceive)
	}
	return value
}

// Rec says that a receive is done, and what came of it.
func Rec[T any, B ~bool](op *Op, value T, ok B) struct{} {
	if channels.on != 0 {
		if op.flags |= flagOK; bool(ok) {
			note(op, abi.TypeOf((*T)(nil)), unsafe.Pointer(&value))
		} else {
			op.flags |= flagClosed
		}
		finish(op, opReceive)
	}
	return struct{}{}
}

// RecValue is Rec for one that doesn't say whether there was a value.
func RecValue[T any](op *Op, value T) struct{} {
	if channels.on != 0 {
		note(op, abi.TypeOf((*T)(nil)), unsafe.Pointer(&value))
		finish(op, opReceive)
	}
	return struct{}{}
}

// RecOK is Rec for one whose value nobody keeps.
func RecOK[B ~bool](op *Op, ok B) struct{} {
	if channels.on != 0 {
		if op.flags |= flagOK; !bool(ok) {
			op.flags |= flagClosed
		}
		finish(op, opReceive)
	}
	return struct{}{}
}

// Done is Rec for one of which nothing is known.
func Done(op *Op) struct{} {
	if channels.on != 0 {
		finish(op, opReceive)
	}
	return struct{}{}
}

// Then goes around what is evaluated after Rec.
func Then[T any](_ struct{}, value T) T { return value }

// Next says what a range clause received.
func Next[T any](op *Op, value T) {
	if channels.on != 0 {
		op.flags = flagRange | flagOK
		note(op, abi.TypeOf((*T)(nil)), unsafe.Pointer(&value))
		finish(op, opReceive)
		op.begun = 0
	}
}

// NextDone is Next where nobody keeps the value.
func NextDone(op *Op) {
	if channels.on != 0 {
		op.flags = flagRange | flagOK
		finish(op, opReceive)
		op.begun = 0
	}
}

// Receive is a receive where no statement can follow.
func Receive[C ~chan T | ~<-chan T, T any](site Site, channel C) T {
	var op Op
	return Got(&op, <-In(&op, site, channel))
}

// Receive2 is Receive with a second result.
func Receive2[C ~chan T | ~<-chan T, T any](site Site, channel C) (T, bool) {
	var op Op
	value, ok := <-In(&op, site, channel)
	Rec(&op, value, ok)
	return value, ok
}

// Into is a send where no statement can follow.
func Into[C ~chan T | ~chan<- T, T any](site Site, channel C) Sender[T] {
	return Sender[T]{channel, site}
}

// Sender is a channel that is sent to.
type Sender[T any] struct {
	channel chan<- T
	site    Site
}

// Put sends.
func (s Sender[T]) Put(value T) {
	var op Op
	channel, to := Send(&op, s.site, s.channel)
	channel <- to.Value(&op, value)
	Sent(&op)
}

// Closing goes around the channel of a close.
func Closing[C ~chan T | ~chan<- T, T any](op *Op, site Site, channel C) C {
	if channels.on != 0 {
		begin(op, site, *(*unsafe.Pointer)(unsafe.Pointer(&channel)), later)
		// Whoever learns of it does so later than this.
		stamp(op, false)
	}
	return channel
}

// Closed says that a close is done.
func Closed(op *Op) {
	if channels.on != 0 {
		finish(op, opClose)
	}
}

// Close closes where no statement can follow, as behind defer.
func Close[C ~chan T | ~chan<- T, T any](site Site, channel C) {
	var op Op
	close(Closing(&op, site, channel))
	Closed(&op)
}

// Made goes around a new channel.
func Made[C ~chan T, T any](site Site, channel C) C {
	if channels.on != 0 {
		var op Op
		begin(&op, site, *(*unsafe.Pointer)(unsafe.Pointer(&channel)), later)
		finish(&op, opMake)
	}
	return channel
}

// Default says that a select did nothing. What it repeats without anything else in between is one
// record: its bits count.
func Default(op *Op, site Site) {
	if channels.on != 0 {
		again(op, site)
	}
}

// begin notes the channel. The clock is only read where the operation may have to wait, and not for
// every case of a select: a reader bounds the others by what their goroutine did before.
//
//go:norace
func begin(op *Op, site Site, channel unsafe.Pointer, flags uint8) {
	op.channel, op.site, op.flags, op.begun = uintptr(channel), site, flags&^later, 0
	op.bits, op.kind, op.size, op.text = 0, kindOther, 0, 0
	if flags&(flagRange|flagSelect|later) == 0 {
		stamp(op, false)
	}
}

// stamp notes the time, unless the channel is ready.
//
//go:norace
func stamp(op *Op, send bool) {
	if op.channel != 0 {
		// A channel begins with its length and its capacity.
		state := (*[2]uint)(pointer(op.channel))
		if state[1] > 0 && (send && state[0] < state[1] || !send && state[0] > 0) {
			op.begun = 0
			return
		}
	}
	op.begun = nanotime()
}

//go:norace
func note(op *Op, pointerType *abi.Type, value unsafe.Pointer) {
	op.flags |= flagValue
	var sum digest
	sum.add(pointerType.Elem(), value, 0)
	op.bits, op.kind, op.text, op.size = sum.bits, sum.kind, sum.text, sum.size
	if told {
		tell(op, pointerType.Elem(), value)
	}
}

// digest is what is kept of a value: bits that are the same for the same value, whatever its type.
type digest struct {
	bits, text uint64
	size       uint32
	kind       uint8
	parts      uint8
}

const (
	digestDepth = 3
	digestParts = 16
)

//go:norace
func (d *digest) add(t *abi.Type, p unsafe.Pointer, depth int) {
	var bits uint64
	kind := uint8(kindOther)
	switch t.Kind() {
	case abi.Bool:
		bits, kind = uint64(*(*uint8)(p)), kindBool
	case abi.Int, abi.Int64:
		bits, kind = *(*uint64)(p), kindInt
	case abi.Int8:
		bits, kind = uint64(*(*int8)(p)), kindInt
	case abi.Int16:
		bits, kind = uint64(*(*int16)(p)), kindInt
	case abi.Int32:
		bits, kind = uint64(*(*int32)(p)), kindInt
	case abi.Uint, abi.Uint64, abi.Uintptr:
		bits, kind = *(*uint64)(p), kindUint
	case abi.Uint8:
		bits, kind = uint64(*(*uint8)(p)), kindUint
	case abi.Uint16:
		bits, kind = uint64(*(*uint16)(p)), kindUint
	case abi.Uint32:
		bits, kind = uint64(*(*uint32)(p)), kindUint
	case abi.Float32:
		f := float64(*(*float32)(p))
		bits, kind = *(*uint64)(unsafe.Pointer(&f)), kindFloat
	case abi.Float64:
		bits, kind = *(*uint64)(p), kindFloat
	case abi.Complex64:
		bits = *(*uint64)(p)
	case abi.Complex128:
		both := (*[2]uint64)(p)
		bits = mix(both[0], both[1])
	case abi.String:
		text := *(*string)(p)
		n := min(len(text), 64)
		bits, kind = uint64(len(text)), kindString
		for i := 0; i < n; i++ {
			bits = (bits ^ uint64(text[i])) * 0x100000001b3
		}
		if depth == 0 {
			d.size = uint32(min(uint64(len(text)), 1<<32-1))
			for i := min(n, 8) - 1; i >= 0; i-- {
				d.text = d.text<<8 | uint64(text[i])
			}
		}
	case abi.Pointer, abi.Chan, abi.Func, abi.Map, abi.UnsafePointer:
		bits, kind = uint64(*(*uintptr)(p)), kindPointer
	case abi.Slice:
		both := (*[2]uint64)(p)
		bits = mix(both[0], both[1])
	case abi.Interface:
		d.dynamic(t, p, depth)
		return
	case abi.Struct:
		for _, field := range (*abi.StructType)(unsafe.Pointer(t)).Fields {
			if depth < digestDepth && d.parts < digestParts {
				d.add(field.Typ, unsafe.Add(p, field.Offset), depth+1)
			}
		}
		d.kind = kindOther
		return
	case abi.Array:
		array := (*abi.ArrayType)(unsafe.Pointer(t))
		for i := uintptr(0); i < array.Len && depth < digestDepth && d.parts < digestParts; i++ {
			d.add(array.Elem, unsafe.Add(p, i*array.Elem.Size()), depth+1)
		}
		d.kind = kindOther
		return
	}
	if d.parts == 0 {
		d.bits = bits
	} else {
		d.bits = mix(d.bits, bits)
	}
	d.parts++
	d.kind = kind
}

// dynamic adds what is in an interface.
//
//go:norace
func (d *digest) dynamic(t *abi.Type, p unsafe.Pointer, depth int) {
	words := (*[2]unsafe.Pointer)(p)
	if words[0] == nil {
		d.kind = kindPointer
		d.parts++
		return
	}
	inner := (*abi.Type)(words[0])
	if t.NumMethod() > 0 {
		inner = (*abi.ITab)(words[0]).Type
	}
	switch {
	case depth >= digestDepth:
	case !direct(inner):
		d.add(inner, words[1], depth+1)
		if depth == 0 && inner.Kind() == abi.String {
			var top digest
			top.add(inner, words[1], 0)
			d.text, d.size = top.text, top.size
		}
	default:
		d.add(inner, unsafe.Pointer(&words[1]), depth+1)
	}
}

// direct says whether an interface holds the value itself: where it is one pointer.
func direct(t *abi.Type) bool {
	switch t.Kind() {
	case abi.Pointer, abi.Chan, abi.Func, abi.Map, abi.UnsafePointer:
		return true
	case abi.Struct:
		fields := (*abi.StructType)(unsafe.Pointer(t)).Fields
		return t.Size() == unsafe.Sizeof(t) && holdsPointer(fields)
	case abi.Array:
		array := (*abi.ArrayType)(unsafe.Pointer(t))
		return array.Len == 1 && direct(array.Elem)
	}
	return false
}

func holdsPointer(fields []abi.StructField) bool {
	for _, field := range fields {
		if field.Typ.Size() > 0 {
			return direct(field.Typ)
		}
	}
	return false
}

func mix(a, b uint64) uint64 {
	a = (a ^ b*0x9E3779B97F4A7C15) * 0xff51afd7ed558ccd
	return a ^ a>>32
}

// finish writes the record.
//
//go:norace
func finish(op *Op, what uint8) {
	end := nanotime()
	number, record := slot()
	if record == nil {
		return
	}
	var length, capacity uint64
	if op.channel != 0 {
		state := (*[2]uint)(pointer(op.channel))
		length, capacity = uint64(min(state[0], 1<<32-1)), uint64(min(state[1], 1<<32-1))
	}
	duration := uint64(0)
	if op.begun > 0 {
		duration = min(uint64(end-op.begun)>>6+1, 1<<32-1)
	}
	record[1] = exithook.Goid()
	record[2] = uint64(op.channel)
	record[3] = uint64(end)
	record[4] = op.bits
	record[5] = uint64(op.site) | duration<<32
	record[6] = capacity | length<<32
	record[7] = uint64(what) | uint64(op.kind)<<8 | uint64(op.flags)<<16 | uint64(op.size)<<32
	record[8] = op.text
	atomic.StoreUint64(&record[0], number)
}

// again writes the record of a default case, or counts in the one before.
//
//go:norace
func again(op *Op, site Site) {
	mine := &channels.shards[shardOf(exithook.Goid())]
	if at := atomic.LoadUint64(&mine.at); op.last != 0 && op.last == at && op.site == site {
		record := recordAt((at-1)>>16, (at-1)&0xffff)
		record[4]++
		return
	}
	begin(op, site, nil, flagSelect|later)
	op.bits = 1
	finish(op, opDefault)
	op.last = atomic.LoadUint64(&mine.at)
}

//go:norace
func shardOf(goroutine uint64) uint64 {
	return goroutine * 0x9E3779B97F4A7C15 >> 32 % chunkShards
}

// slot is where the next record goes, and the number that it ends with; nil where there is no room.
//
//go:norace
func slot() (uint64, *[9]uint64) {
	index := shardOf(exithook.Goid())
	for range chunkShards {
		at := &channels.shards[index].at
		number := atomic.AddUint64(at, 1) - 1
		if number&0xffff < chunkRecords {
			return number + 1, recordAt(number>>16, number&0xffff)
		}
		if number&0xffff == chunkRecords {
			serial, ok := chunk()
			if !ok {
				break
			}
			atomic.StoreUint64(at, serial<<16|1)
			return serial<<16 | 1, recordAt(serial, 0)
		}
		// Another goroutine is about to change the chunk: this one goes elsewhere meanwhile.
		index = (index + 1) % chunkShards
	}
	atomic.AddUint64((*uint64)(unsafe.Add(channels.base, 56)), 1)
	return 0, nil
}

//go:norace
func recordAt(serial, index uint64) *[9]uint64 {
	chunk := headerBytes + uintptr(serial%channelChunks)*chunkBytes
	return (*[9]uint64)(unsafe.Add(channels.base, chunk+uintptr(index+1)*recordBytes))
}

//go:norace
func isKept(place uint64) bool {
	for i := 0; i+1 < len(channels.kept); i += 2 {
		if channels.kept[i] <= place && place < channels.kept[i+1] {
			return true
		}
	}
	return false
}

// chunk takes the next chunk. The file gets room for it first: writing to a disk that is full would
// raise a signal that the program doesn't expect.
//
//go:norace
func chunk() (uint64, bool) {
	serial := atomic.AddUint64((*uint64)(unsafe.Add(channels.base, 48)), 1) - 1
	for serial >= channelChunks && isKept(serial%channelChunks) {
		serial = atomic.AddUint64((*uint64)(unsafe.Add(channels.base, 48)), 1) - 1
	}
	place := serial % channelChunks
	if serial < channelChunks {
		const span = reserveChunks * chunkBytes
		if !reserve(channels.fd, int64(headerBytes+place/reserveChunks*span), span) {
			channels.on = 0
			return 0, false
		}
	}
	head := (*uint64)(unsafe.Add(channels.base, headerBytes+uintptr(place)*chunkBytes))
	atomic.StoreUint64(head, serial+1)
	return serial, true
}
