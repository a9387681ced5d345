package health

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sargas-em/em"
)

// Rule is the Rule of all events of this package.
const Rule = "device"

// stateVersion is the first byte of every state.
const stateVersion = 5 // 3: of Mass without where devices are placed; 4: of Track with what cells and access points say; 5: and contacts

// newEvent returns an event that begins at at, which also tells it apart.
func newEvent(version string, device em.DeviceID, kind em.EventKind, at time.Time) em.Event {
	return em.Event{
		Rule: Rule, Version: version, About: string(device), Anchor: at, At: at,
		Detail: em.Detail{Kind: kind},
	}
}

// because returns the ids that are there, each once, at most em.MaxBecause of
// them: the last where there are more.
func because(ids ...em.ObservationID) []em.ObservationID {
	var all []em.ObservationID
	for _, id := range ids {
		if id != (em.ObservationID{}) && !slices.Contains(all, id) {
			all = append(all, id)
		}
	}
	return all[max(0, len(all)-em.MaxBecause):]
}

func seconds(name string, d time.Duration) em.Fact {
	return em.Fact{Name: name, Num: d.Seconds(), Unit: "s"}
}

func instant(name string, t time.Time) em.Fact {
	return em.Fact{Name: name, Text: t.Format(time.RFC3339Nano)}
}

// clock writes an instant for a sentence.
func clock(t time.Time) string { return t.Format("2006-01-02 15:04:05 MST") }

// span writes a duration for a sentence: "1 d 2 h 15 min", "8 s", "under 1 s".
func span(d time.Duration) string {
	var parts []string
	for _, u := range []struct {
		of   time.Duration
		name string
	}{{24 * time.Hour, "d"}, {time.Hour, "h"}, {time.Minute, "min"}, {time.Second, "s"}} {
		if n := d / u.of; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, u.name))
			d -= n * u.of
		}
	}
	if len(parts) == 0 {
		return "under 1 s"
	}
	return strings.Join(parts, " ")
}

// positive returns v, or def where it is zero; what is below zero is an error.
func positive(name string, v, def time.Duration) (time.Duration, error) {
	switch {
	case v == 0:
		return def, nil
	case v < 0:
		return 0, fmt.Errorf("health: %s of %v is below zero", name, v)
	}
	return v, nil
}

func appendID(dst []byte, id em.ObservationID) []byte { return append(dst, id[:]...) }

func readID(r *em.StateReader) (id em.ObservationID) {
	copy(id[:], r.Bytes(len(id)))
	return id
}

// readState reads a state of version stateVersion with f; no bytes leave f out.
func readState(b []byte, f func(r *em.StateReader)) error {
	if len(b) == 0 {
		return nil
	}
	r := em.NewStateReader(b)
	if v := r.Bytes(1); v != nil && v[0] != stateVersion {
		r.Fail(fmt.Sprintf("health state of version %d", v[0]))
	}
	f(r)
	return r.Close()
}

// readSorted reads items that must come in rising order of cmp, each once.
func readSorted[T any](r *em.StateReader, read func() T, cmp func(a, b T) int) []T {
	var all []T
	for n := r.Len(); n > 0 && r.Err() == nil; n-- {
		v := read()
		if len(all) > 0 && cmp(all[len(all)-1], v) >= 0 {
			r.Fail("entries out of order")
		}
		all = append(all, v)
	}
	return all
}

// earlier returns the earlier of two deadlines, of which zero is none.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
