package inits

var zeroth = func() int {
	for i := range 3 {
		if i == 2 {
			return note("zeroth")
		}
	}
	return -1
}()

var _ = note("blank")

func init() { note("init 3") }

func init() {}
