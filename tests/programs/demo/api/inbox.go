package api

import (
	"errors"
	"fmt"
	"strings"
	"sync"

	"example.com/demo/shop/orders"
)

// inbox keeps the newest messages for the clerks.
type inbox struct {
	mu       sync.Mutex
	messages []string
	start    int
	size     int
}

func newInbox(size int) *inbox { return &inbox{size: size} }

func (b *inbox) deliver(message string) error {
	if strings.TrimSpace(message) == "" {
		return errors.New("message is empty")
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.messages) < b.size {
		b.messages = append(b.messages, message)
		return nil
	}
	b.messages[b.start] = message
	b.start = (b.start + 1) % b.size
	return nil
}

func (b *inbox) list() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append(append([]string(nil), b.messages[b.start:]...), b.messages[:b.start]...)
}

// letter is what a customer is told about an order.
func letter(order *orders.Order) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Dear %s, your order %d ", order.User, order.ID)
	switch order.State {
	case orders.Paid:
		b.WriteString("is on our desk.")
	case orders.Packed, orders.Shipped:
		b.WriteString("is on its way.")
	case orders.Delivered:
		b.WriteString("has arrived. We hope you like it.")
	case orders.Returned:
		b.WriteString("came back to us.")
	default:
		fmt.Fprintf(&b, "is %s.", order.State)
	}
	for i, line := range order.Lines {
		if i == 3 {
			fmt.Fprintf(&b, " … and %d more", len(order.Lines)-i)
			break
		}
		fmt.Fprintf(&b, " %d × %s.", line.Quantity, line.Product.Title)
	}
	return b.String()
}
