// Package coverglass_target counts, inside a program that Coverglass built, in memory that a
// collector outside can read: one file shared by the whole process, with a region for each package.
//
// It starts no goroutine, opens no socket, keeps no file open and hooks no exit, so the program
// behaves as it would without it. Whatever fails here leaves the counters in plain memory.
//
// The file's layout is version 1; all numbers are little endian.
//
//	0 magic · 8 version u32 · 12 page size u32 · 16 pid · 24 created, wall clock ns
//	32 created, ns since boot · 40 bytes in use · 48 packages u32 · 52 packages not mapped u32
//	56 flags u32 · 60 argument bytes u32 · 64 clock, ms (the collector's) · 72 flow shards u32
//	76 flow capacity u32 · 80 flow ready u32 · 84 pid namespace u32 · 88 Go version
//	128 arguments
//	region, at max(page, 4096) and after each other, page aligned:
//	0 length · 8 offset of counter 0 · 16 counters u32 · 20 entries u32 · 24 offset of mode 0
//	32 table length u32 · 40 table id · 64 table … then, on the next page, the pages with counters
package coverglass_target

import (
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"unsafe"
)

// Word is a counter, a mode, or a place. It has a name of its own because a program may declare
// another uint64.
type Word = uint64

// Package is an instrumented package of this process.
type Package struct {
	// ID is the hash of the table, 16 bytes.
	ID string
	// Table is the package's structure: files, functions, units, entries.
	Table string
	// Mapped says whether the counters are in the shared file.
	Mapped bool

	words               *Word
	nCounters, nEntries int
}

// Counters are the counters of the package's units. They change while they are read.
func (p *Package) Counters() []Word { return unsafe.Slice(p.words, p.nCounters) }

// Modes are the switches of the package's entries: 0 is off, anything else traces.
func (p *Package) Modes() []Word {
	return unsafe.Slice(p.words, p.nCounters+p.nEntries)[p.nCounters:]
}

const (
	headerBytes   = 4096
	regionBytes   = 64
	argumentBytes = 1920
	maxWords      = 1 << 28

	flagPointer = 1
)

var (
	lock     sync.Mutex
	packages []*Package
	tried    bool
	path     string         // of the shared file
	header   unsafe.Pointer // its first page, nil without a file
	limit    uint64         // the file may not grow beyond

	created, createdBoot uint64
)

// Packages are the packages registered so far, in the order of their initialization. Those that
// are mapped come first: a package has the same position here as among the regions.
func Packages() []*Package {
	lock.Lock()
	defer lock.Unlock()
	return packages[:len(packages):len(packages)]
}

// Clock is the time, in Unix ms, when a collector last looked at the shared file; 0 when none
// ever did, or when there is no file.
func Clock() uint64 {
	lock.Lock()
	defer lock.Unlock()
	if header == nil {
		return 0
	}
	return atomic.LoadUint64(word(64))
}

// Shared says whether the shared file has all packages.
func Shared() bool {
	lock.Lock()
	defer lock.Unlock()
	return header != nil && *half(52) == 0
}

// Created is when the first package was registered: Unix time, and time since boot, in ns.
func Created() (wall, boot uint64) {
	lock.Lock()
	defer lock.Unlock()
	return created, createdBoot
}

// Register makes the package's words, its counters and then its modes, shared. They lie in an
// array of the package that is a page longer on both sides, so that no page with a word of it
// holds anything else. The result is what Trace wants.
func Register(words *Word, nCounters, nEntries int, id, table string) Word {
	p := &Package{ID: id, Table: table, words: words, nCounters: nCounters, nEntries: nEntries}
	page := uintptr(syscall.Getpagesize())
	first := uintptr(unsafe.Pointer(words))
	start := first &^ (page - 1)
	end := (first + uintptr(nCounters+nEntries)*8 + page - 1) &^ (page - 1)
	return register(p, 0, func(fd int, offset int64) (uintptr, bool) {
		bytes := unsafe.Slice((*byte)(unsafe.Pointer(words)), uintptr(nCounters+nEntries)*8)
		if !writeAll(fd, bytes, offset+int64(first-start)) {
			return 0, false
		}
		if _, ok := mmap(start, end-start, mapShared|mapFixed, fd, offset); ok {
			return first - start, true
		}
		// The kernel may have dropped the pages before it failed.
		mmap(start, end-start, mapPrivate|mapFixed|mapAnonymous, -1, 0)
		return 0, false
	}, end-start)
}

