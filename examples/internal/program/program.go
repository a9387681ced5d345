// Package program is how the example programs begin and end: flags that may stand
// anywhere, a signal that ends the work, and an exit status for each error.
package program

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

// Usage is the exit status of wrong arguments, in all programs alike.
const Usage = 2

// Error is an error that has an exit status of its own.
type Error struct {
	Status int
	Err    error
}

func (e *Error) Error() string { return e.Err.Error() }
func (e *Error) Unwrap() error { return e.Err }

// Errorf returns an Error; it formats as fmt.Errorf.
func Errorf(status int, format string, args ...any) error {
	return &Error{status, fmt.Errorf(format, args...)}
}

// Usagef is Errorf with the status Usage.
func Usagef(format string, args ...any) error { return Errorf(Usage, format, args...) }

// Status returns the exit status of an error: 0 of none and of flag.ErrHelp, an
// Error's own, and otherwise of all others.
func Status(err error, otherwise int) int {
	var e *Error
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return 0
	case errors.As(err, &e):
		return e.Status
	}
	return otherwise
}

// Func is what a program does with its arguments.
type Func func(args []string, out, errs io.Writer) error

// Main is a program's main: it runs f, tells its error under the program's name and
// exits with its Status.
func Main(name string, otherwise int, f Func) {
	err := f(os.Args[1:], os.Stdout, os.Stderr)
	status := Status(err, otherwise)
	if status != 0 {
		fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
	}
	os.Exit(status)
}

// Interruptible makes a Func of one that heeds a context, which ends with the
// first interrupt or SIGTERM. The second one ends the program.
func Interruptible(f func(ctx context.Context, args []string, out, errs io.Writer) error) Func {
	return func(args []string, out, errs io.Writer) error {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
		defer stop()
		context.AfterFunc(ctx, stop)
		return f(ctx, args, out, errs)
	}
}

// Parse reads flags wherever they stand, and returns the other arguments. What is
// wrong with them is an Error with the status Usage. Behind -- nothing is a flag.
func Parse(fs *flag.FlagSet, args []string) (rest []string, err error) {
	for {
		if err := fs.Parse(args); err != nil {
			if errors.Is(err, flag.ErrHelp) {
				return nil, err
			}
			return nil, &Error{Usage, err}
		}
		if n := len(args) - fs.NArg(); n > 0 && args[n-1] == "--" {
			return append(rest, fs.Args()...), nil
		}
		if fs.NArg() == 0 {
			return rest, nil
		}
		rest, args = append(rest, fs.Arg(0)), fs.Args()[1:]
	}
}

// ParseAll reads flags where nothing else may stand.
func ParseAll(fs *flag.FlagSet, args []string) error {
	rest, err := Parse(fs, args)
	if err == nil && len(rest) > 0 {
		err = Usagef("%s: unexpected argument %q", fs.Name(), rest[0])
	}
	return err
}
