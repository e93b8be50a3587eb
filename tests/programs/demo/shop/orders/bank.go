package orders

import (
	"errors"
	"fmt"
	"strings"

	"example.com/demo/shop/catalog"
)

// Bank stands in for a payment provider: what happens depends on the card's number alone.
func Bank(card string, amount catalog.Cents) error {
	digits := strings.ReplaceAll(card, " ", "")
	if err := checkNumber(digits); err != nil {
		return fmt.Errorf("%w: %w", ErrDeclined, err)
	}
	switch {
	case strings.HasPrefix(digits, "4000"):
		return fmt.Errorf("%w: insufficient funds", ErrDeclined)
	case strings.HasPrefix(digits, "5555") && amount > 20000:
		return fmt.Errorf("%w: %s exceeds the card's limit", ErrDeclined, amount)
	}
	return nil
}

// checkNumber checks length and the Luhn digit.
func checkNumber(digits string) error {
	if len(digits) < 12 || len(digits) > 19 {
		return errors.New("card number has the wrong length")
	}
	sum := 0
	for i := range len(digits) {
		digit := int(digits[len(digits)-1-i] - '0')
		if digit < 0 || digit > 9 {
			return errors.New("card number has something other than digits")
		}
		if i%2 == 1 {
			digit *= 2
			if digit > 9 {
				digit -= 9
			}
		}
		sum += digit
	}
	if sum%10 != 0 {
		return errors.New("card number is mistyped")
	}
	return nil
}
