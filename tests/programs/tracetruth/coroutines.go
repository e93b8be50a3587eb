//go:build go1.23

package main

import "iter"

func init() {
	handOver = func(most int) {
		next, stop := iter.Pull(func(yield func(int) bool) {
			for number := range most {
				if !yield(number) {
					return
				}
			}
		})
		defer stop()
		for {
			if _, more := next(); !more {
				return
			}
		}
	}
}
