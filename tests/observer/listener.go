package main

import (
	"bufio"
	"context"
	"encoding/binary"

	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"
)

const (
	returned = 1 << 31
	aborted  = 1 << 30
)

// factory makes a listener for every function of the guest, and for every host function that it imports.
type factory struct {
	events *bufio.Writer
	// imports has the guest's indices of WASI's functions; it is filled before WASI is instantiated.
	imports map[string]uint32
}

func (f *factory) NewFunctionListener(function api.FunctionDefinition) experimental.FunctionListener {
	if function.GoFunction() == nil {
		return listener{f.events, function.Index()}
	}
	if index, imported := f.imports[function.Name()]; imported && function.ModuleName() == wasi_snapshot_preview1.ModuleName {
		return listener{f.events, index}
	}
	return nil
}

// listener writes down what happens to one function.
type listener struct {
	events *bufio.Writer
	index  uint32
}

func (l listener) Before(context.Context, api.Module, api.FunctionDefinition, []uint64, experimental.StackIterator) {
	l.tell(0)
}

func (l listener) After(context.Context, api.Module, api.FunctionDefinition, []uint64) {
	l.tell(returned)
}

func (l listener) Abort(context.Context, api.Module, api.FunctionDefinition, error) {
	l.tell(aborted)
}

// tell leaves errors to the writer, which keeps the first until it is flushed.
func (l listener) tell(what uint32) {
	var event [4]byte
	binary.LittleEndian.PutUint32(event[:], l.index|what)
	_, _ = l.events.Write(event[:])
}
