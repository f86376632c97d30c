// Command go-work runs goroutines that talk over channels, fills and walks maps, and makes the collector work. What it
// prints does not depend on how the scheduler runs it.
//
// go-work [SIZE]
package main

import (
	"fmt"
	"os"
	"runtime"
	"sort"
	"strconv"
	"sync"
)

func main() {
	size := 1000
	if len(os.Args) > 1 {
		size, _ = strconv.Atoi(os.Args[1])
	}
	fmt.Println("sum of squares:", sumOfSquares(size, 4))
	fmt.Println("words:", countWords(size))
	fmt.Println("after garbage:", churn(size))
	fmt.Println("recovered:", recoverFrom(size))
}

// sumOfSquares hands numbers to workers over one channel and collects them over another.
func sumOfSquares(size, workers int) int {
	numbers, squares := make(chan int), make(chan int)
	var running sync.WaitGroup
	for range workers {
		running.Go(func() { square(numbers, squares) })
	}
	go func() {
		for number := range size {
			numbers <- number
		}
		close(numbers)
		running.Wait()
		close(squares)
	}()
	sum := 0
	for square := range squares {
		sum += square
	}
	return sum
}

func square(numbers <-chan int, squares chan<- int) {
	for number := range numbers {
		squares <- number * number
		runtime.Gosched()
	}
}

func countWords(size int) string {
	counts := map[string]int{}
	for i := range size {
		counts["word"+strconv.Itoa(i%17)]++
	}
	words := make([]string, 0, len(counts))
	for word := range counts {
		words = append(words, word)
	}
	sort.Strings(words)
	return fmt.Sprint(len(words), " ", words[0], "=", counts[words[0]])
}

type node struct {
	next  *node
	bytes [64]byte
}

// churn makes garbage, and has it collected.
func churn(size int) int {
	var kept *node
	for i := range size * 10 {
		made := &node{}
		made.bytes[0] = byte(i)
		if i%100 == 0 {
			made.next = kept
			kept = made
		}
	}
	runtime.GC()
	length := 0
	for ; kept != nil; kept = kept.next {
		length++
	}
	return length
}

func recoverFrom(size int) (what any) {
	defer func() { what = recover() }()
	return panicAt(size % 10)
}

func panicAt(depth int) int {
	if depth == 0 {
		panic("deep down")
	}
	return panicAt(depth-1) + 1
}
