// Package limits has constants only, so nothing in it can be covered.
package limits

// Most is how many items a stack takes.
const Most = 8
