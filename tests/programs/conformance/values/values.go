// Package vals has another name than its folder, and names that look like what tools add.
package vals

import "fmt"

// Names that an instrumenter might want for itself.
var (
	cgC_               = 1
	GoCover            = []int{1, 2}
	C, S, P            = 1, 2, 3
	coverglass         = "mine"
	_cover_            = true
	uint64     float64 = 0.5 // Shadows the predeclared type in the whole package.
)

type iota struct{ n int }

func shadows(true bool) (nil int) {
	len := func(s string) int { return 7 }
	if true {
		nil = len("x")
	}
	append := nil
	return append + 1
}

// π is a name, and so is 世界.
func π(世界 string) string {
	if 世界 == "" {
		return "空"
	}
	return 世界
}

const raw = `
if false { not code }
`

func text() string {
	s := "} // { " + `func() {` + string('{') + "\"{"
	/* if true { */
	if len(s) > 3 /* { */ {
		// } else {
		return s
	} /* } */
	return raw
}

// Run uses them.
func Run() string {
	GoCover[0]++
	return fmt.Sprint(cgC_, GoCover, C, S, P, coverglass, _cover_, uint64, iota{3}, shadows(1 == 1), π("ja"), text())
}
