package bactrack

import (
	"time"

	"github.com/sargas-em/em"
)

// dated is a record with its time.
type dated struct {
	record SkynRecord
	index  int       // among the records
	at     time.Time // zero where its kind has none
}

// chunk is where the samples stand in time.
type chunk struct {
	next time.Time // of the next sample; zero where it is not known
	rate time.Duration
}

// ending is how far date came.
type ending struct {
	boundary int   // records before the chunk, or the relative times, that are still open
	chunk    chunk // that is open
	undated  int   // samples without a time
}

// date gives records their times. Sample k of a chunk is at its head's time and k
// times its rate; open is the chunk that samples without a head continue. After
// SkynPowerRestored the clock began near zero: times up to the next SkynTimeSync
// count from there, and the first head behind that says, less the time of the
// sync, what is to be added.
func date(records []SkynRecord, open chunk) (all []dated, e ending) {
	e.chunk = open
	relative, from := false, 0 // from: the first of all that is relative
	var sync em.Opt[time.Time]
	for i, r := range records {
		d := dated{record: r, index: i}
		switch r[0] {
		case SkynChunk:
			if relative && sync.OK {
				for j := from; j < len(all); j++ {
					if !all[j].at.IsZero() {
						all[j].at = all[j].at.Add(r.Time().Sub(sync.V))
					}
				}
				relative = false
			}
			if !relative {
				e.boundary = i
			}
			e.chunk = chunk{r.Time(), r.Rate()}
			d.at = r.Time()
		case SkynSample:
			if e.chunk.next.IsZero() {
				e.undated++
				continue
			}
			d.at = e.chunk.next
			e.chunk.next = d.at.Add(e.chunk.rate)
		case SkynEvent:
			d.at = r.Time()
			switch {
			case r.Code() == SkynPowerRestored && !relative:
				e.boundary = i
				relative, from, sync = true, len(all), em.Opt[time.Time]{}
				e.chunk = chunk{}
			case r.Code() == SkynPowerRestored: // once more, before the clock was set: what was before cannot be told
				all, e.undated = undate(all, from, e.undated)
				from, sync = len(all), em.Opt[time.Time]{}
				e.chunk = chunk{}
			case r.Code() == SkynTimeSync && relative:
				sync = em.Some(r.Time())
			case r.Code() == SkynTimeSync:
				e.boundary = i + 1
				e.chunk = chunk{}
			}
		default:
			d.at = e.chunk.next
		}
		all = append(all, d)
	}
	if relative {
		all, e.undated = undate(all, from, e.undated)
		e.chunk = chunk{}
	}
	return all, e
}

// undate drops what has relative times alone, and counts its samples.
func undate(all []dated, from, n int) ([]dated, int) {
	for _, d := range all[from:] {
		if d.record[0] == SkynSample {
			n++
		}
	}
	return all[:from], n
}
