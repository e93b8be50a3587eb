// Conc8 lets 8 goroutines run the same code at once.
package main

import (
	"sync"

	"example.com/bench/internal/cpu"
)

const goroutines = 8

func main() { cpu.Main(200, work) }

func work(n int) any {
	var group sync.WaitGroup
	results := make([]uint64, goroutines)
	for i := range goroutines {
		group.Add(1)
		go func() {
			defer group.Done()
			for round := range n {
				results[i] += simulate(uint64(1+i), uint64(round))
			}
		}()
	}
	group.Wait()
	var sum uint64
	for _, result := range results {
		sum += result
	}
	return sum
}

type machine struct {
	registers [4]uint64
	steps     int
}

// simulate runs a small program with unpredictable branches.
func simulate(seed, round uint64) uint64 {
	m := machine{registers: [4]uint64{seed, round, seed ^ round, 1}}
	state := seed*2654435761 + round
	for range 20_000 {
		state = next(state)
		m.step(state)
	}
	return m.registers[0] + uint64(m.steps)
}

func next(state uint64) uint64 {
	state ^= state << 13
	state ^= state >> 7
	state ^= state << 17
	return state
}

func (m *machine) step(instruction uint64) {
	m.steps++
	a, b := instruction>>8&3, instruction>>16&3
	switch instruction & 7 {
	case 0:
		m.registers[a] += m.registers[b]
	case 1:
		m.registers[a] ^= m.registers[b]
	case 2:
		if m.registers[a] > m.registers[b] {
			m.swap(a, b)
		}
	case 3:
		m.registers[a] = rotate(m.registers[a], instruction>>32&63)
	case 4, 5:
		for range instruction >> 40 & 3 {
			m.registers[b]++
		}
	default:
		if m.registers[a]&1 == 0 {
			m.registers[a] |= 1
		} else {
			m.registers[a] >>= 1
		}
	}
}

func (m *machine) swap(a, b uint64) { m.registers[a], m.registers[b] = m.registers[b], m.registers[a] }

func rotate(value, by uint64) uint64 { return value<<by | value>>(64-by) }
