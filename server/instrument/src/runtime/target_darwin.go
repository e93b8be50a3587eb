package coverglass_target

import "syscall"

var memoryDirectories []string

// clocks are the wall clock in ns, and 0 for the time since boot, which nobody asks for here.
func clocks() (now, boot uint64) {
	var time syscall.Timeval
	if syscall.Gettimeofday(&time) != nil {
		return 0, 0
	}
	return uint64(time.Nano()), 0
}

// pidNamespace is 0: there is only one.
func pidNamespace() uint32 { return 0 }

// reserve gives the file room that can't turn out to be missing when memory is written.
func reserve(fd int, offset, length int64) bool {
	return writeZeros(fd, offset, length)
}
