// Numeric does arithmetic in loops: primes, greatest common divisors, a Mandelbrot set, a sum of
// digits.
package main

import "example.com/bench/internal/cpu"

func main() { cpu.Main(150, work) }

func work(n int) any {
	sum := 0
	for round := range n {
		sum += primes(60_000)
		sum += divisors(400 + round)
		sum += mandelbrot(80, 60, 120)
		sum += digits(round, 60_000)
	}
	return sum
}

func primes(limit int) (count int) {
	composite := make([]bool, limit)
	for i := 2; i < limit; i++ {
		if composite[i] {
			continue
		}
		count++
		for j := i * i; j < limit; j += i {
			composite[j] = true
		}
	}
	return count
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

func divisors(n int) (coprime int) {
	for a := 1; a < n; a++ {
		for b := 1; b < a; b++ {
			if gcd(a, b) == 1 {
				coprime++
			}
		}
	}
	return coprime
}

func mandelbrot(width, height, depth int) (inside int) {
	for y := range height {
		for x := range width {
			if escape(3*float64(x)/float64(width)-2.2, 2*float64(y)/float64(height)-1, depth) == depth {
				inside++
			}
		}
	}
	return inside
}

func escape(re, im float64, depth int) int {
	a, b := 0.0, 0.0
	for i := range depth {
		a, b = a*a-b*b+re, 2*a*b+im
		if a*a+b*b > 4 {
			return i
		}
	}
	return depth
}

func digits(from, n int) (sum int) {
	for i := from; i < from+n; i++ {
		for rest := i; rest > 0; rest /= 10 {
			if digit := rest % 10; digit%2 == 0 {
				sum += digit
			} else {
				sum--
			}
		}
	}
	return sum
}
