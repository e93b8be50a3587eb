package orders

import (
	"fmt"
	"slices"
)

// State is where an order stands.
type State int

// The states of an order.
const (
	Paid State = iota + 1
	Packed
	Shipped
	Delivered
	Canceled
	Returned
)

var names = [...]string{Paid: "paid", Packed: "packed", Shipped: "shipped", Delivered: "delivered", Canceled: "canceled", Returned: "returned"}

func (s State) String() string {
	if s < Paid || int(s) >= len(names) {
		return fmt.Sprintf("State(%d)", int(s))
	}
	return names[s]
}

// MarshalText writes the state's name.
func (s State) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// ParseState returns the state of that name.
func ParseState(name string) (State, error) {
	for state, known := range names {
		if known == name && name != "" {
			return State(state), nil
		}
	}
	return 0, fmt.Errorf("unknown state %q", name)
}

// TransitionError says that an order can't go from one state to another.
type TransitionError struct {
	ID       int
	From, To State
}

func (e *TransitionError) Error() string {
	return fmt.Sprintf("order %d is %s and can't become %s", e.ID, e.From, e.To)
}

func (s State) mayBecome(to State) bool {
	switch s {
	case Paid:
		return to == Packed || to == Canceled
	case Packed:
		return to == Shipped || to == Canceled
	case Shipped:
		return to == Delivered
	case Delivered:
		return to == Returned
	default:
		return false
	}
}

func (s State) next() (State, bool) {
	path := []State{Paid, Packed, Shipped, Delivered}
	i := slices.Index(path, s)
	if i < 0 || i == len(path)-1 {
		return s, false
	}
	return path[i+1], true
}
