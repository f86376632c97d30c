// Command books makes slices, maps and closures on several goroutines. The runtime itself keeps the books.
package main

import "runtime"

func main() {}

var kept [64][]byte
var given, givenBytes uint64

//go:wasmexport work
func work(rounds int32) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for round := range rounds {
		// Sizes that the allocator rounds to themselves, with and without pointers.
		kept[round%64] = make([]byte, 32*(1+round%8))
		pointers := make([]*int32, 4)
		pointers[0] = &round
		if len(deep(int(round%40), pointers)) != 4 {
			panic("lost")
		}
	}
	runtime.ReadMemStats(&after)
	given = after.Mallocs - before.Mallocs
	givenBytes = after.TotalAlloc - before.TotalAlloc
}

// deep needs stack: goroutines' stacks are grown while something is being allocated.
//
//go:noinline
func deep(depth int, pointers []*int32) []*int32 {
	var room [256]byte
	room[depth] = byte(depth)
	if depth == 0 {
		return pointers
	}
	return deep(depth-1+int(room[depth])-depth, pointers)
}

//go:wasmexport given
func getGiven() uint64 { return given }

//go:wasmexport given_bytes
func getGivenBytes() uint64 { return givenBytes }
