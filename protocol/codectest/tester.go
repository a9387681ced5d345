package codectest

import (
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
)

// tester is what the kit's checks need of a test, so that they run under go test
// and in tools alike.
type tester interface {
	Helper()
	Error(args ...any)
	Errorf(format string, args ...any)
	Fatal(args ...any)
	Fatalf(format string, args ...any)
	Skip(args ...any)
	Skipf(format string, args ...any)
	Logf(format string, args ...any)
	// NotApplicable ends a check that has nothing to look at in this dialect.
	NotApplicable(reason string)
	Run(name string, f func(tester)) bool
	// result is what this check found.
	result() *record
}

// record is what a check found, with its parts.
type record struct {
	mu       sync.Mutex
	failures []string // the first maxFailures
	count    int      // of all
	notes    []string
	skipped  string
	na       string
}

// Bounds of a record: a mistake in every frame is told often enough then.
const (
	maxFailures = 10
	maxNotes    = 20
	maxNote     = 2000 // bytes of each
)

// shorten keeps a text short, and what differs between runs out of it.
func shorten(s string) string {
	if i := strings.Index(s, "\ngoroutine "); i >= 0 { // a panic's stack
		s = s[:i]
	}
	if len(s) > maxNote {
		s = strings.ToValidUTF8(s[:maxNote], "") + "…"
	}
	return s
}

func (r *record) fail(s string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.count++; len(r.failures) < maxFailures {
		r.failures = append(r.failures, shorten(s))
	}
}

func (r *record) note(s string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.notes) < maxNotes {
		r.notes = append(r.notes, shorten(s))
	}
}

// adopt takes over what a part found: of its failures no more than the first few,
// so that one part does not hide the next.
func (r *record) adopt(name string, part *record) {
	told := part.failures[:min(len(part.failures), maxFailures/4)]
	for _, f := range told {
		r.fail(name + ": " + f)
	}
	r.count += part.count - len(told)
	for _, n := range part.notes {
		r.note(name + ": " + n)
	}
	if part.skipped != "" {
		r.note(name + ": not run: " + part.skipped)
	}
}

// attempt runs a check in a goroutine of its own, which Fatal and Skip may end.
func (r *record) attempt(f func(tester)) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() {
			if p := recover(); p != nil {
				r.fail(fmt.Sprintf("panic: %v", p))
			}
		}()
		f(aloneTest{r})
	}()
	<-done
}

// aloneTest is a test without go test.
type aloneTest struct{ *record }

func (t aloneTest) Helper()                      {}
func (t aloneTest) Error(args ...any)            { t.fail(line(args)) }
func (t aloneTest) Errorf(f string, args ...any) { t.fail(fmt.Sprintf(f, args...)) }
func (t aloneTest) Fatal(args ...any)            { t.fail(line(args)); runtime.Goexit() }
func (t aloneTest) Fatalf(f string, args ...any) { t.fail(fmt.Sprintf(f, args...)); runtime.Goexit() }
func (t aloneTest) Skip(args ...any)             { t.skipped = line(args); runtime.Goexit() }
func (t aloneTest) Skipf(f string, args ...any) {
	t.skipped = fmt.Sprintf(f, args...)
	runtime.Goexit()
}
func (t aloneTest) Logf(f string, args ...any)  { t.note(fmt.Sprintf(f, args...)) }
func (t aloneTest) NotApplicable(reason string) { t.na = reason; runtime.Goexit() }
func (t aloneTest) result() *record             { return t.record }

func (t aloneTest) Run(name string, f func(tester)) bool {
	part := new(record)
	part.attempt(f)
	t.adopt(name, part)
	return part.count == 0
}

func line(args []any) string { return strings.TrimSuffix(fmt.Sprintln(args...), "\n") }

// goTest is a test under go test.
type goTest struct {
	testing.TB
	rec *record
}

func inTest(t testing.TB) goTest { return goTest{t, new(record)} }

func (t goTest) result() *record { return t.rec }

func (t goTest) Error(args ...any) {
	t.TB.Helper()
	t.rec.fail(line(args))
	t.TB.Error(args...)
}

func (t goTest) Errorf(f string, args ...any) {
	t.TB.Helper()
	t.rec.fail(fmt.Sprintf(f, args...))
	t.TB.Errorf(f, args...)
}

func (t goTest) Fatal(args ...any) {
	t.TB.Helper()
	t.rec.fail(line(args))
	t.TB.Fatal(args...)
}

func (t goTest) Fatalf(f string, args ...any) {
	t.TB.Helper()
	t.rec.fail(fmt.Sprintf(f, args...))
	t.TB.Fatalf(f, args...)
}

func (t goTest) Skip(args ...any) {
	t.TB.Helper()
	t.rec.skipped = line(args)
	t.TB.Skip(args...)
}

func (t goTest) Skipf(f string, args ...any) {
	t.TB.Helper()
	t.rec.skipped = fmt.Sprintf(f, args...)
	t.TB.Skipf(f, args...)
}

func (t goTest) Logf(f string, args ...any) {
	t.TB.Helper()
	t.rec.note(fmt.Sprintf(f, args...))
	t.TB.Logf(f, args...)
}

func (t goTest) NotApplicable(reason string) {
	t.TB.Helper()
	t.rec.na = reason
	t.TB.Skipf("not applicable: %s", reason)
}

func (t goTest) Run(name string, f func(tester)) bool {
	tt, ok := t.TB.(*testing.T)
	if !ok {
		f(t)
		return !t.Failed()
	}
	part := new(record)
	passed := tt.Run(name, func(tt *testing.T) { f(goTest{tt, part}) })
	t.rec.adopt(name, part)
	return passed
}
