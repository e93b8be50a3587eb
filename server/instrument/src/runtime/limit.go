package coverglass_target

import "syscall"

// fileLimit is how large a file may get. Writing beyond it would raise a signal that the
// program doesn't expect.
func fileLimit() uint64 {
	const rlimitFileSize = 1
	var limit syscall.Rlimit
	if syscall.Getrlimit(rlimitFileSize, &limit) != nil {
		return 0
	}
	return min(limit.Cur, 1<<40)
}
