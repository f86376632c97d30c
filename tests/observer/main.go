// Command observer runs a module that nobody rewrote, and tells which functions were called: wazero's own listener sees them.
//
// Usage: observer compiler|interpreter MODULE command ARGUMENT... | invoke NAME NUMBER | quickjs ARGUMENT... | pii-shield TEXT...
//
// On standard output: a little-endian u32 an event, a function's index in its low 30 bits. Bit 31 is set where the function
// returned, bit 30 where it was aborted, none where it began. Calls of imports are events of the import's index. On standard
// error: what the guest printed or returned. The exit code is the guest's, or 134 after a trap.
//
// Clocks and random bytes are those of `tests/src/wasi.rs`, so that both runs take the same path.
package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"
	"github.com/tetratelabs/wazero/sys"
)

const exitTrapped = 134

func main() {
	if len(os.Args) < 4 {
		fmt.Fprintln(os.Stderr, "usage: observer compiler|interpreter MODULE command|invoke|quickjs|pii-shield ARGUMENT...")
		os.Exit(2)
	}
	config := wazero.NewRuntimeConfigCompiler()
	if os.Args[1] == "interpreter" {
		config = wazero.NewRuntimeConfigInterpreter()
	}
	events := bufio.NewWriterSize(os.Stdout, 1<<20)
	err := observe(events, config, os.Args[2], os.Args[3], os.Args[4:])
	if flushed := events.Flush(); flushed != nil {
		err = flushed
	}
	var exit *sys.ExitError
	switch {
	case errors.As(err, &exit):
		os.Exit(int(exit.ExitCode()))
	case err != nil:
		fmt.Fprintln(os.Stderr, err)
		os.Exit(exitTrapped)
	}
}

func observe(events *bufio.Writer, engine wazero.RuntimeConfig, path, drive string, arguments []string) error {
	binary, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	listeners := &factory{events: events}
	ctx := experimental.WithFunctionListenerFactory(context.Background(), listeners)
	features := api.CoreFeaturesV2 | experimental.CoreFeaturesTailCall | experimental.CoreFeaturesExtendedConst |
		experimental.CoreFeaturesExceptionHandling
	runtime := wazero.NewRuntimeWithConfig(ctx, engine.WithCoreFeatures(features))
	defer runtime.Close(ctx)

	guest, err := runtime.CompileModule(ctx, binary)
	if err != nil {
		return err
	}
	listeners.imports = importIndices(guest)
	if err := instantiateWASI(ctx, runtime); err != nil {
		return err
	}
	if err := trapUnknownImports(ctx, runtime, guest); err != nil {
		return err
	}
	config := wazero.NewModuleConfig().WithStartFunctions().WithStdout(os.Stderr).WithArgs("guest")
	if drive == "command" {
		config = config.WithArgs(append([]string{"guest"}, arguments...)...)
	}
	instance, err := runtime.InstantiateModule(ctx, guest, deterministic(config))
	if err != nil {
		return err
	}
	text, err := steer(ctx, instance, drive, arguments)
	fmt.Fprint(os.Stderr, text)
	return err
}
