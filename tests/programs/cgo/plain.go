package main

// plain has no C in it, as most files of a package with cgo.
func plain(n int) (out []int) {
	for i := range n {
		switch {
		case i == 1:
			continue
		case i > 10:
			out = nil
		default:
			out = append(out, i)
		}
	}
	return out
}
