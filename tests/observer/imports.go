package main

import (
	"context"
	"fmt"
	"os"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"
)

// importIndices gives the index of each imported function of WASI, by name; the first, where one is imported twice: a listener
// cannot tell which of them was called.
func importIndices(guest wazero.CompiledModule) map[string]uint32 {
	indices := map[string]uint32{}
	for _, function := range guest.ImportedFunctions() {
		module, name, _ := function.Import()
		if _, twice := indices[name]; module == wasi_snapshot_preview1.ModuleName && !twice {
			indices[name] = function.Index()
		}
	}
	return indices
}

// instantiateWASI gives wazero's WASI with two functions as wasmtime reads them. An `fd_write` may write all of its buffers, as
// wazero does, or the first, as wasmtime does, and the guest comes again. `fd_fdstat_set_flags` of a standard stream may be
// done, or refused. The guests' next calls tell the difference.
func instantiateWASI(ctx context.Context, runtime wazero.Runtime) error {
	builder := runtime.NewHostModuleBuilder(wasi_snapshot_preview1.ModuleName)
	wasi_snapshot_preview1.NewFunctionExporter().ExportFunctions(builder)
	i32 := api.ValueTypeI32
	builder.NewFunctionBuilder().
		WithGoModuleFunction(api.GoModuleFunc(writeOneBuffer), []api.ValueType{i32, i32, i32, i32}, []api.ValueType{i32}).
		WithName("fd_write").Export("fd_write")
	builder.NewFunctionBuilder().
		WithGoModuleFunction(api.GoModuleFunc(setNoFlags), []api.ValueType{i32, i32}, []api.ValueType{i32}).
		WithName("fd_fdstat_set_flags").Export("fd_fdstat_set_flags")
	_, err := builder.Instantiate(ctx)
	return err
}

const (
	errnoSuccess = 0
	errnoBadf    = 8
	errnoFault   = 21
)

// writeOneBuffer is `fd_write(fd, buffers, count, written) -> errno`: standard output goes to our standard error.
func writeOneBuffer(_ context.Context, guest api.Module, stack []uint64) {
	fd, buffers, count, written := uint32(stack[0]), uint32(stack[1]), uint32(stack[2]), uint32(stack[3])
	stack[0] = errnoFault
	memory := guest.Memory()
	var length uint32
	for at := buffers; at < buffers+8*count && length == 0; at += 8 {
		address, _ := memory.ReadUint32Le(at)
		length, _ = memory.ReadUint32Le(at + 4)
		bytes, ok := memory.Read(address, length)
		switch {
		case !ok:
			return
		case fd == 1:
			_, _ = os.Stderr.Write(bytes)
		case fd != 2:
			stack[0] = errnoBadf
			return
		}
	}
	if memory.WriteUint32Le(written, length) {
		stack[0] = errnoSuccess
	}
}

// setNoFlags is `fd_fdstat_set_flags(fd, flags) -> errno`: there are no files but the standard streams.
func setNoFlags(_ context.Context, _ api.Module, stack []uint64) {
	stack[0] = errnoBadf
}

// trapUnknownImports defines what no host provides: the programs that the tests run never call it.
func trapUnknownImports(ctx context.Context, runtime wazero.Runtime, guest wazero.CompiledModule) error {
	modules := map[string]wazero.HostModuleBuilder{}
	for _, function := range guest.ImportedFunctions() {
		module, name, _ := function.Import()
		if module == wasi_snapshot_preview1.ModuleName {
			continue
		}
		if modules[module] == nil {
			modules[module] = runtime.NewHostModuleBuilder(module)
		}
		trap := api.GoFunc(func(context.Context, []uint64) { panic(fmt.Sprintf("`%s` of `%s` is unknown", name, module)) })
		modules[module].NewFunctionBuilder().WithGoFunction(trap, function.ParamTypes(), function.ResultTypes()).Export(name)
	}
	for _, builder := range modules {
		if _, err := builder.Instantiate(ctx); err != nil {
			return err
		}
	}
	return nil
}
