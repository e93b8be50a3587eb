package greet_test

import (
	"testing"

	. "example.com/tested/greet"
)

func TestKing(t *testing.T) {
	for _, test := range []struct {
		n    int
		want string
	}{{14, "Hail, Louis XIV"}, {0, "Hello, Louis"}} {
		t.Run(test.want, func(t *testing.T) {
			t.Parallel()
			if got := King("Louis", test.n); got != test.want {
				t.Errorf("got %q", got)
			}
		})
	}
}
