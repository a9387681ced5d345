package program

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"syscall"
	"testing"
)

func TestStatus(t *testing.T) {
	broken := errors.New("broken")
	for _, c := range []struct {
		err  error
		want int
	}{
		{nil, 0},
		{flag.ErrHelp, 0},
		{broken, 4},
		{Usagef("%w", broken), 2},
		{fmt.Errorf("while starting: %w", &Error{3, broken}), 3},
	} {
		if got := Status(c.err, 4); got != c.want {
			t.Errorf("%v: %d, not %d", c.err, got, c.want)
		}
	}
	if err := Usagef("%w", broken); !errors.Is(err, broken) {
		t.Errorf("%v does not wrap its reason", err)
	}
}

func TestParse(t *testing.T) {
	for _, c := range []struct {
		args, rest []string
		n          int
	}{
		{args: []string{"-n", "7"}, n: 7},
		{args: []string{"a", "--n=7", "b"}, rest: []string{"a", "b"}, n: 7},
		{args: []string{"-"}, rest: []string{"-"}},
		{args: []string{"a", "--", "-n", "7"}, rest: []string{"a", "-n", "7"}},
		{args: []string{"--", "--"}, rest: []string{"--"}},
	} {
		fs := flag.NewFlagSet("try", flag.ContinueOnError)
		n := fs.Int("n", 0, "")
		rest, err := Parse(fs, c.args)
		if err != nil || !slices.Equal(rest, c.rest) || *n != c.n {
			t.Errorf("%q: %q, n %d, %v", c.args, rest, *n, err)
		}
	}
	for _, c := range []struct {
		args   []string
		status int
	}{
		{[]string{"-x"}, 2}, {[]string{"-n", "seven"}, 2}, {[]string{"left"}, 2}, {[]string{"-h"}, 0},
	} {
		fs := flag.NewFlagSet("try", flag.ContinueOnError)
		fs.SetOutput(io.Discard)
		fs.Int("n", 0, "")
		if err := ParseAll(fs, c.args); err == nil || Status(err, 4) != c.status {
			t.Errorf("%q: %v", c.args, err)
		}
	}
}

// The first signal ends the context.
func TestInterruptible(t *testing.T) {
	err := Interruptible(func(ctx context.Context, _ []string, _, _ io.Writer) error {
		if err := syscall.Kill(os.Getpid(), syscall.SIGTERM); err != nil {
			return err
		}
		<-ctx.Done()
		return nil
	})(nil, io.Discard, io.Discard)
	if err != nil {
		t.Error(err)
	}
}
