// Nqueens places queens by recursion and backtracking, on a board and with bit sets.
package main

import "example.com/bench/internal/cpu"

func main() { cpu.Main(150, work) }

func work(n int) any {
	count := 0
	for range n {
		b := newBoard(9)
		b.place(0)
		count += b.solutions + bits(11, 0, 0, 0, 0)
	}
	return count
}

type board struct {
	size      int
	columns   []int
	solutions int
}

func newBoard(size int) *board {
	return &board{size: size, columns: make([]int, 0, size)}
}

func (b *board) place(row int) {
	if row == b.size {
		b.solutions++
		return
	}
	for column := range b.size {
		if b.attacked(row, column) {
			continue
		}
		b.columns = append(b.columns, column)
		b.place(row + 1)
		b.columns = b.columns[:row]
	}
}

func (b *board) attacked(row, column int) bool {
	for above, other := range b.columns {
		switch distance := row - above; {
		case other == column:
			return true
		case abs(other-column) == distance:
			return true
		}
	}
	return false
}

func abs(n int) int {
	if n < 0 {
		return -n
	}
	return n
}

func bits(size, row int, columns, left, right uint) (solutions int) {
	if row == size {
		return 1
	}
	for free := (1<<size - 1) &^ (columns | left | right); free != 0; {
		bit := free & -free
		free &^= bit
		solutions += bits(size, row+1, columns|bit, (left|bit)<<1, (right|bit)>>1)
	}
	return solutions
}