// Map is Register for detectors that watch every variable (-race, -msan, -asan): the words are
// in memory that they don't watch, and Words says where.
func Map(nCounters, nEntries int, id, table string) Word {
	p := &Package{ID: id, Table: table, nCounters: nCounters, nEntries: nEntries}
	page := uintptr(syscall.Getpagesize())
	size := (uintptr(nCounters+nEntries)*8 + page - 1) &^ (page - 1)
	return register(p, flagPointer, func(fd int, offset int64) (uintptr, bool) {
		address, ok := mmap(0, size, mapShared, fd, offset)
		if ok {
			p.words = (*Word)(pointer(address))
		}
		return 0, ok
	}, size)
}

// Words is where the words of the package that was mapped last are.
func Words() unsafe.Pointer { return unsafe.Pointer(packages[len(packages)-1].words) }

// register adds a package; see region. Whoever asks for the packages finds each of them complete.
func register(p *Package, flags uint32, share func(int, int64) (uintptr, bool), size uintptr) Word {
	lock.Lock()
	defer lock.Unlock()
	place := region(p, flags, share, size)
	if p.words == nil && size > 0 {
		// There is nothing to share, and no variable to count in.
		address, ok := mmap(0, size, mapPrivate|mapAnonymous, -1, 0)
		if !ok {
			panic("coverglass: no memory for counters")
		}
		p.words = (*Word)(pointer(address))
	}
	packages = append(packages, p)
	return place
}

// region writes the package's region; share maps the pages with its words, size bytes at an
// offset of the file, and says how far into them the words start.
func region(p *Package, flags uint32, share func(int, int64) (uintptr, bool), size uintptr) Word {
	if !tried {
		tried = true
		create()
	}
	if header == nil {
		return 0
	}
	if *half(52) > 0 {
		// After one that isn't mapped none is, or positions would differ from those in Packages.
		atomic.AddUint32(half(52), 1)
		return 0
	}
	*half(56) |= flags
	page := uint64(syscall.Getpagesize())
	used := *word(40)
	head := (regionBytes + uint64(len(p.Table)) + page - 1) &^ (page - 1)
	length := head + uint64(size)
	fd, err := syscall.Open(path, syscall.O_RDWR|syscall.O_NOFOLLOW|syscall.O_CLOEXEC, 0)
	if err == nil {
		defer syscall.Close(fd)
		if used+length <= limit && reserve(fd, int64(used), int64(length)) {
			if shift, ok := share(fd, int64(used+head)); ok {
				counters := used + head + uint64(shift)
				var fields [regionBytes]byte
				at := func(offset uintptr) *uint64 { return (*uint64)(unsafe.Pointer(&fields[offset])) }
				*at(0), *at(8) = length, counters
				*at(16) = uint64(p.nCounters) | uint64(p.nEntries)<<32
				*at(24) = counters + uint64(p.nCounters)*8
				*at(32) = uint64(len(p.Table))
				copy(fields[40:56], p.ID)
				p.Mapped = writeAll(fd, fields[:], int64(used)) &&
					writeAll(fd, unsafe.Slice(unsafe.StringData(p.Table), len(p.Table)), int64(used+regionBytes))
			}
		}
	}
	if !p.Mapped {
		atomic.AddUint32(half(52), 1)
		return 0
	}
	position := *half(48)
	atomic.StoreUint64(word(40), used+length)
	atomic.StoreUint32(half(48), position+1)
	return Word(position) << 32
}

