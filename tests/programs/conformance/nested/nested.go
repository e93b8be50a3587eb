// Package nested puts blocks in cases in literals in loops.
package nested

import "fmt"

func deep(n int) (out []string) {
	for i := range n {
		switch {
		case i%3 == 0:
			func() {
				if i == 0 {
					out = append(out, "zero")
					return
				}
				for j := range i {
					if j%2 == 1 {
						out = append(out, func() string {
							switch j {
							case 1:
								return "one"
							case 3:
								{
									if i > 3 {
										return "three"
									}
								}
							}
							return "many"
						}())
					} else if j > 100 {
						panic("deep")
					}
				}
			}()
		case i%3 == 1:
			c := make(chan func() int, 1)
			c <- func() int {
				if i > 4 {
					return i
				}
				return -i
			}
			select {
			case f := <-c:
				switch v := any(f()).(type) {
				case int:
					if v > 0 {
						out = append(out, fmt.Sprint("+", v))
					} else {
						out = append(out, fmt.Sprint(v))
					}
				case string:
					out = append(out, v)
				}
			default:
				out = append(out, "empty")
			}
		default:
			{
				{
					if x := i * 2; x > 8 {
						defer func() { out = append(out, "deferred") }()
					} else if func() bool { return x == 4 }() {
						out = append(out, "four")
					}
				}
			}
		}
	}
	return out
}

func conditions(a, b, c bool) int {
	if a && (b || c) && !(func() bool { return b && c }()) {
		return 1
	}
	if (a || b) &&
		c {
		return 2
	}
	x := map[bool]func() int{true: func() int { return 3 }, false: func() int { return 4 }}[a]()
	return x
}

// Run goes in.
func Run() string {
	n := 0
	for _, a := range []bool{true, false} {
		for _, b := range []bool{true, false} {
			n = 10*n + conditions(a, b, !b) + conditions(a, b, b)
		}
	}
	return fmt.Sprint(deep(8), n)
}
