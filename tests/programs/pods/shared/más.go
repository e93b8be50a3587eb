package shared

// Größe has a name that takes more bytes than letters.
func Größe(x int) int {
	if x > 1000 {
		return 1000
	}
	for range x {
		n++
	}
	return x
}
