package main

import (
	"runtime"
	"runtime/debug"
	"testing"
	"time"
)

func TestGCPercent(t *testing.T) {
	for name, c := range map[string]struct {
		lives uint64
		want  int
	}{
		"nothing":      {0, 10_000},
		"little":       {1 << 20, 10_000},
		"some people":  {64 << 20, 400},
		"half":         {128 << 20, 200},
		"a third less": {170 << 20, 200},
		"as much":      {256 << 20, 200},
		"half more":    {384 << 20, 133},
		"twice":        {512 << 20, 100},
		"many more":    {1600 << 20, 100},
	} {
		if got := gcPercent(c.lives, 256<<20); got != c.want {
			t.Errorf("%s: %d %%, want %d", name, got, c.want)
		}
	}
}

// The percentage falls again as what lives grows.
func TestAllowGarbage(t *testing.T) {
	t.Setenv("GOGC", "")
	defer debug.SetGCPercent(debug.SetGCPercent(100))
	const least = 32 << 20
	allowGarbage(least)
	percent := func() int { // as it is
		p := debug.SetGCPercent(100)
		debug.SetGCPercent(p)
		return p
	}
	until := func(what string, so func(int) bool) {
		t.Helper()
		for deadline := time.Now().Add(10 * time.Second); !so(percent()); runtime.Gosched() {
			if runtime.GC(); time.Now().After(deadline) {
				t.Fatalf("%s: %d %%", what, percent())
			}
		}
	}
	until("little lives", func(p int) bool { return p > 100 })
	much := make([]byte, 3*least)
	until("much lives", func(p int) bool { return p == 100 })
	runtime.KeepAlive(much)
	much = nil
	until("little again", func(p int) bool { return p > 100 })
}
