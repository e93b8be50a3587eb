// Command truth sends numbers through a channel in every way there is, and says afterwards which
// goroutine got each of them from which.
//
// Its trace goes to the file that is its first argument. The others choose the way: senders,
// receivers, capacity, numbers for each sender, and words out of sleep, spin, range, select, try,
// both and trysend. The result is one line for each number, `sender receiver number`, with the
// ids of the goroutines.
package main

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"runtime/trace"
	"strconv"
	"strings"
	"sync"
	"time"
)

type way struct {
	senders, receivers, capacity, each int
	words                              string
}

func (w way) has(word string) bool { return strings.Contains(","+w.words+",", ","+word+",") }

type got struct{ from, to, number uint64 }

// goroutine is the id of the current goroutine.
func goroutine() uint64 {
	var text [64]byte
	fields := strings.Fields(string(text[:runtime.Stack(text[:], false)]))
	id, _ := strconv.ParseUint(fields[1], 10, 64)
	return id
}

func main() {
	w := way{words: os.Args[6]}
	for i, to := range []*int{&w.senders, &w.receivers, &w.capacity, &w.each} {
		n, err := strconv.Atoi(os.Args[2+i])
		check(err)
		*to = n
	}
	file, err := os.Create(os.Args[1])
	check(err)
	check(trace.Start(file))
	ids, all := w.play()
	trace.Stop()
	check(file.Close())
	out := bufio.NewWriter(os.Stdout)
	for _, g := range all {
		fmt.Fprintln(out, ids[g.number>>32], g.to, g.number)
	}
	check(out.Flush())
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// play sends all numbers; the result is the id of each sender, and who received what.
func (w way) play() ([]uint64, []got) {
	channel := make(chan uint64, w.capacity)
	never := make(chan uint64)
	ids := make([]uint64, w.senders)
	results := make([][]got, w.receivers)
	var sending, receiving sync.WaitGroup
	for s := range w.senders {
		sending.Add(1)
		go func() {
			defer sending.Done()
			ids[s] = goroutine()
			for i := range w.each {
				w.send(channel, never, uint64(s)<<32|uint64(i))
				w.rest(i + s)
			}
		}()
	}
	for r := range w.receivers {
		receiving.Add(1)
		go func() {
			defer receiving.Done()
			id := goroutine()
			list := make([]got, 0, w.senders*w.each)
			note := func(number uint64) {
				list = append(list, got{to: id, number: number})
				w.rest(len(list) + 3*r)
			}
			switch {
			case w.has("range"):
				for number := range channel {
					note(number)
				}
			case w.has("select"):
				for more := true; more; {
					select {
					case number, ok := <-channel:
						if more = ok; ok {
							note(number)
						}
					case number := <-never:
						note(number)
					}
				}
			case w.has("try"):
				for more := true; more; {
					select {
					case number, ok := <-channel:
						if more = ok; ok {
							note(number)
						}
					default:
						runtime.Gosched()
					}
				}
			default:
				for {
					number, ok := <-channel
					if !ok {
						break
					}
					note(number)
				}
			}
			results[r] = list
		}()
	}
	sending.Wait()
	close(channel)
	receiving.Wait()
	var all []got
	for _, list := range results {
		all = append(all, list...)
	}
	return ids, all
}

func (w way) send(channel, never chan uint64, number uint64) {
	switch {
	case w.has("both"):
		select {
		case channel <- number:
		case never <- number:
		}
	case w.has("trysend"):
		for sent := false; !sent; {
			select {
			case channel <- number:
				sent = true
			default:
				runtime.Gosched()
			}
		}
	default:
		channel <- number
	}
}

// rest does something else for a while.
func (w way) rest(i int) {
	if w.has("sleep") && i%7 == 0 {
		time.Sleep(time.Duration(20+i%50) * time.Microsecond)
	}
	if w.has("spin") && i%5 == 0 {
		sum := 0
		for n := range 2000 + i%1000 {
			sum += n
		}
		runtime.KeepAlive(sum)
	}
}
