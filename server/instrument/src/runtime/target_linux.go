package coverglass_target

import (
	"syscall"
	"unsafe"
)

var memoryDirectories = []string{"/dev/shm"}

// clocks are the wall clock and the time since boot, in ns.
func clocks() (now, boot uint64) { return clock(0), clock(7) }

func clock(id uintptr) uint64 {
	var time syscall.Timespec
	if _, _, errno := syscall.Syscall(syscall.SYS_CLOCK_GETTIME, id, uintptr(unsafe.Pointer(&time)), 0); errno != 0 {
		return 0
	}
	return uint64(time.Nano())
}

// pidNamespace tells apart processes that have the same number in different containers; 0 where
// that is unknown.
func pidNamespace() (inode uint32) {
	var link [32]byte // pid:[4026531836]
	n, err := syscall.Readlink("/proc/self/ns/pid", link[:])
	if err != nil || n < 7 || string(link[:5]) != "pid:[" || link[n-1] != ']' {
		return 0
	}
	for _, digit := range link[5 : n-1] {
		inode = inode*10 + uint32(digit-'0')
	}
	return inode
}

// reserve gives the file room that can't turn out to be missing when memory is written.
func reserve(fd int, offset, length int64) bool {
	for {
		err := syscall.Fallocate(fd, 0, offset, length)
		if err == syscall.EOPNOTSUPP || err == syscall.ENOSYS {
			return writeZeros(fd, offset, length)
		}
		if err != syscall.EINTR {
			return err == nil
		}
	}
}
