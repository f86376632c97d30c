package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/sys"
)

// Everything here has its twin in `tests/src/wasi.rs`.

const (
	tickNanoseconds = 1_000_000
	// calendarSeconds is when the calendar begins.
	calendarSeconds = 1_700_000_000
)

// deterministic gives clocks that go on by one tick whenever they are read, and the twin's random bytes.
func deterministic(config wazero.ModuleConfig) wazero.ModuleConfig {
	var wall, monotonic int64
	walltime := func() (int64, int32) {
		wall += tickNanoseconds
		return calendarSeconds + wall/1e9, int32(wall % 1e9)
	}
	nanotime := func() int64 {
		monotonic += tickNanoseconds
		return monotonic
	}
	resolution := sys.ClockResolution(tickNanoseconds)
	return config.WithWalltime(walltime, resolution).WithNanotime(nanotime, resolution).WithNanosleep(func(int64) {}).
		WithRandSource(&counting{next: 3})
}

// counting gives 3, 7, 11, ...: the twin counts 0, 1, 2, ... and wasmtime takes the last of every four.
type counting struct{ next byte }

func (c *counting) Read(bytes []byte) (int, error) {
	for i := range bytes {
		bytes[i] = c.next
		c.next += 4
	}
	return len(bytes), nil
}

// steer does with an instance what the drive says, and gives what the guest returned in words.
func steer(ctx context.Context, instance api.Module, drive string, arguments []string) (string, error) {
	guest := guest{ctx, instance}
	switch drive {
	case "command":
		_, err := guest.call("_start")
		return "", err
	case "invoke":
		number, err := strconv.ParseInt(arguments[1], 10, 32)
		if err != nil {
			return "", err
		}
		return guest.show(guest.call(arguments[0], uint64(uint32(number))))
	case "quickjs":
		return guest.quickjs(arguments)
	case "pii-shield":
		return guest.piiShield(arguments)
	}
	return "", fmt.Errorf("`%s` is no drive", drive)
}

type guest struct {
	ctx      context.Context
	instance api.Module
}

func (g guest) call(name string, arguments ...uint64) ([]uint64, error) {
	function := g.instance.ExportedFunction(name)
	if function == nil {
		return nil, fmt.Errorf("no export `%s`", name)
	}
	return function.Call(g.ctx, arguments...)
}

// show prints a result as the twin does.
func (g guest) show(results []uint64, err error) (string, error) {
	if err != nil {
		return "", err
	}
	if len(results) == 0 {
		return "None", nil
	}
	return fmt.Sprintf("Some(%d)", int32(results[0])), nil
}

// place copies bytes to where the guest's own allocator puts them.
func (g guest) place(allocator string, bytes []byte) (uint64, error) {
	results, err := g.call(allocator, uint64(len(bytes)))
	if err != nil {
		return 0, err
	}
	if !g.instance.Memory().Write(uint32(results[0]), bytes) {
		return 0, fmt.Errorf("`%s` gave an address outside the memory", allocator)
	}
	return results[0], nil
}

func (g guest) quickjs(arguments []string) (string, error) {
	if _, err := g.call("_initialize"); err != nil {
		return "", err
	}
	texts := append([]string{"qjs"}, arguments...)
	var pointers []byte
	for _, text := range texts {
		address, err := g.place("malloc", append([]byte(text), 0))
		if err != nil {
			return "", err
		}
		pointers = binary.LittleEndian.AppendUint32(pointers, uint32(address))
	}
	argv, err := g.place("malloc", pointers)
	if err != nil {
		return "", err
	}
	return g.show(g.call("qjs_init_argv", uint64(len(texts)), argv))
}

func (g guest) piiShield(texts []string) (string, error) {
	if _, err := g.call("_initialize"); err != nil {
		return "", err
	}
	var redacted strings.Builder
	for _, text := range texts {
		address, err := g.place("allocate", []byte(text))
		if err != nil {
			return "", err
		}
		packed, err := g.call("redact", address, uint64(len(text)))
		if err != nil {
			return "", err
		}
		bytes, _ := g.instance.Memory().Read(uint32(packed[0]>>32), uint32(packed[0]))
		redacted.Write(bytes)
		redacted.WriteByte('\n')
	}
	return redacted.String(), nil
}
