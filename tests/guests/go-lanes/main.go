// Command go-lanes leaves its functions in every way that Go knows, and keeps its own books of how often each began: goroutines
// that wait for channels, locks and turns, stacks that grow and move, panics that recover some calls further down, goroutines
// that end in the middle. Functions of a goroutine are named after it, so that a stack tells whose it is.
//
// go-lanes [SIZE]
package main

import (
	"fmt"
	"os"
	"runtime"
	"sort"
	"strconv"
	"sync"
)

var begun = map[string]*int{}

func book(name string) *int {
	count := new(int)
	begun[name] = count
	return count
}

func main() {
	size := 200
	if len(os.Args) > 1 {
		size, _ = strconv.Atoi(os.Args[1])
	}
	pingPong(size)
	takeTurns(size / 10)
	fmt.Println("depth:", growStacks(size/20))
	fmt.Println("recovered:", recoverDeep(size/10))
	fmt.Println("unfinished:", endInTheMiddle(size/10))
	fmt.Println("locked:", lock(size/10))
	names := make([]string, 0, len(begun))
	for name := range begun {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		fmt.Println("begun", "main."+name, *begun[name])
	}
}

// Two goroutines that hand each other a number.

var pingsBegun, pingSendBegun, pongsBegun, pongSendBegun = book("pings"), book("pingSend"), book("pongs"), book("pongSend")

func pingPong(size int) {
	there, back, done := make(chan int), make(chan int), make(chan int)
	go pings(size, there, back, done)
	go pongs(there, back)
	fmt.Println("last:", <-done)
}

//go:noinline
func pings(size int, there, back, done chan int) {
	*pingsBegun++
	last := 0
	for number := range size {
		last = pingSend(number, there, back)
	}
	close(there)
	done <- last
}

//go:noinline
func pingSend(number int, there, back chan int) int {
	*pingSendBegun++
	there <- number
	return <-back
}

//go:noinline
func pongs(there, back chan int) {
	*pongsBegun++
	for number := range there {
		pongSend(number, back)
	}
}

//go:noinline
func pongSend(number int, back chan int) {
	*pongSendBegun++
	back <- number + 1
}

// Goroutines that give way to each other at every depth of a recursion, and on the way back.

var turnABegun, turnBBegun = book("turnA"), book("turnB")

func takeTurns(size int) {
	var running sync.WaitGroup
	for range size {
		running.Add(2)
		go func() { defer running.Done(); turnA(12) }()
		go func() { defer running.Done(); turnB(7) }()
	}
	running.Wait()
}

//go:noinline
func turnA(depth int) int {
	*turnABegun++
	runtime.Gosched()
	if depth == 0 {
		return 0
	}
	sum := turnA(depth-1) + 1
	runtime.Gosched()
	return sum
}

//go:noinline
func turnB(depth int) int {
	*turnBBegun++
	if depth == 0 {
		runtime.Gosched()
		return 0
	}
	return turnB(depth-1) + 1
}

// Stacks that grow while they run, and move: from few kilobytes to megabytes, in goroutines that the collector then makes small.

var growBegun, growFatBegun, growClosureBegun = book("grow"), book("growFat"), book("growClosure")

func growStacks(size int) int {
	deepest := 0
	results := make(chan int)
	for i := range size {
		go func() {
			again := make(chan int)
			go func() { again <- grow(500 << (i % 4)) }()
			depth := <-again
			runtime.GC()
			runtime.Gosched()
			results <- depth + growFat(100) + growClosure(50)
		}()
	}
	for range size {
		deepest = max(deepest, <-results)
	}
	return deepest
}

//go:noinline
func grow(depth int) int {
	*growBegun++
	if depth == 0 {
		runtime.Gosched()
		return 0
	}
	return grow(depth-1) + 1
}

//go:noinline
func growFat(depth int) int {
	*growFatBegun++
	var fat [2000]byte
	fat[depth] = 1
	if depth == 0 {
		return 0
	}
	return growFat(depth-1) + int(fat[depth])
}

// A closure has a context, which a stack that grows must keep.
func growClosure(depth int) int {
	sum := 0
	var down func(int)
	down = func(left int) {
		*growClosureBegun++
		var fat [500]byte
		fat[left] = 1
		sum += int(fat[left])
		if left > 0 {
			down(left - 1)
		}
	}
	down(depth)
	return sum
}

// Panics that are recovered by a call further out, of the same function.

var unstableBegun, panickyBegun, tidyBegun = book("unstable"), book("panicky"), book("tidy")

func recoverDeep(size int) int {
	recovered := 0
	for i := range size {
		recovered += unstable(10, i%10)
	}
	return recovered
}

// The call at that depth recovers from what the innermost one does, and goes on.
//
//go:noinline
func unstable(depth, recoversAt int) (recovered int) {
	*unstableBegun++
	if depth == 0 {
		panicky(3)
	}
	if depth == recoversAt+1 {
		defer func() {
			tidy()
			if recover() != nil {
				recovered = depth
				runtime.Gosched()
			}
		}()
	}
	return unstable(depth-1, recoversAt) + 1
}

//go:noinline
func panicky(depth int) {
	*panickyBegun++
	defer tidy()
	if depth == 0 {
		panic("deep down")
	}
	panicky(depth - 1)
}

//go:noinline
func tidy() {
	*tidyBegun++
}

// Goroutines that end in the middle of a call, and leave their names to the next.

var leaveBegun, stayBegun = book("leave"), book("stay")

func endInTheMiddle(size int) int {
	unfinished := 0
	for i := range size {
		done := make(chan int)
		go func() {
			defer func() { done <- i }()
			leave(i%7, done)
			unfinished -= size
		}()
		<-done
		unfinished++
		go func() { done <- stay(i % 5) }()
		<-done
	}
	return unfinished
}

//go:noinline
func leave(depth int, done chan int) {
	*leaveBegun++
	defer runtime.Gosched()
	if depth == 0 {
		runtime.Goexit()
	}
	leave(depth-1, done)
}

//go:noinline
func stay(depth int) int {
	*stayBegun++
	if depth == 0 {
		return 0
	}
	return stay(depth-1) + 1
}

// Goroutines that wait for a lock, and choose between channels.

var lockedBegun = book("locked")

func lock(size int) int {
	var mutex sync.Mutex
	var running sync.WaitGroup
	total, stop := 0, make(chan struct{})
	for range size {
		running.Go(func() {
			select {
			case <-stop:
			default:
			}
			for range 5 {
				locked(&mutex, &total)
			}
		})
	}
	running.Wait()
	return total
}

//go:noinline
func locked(mutex *sync.Mutex, total *int) {
	*lockedBegun++
	mutex.Lock()
	defer mutex.Unlock()
	runtime.Gosched()
	*total++
}