// create makes the shared file and maps its first page.
func create() {
	now, boot := clocks()
	created, createdBoot = now, boot
	name := "/coverglass." + decimal(uint64(syscall.Getuid())) + "." +
		decimal(uint64(syscall.Getpid())) + "." + digits(now, 16)
	flags := syscall.O_CREAT | syscall.O_EXCL | syscall.O_RDWR | syscall.O_NOFOLLOW | syscall.O_CLOEXEC
	fd, err := -1, error(syscall.ENOENT)
	for _, directory := range directories() {
		path = directory + name
		if fd, err = syscall.Open(path, flags, 0600); err == nil {
			break
		}
	}
	if err != nil {
		return
	}
	defer syscall.Close(fd)
	limit = fileLimit()
	size := max(uint64(syscall.Getpagesize()), headerBytes)
	address, ok := uintptr(0), false
	if size <= limit && reserve(fd, 0, int64(size)) {
		address, ok = mmap(0, uintptr(size), mapShared, fd, 0)
	}
	if !ok {
		syscall.Unlink(path)
		return
	}
	header = pointer(address)
	*half(8), *half(12) = 1, uint32(syscall.Getpagesize())
	*word(16), *word(24), *word(32), *word(40) = uint64(syscall.Getpid()), now, boot, size
	copy(unsafe.Slice((*byte)(unsafe.Add(header, 88)), 31), runtime.Version())
	arguments, n := unsafe.Slice((*byte)(unsafe.Add(header, 128)), argumentBytes), 0
	for _, argument := range runtime_args() {
		n += copy(arguments[n:], argument)
		n += copy(arguments[n:], "\x00")
	}
	*half(60), *half(84) = uint32(n), pidNamespace()
	atomic.StoreUint64(word(0), *(*uint64)(unsafe.Pointer(unsafe.StringData("CGLIVE1\x00"))))
}

//go:linkname runtime_args os.runtime_args
func runtime_args() []string

// directories are the places to try for the shared file.
func directories() []string {
	if directory, ok := syscall.Getenv("COVERGLASS_DIR"); ok && directory != "" {
		return []string{directory}
	}
	temporary, ok := syscall.Getenv("TMPDIR")
	if !ok || temporary == "" {
		temporary = "/tmp"
	}
	return append(memoryDirectories, temporary)
}

// writeZeros fills a part of the file, so that its space is really there.
func writeZeros(fd int, offset, length int64) bool {
	var zeros [16384]byte
	for length > 0 {
		n := min(length, int64(len(zeros)))
		if !writeAll(fd, zeros[:n], offset) {
			return false
		}
		offset, length = offset+n, length-n
	}
	return true
}

func writeAll(fd int, bytes []byte, offset int64) bool {
	for len(bytes) > 0 {
		n, err := syscall.Pwrite(fd, bytes, offset)
		if err == syscall.EINTR {
			continue
		}
		if err != nil || n <= 0 {
			return false
		}
		bytes, offset = bytes[n:], offset+int64(n)
	}
	return true
}

func mmap(address, length uintptr, flags, fd int, offset int64) (uintptr, bool) {
	address, _, errno := syscall.Syscall6(syscall.SYS_MMAP, address, length,
		syscall.PROT_READ|syscall.PROT_WRITE, uintptr(flags), uintptr(fd), uintptr(offset))
	return address, errno == 0
}

const (
	mapShared    = syscall.MAP_SHARED
	mapPrivate   = syscall.MAP_PRIVATE
	mapFixed     = syscall.MAP_FIXED
	mapAnonymous = syscall.MAP_ANON
)

func word(offset uintptr) *uint64 { return (*uint64)(unsafe.Add(header, offset)) }
func half(offset uintptr) *uint32 { return (*uint32)(unsafe.Add(header, offset)) }

// pointer is the address of memory that is not Go's.
func pointer(address uintptr) unsafe.Pointer { return *(*unsafe.Pointer)(unsafe.Pointer(&address)) }

func decimal(n uint64) string { return digits(n, 10) }

func digits(n, base uint64) string {
	var text [20]byte
	i := len(text)
	for {
		i--
		text[i] = "0123456789abcdef"[n%base]
		if n /= base; n == 0 {
			return string(text[i:])
		}
	}
}
