// Package lines says that some of its code comes from other files.
package lines

import "fmt"

func before(n int) int {
	if n > 1 {
		return n
	}
	return -n
}

//line lineA.y:3
func fromA(n int) int {
	if n > 2 {
		return 2 * n
	}
	return n
}

//line lineA.y:14
func fromAgain() string { return "again" }

//line missing.y:100
func fromMissing(n int) (out string) {
	for i := range n {
		/*line missing.y:200:7*/ out += fmt.Sprint(i)
	}
	return out
}

//line lines.go:40
func after() int {
	return 1
}

// Run calls them.
func Run() string { return fmt.Sprint(before(2), fromA(1), fromAgain(), fromMissing(3), after()) }
