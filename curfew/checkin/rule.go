package checkin

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/curfew"
)

// Rule is what an order says of check-ins. It is plain data; see UnmarshalJSON
// for its JSON form. ID and From must be given, a zero in any other field means
// none or its default.
type Rule struct {
	ID      string // tells the person's rules apart; the events' About
	Version string // of this text of the rule

	// From and Until bound this version of the rule: it asks for the requests
	// that begin in [From, Until). A zero Until is open.
	From, Until time.Time

	// Windows are the rows of the schedule, each a request or, if the rule is
	// Unpredictable, the time in which requests may come. What the rows are to
	// a curfew, kind and place, does not matter here; permits neither.
	Windows curfew.Schedule

	// Unpredictable draws times within the windows; nil asks for each window once.
	Unpredictable *Unpredictable

	// Requests are asked for once, besides the windows: an officer's demand, a
	// video appointment.
	Requests []Request

	// Methods by which identity may be checked: "face", "voice", "pin", … Empty
	// allows all. Video appointments are by "video" alone, always.
	Methods []string

	// AllowUnchecked takes an answer without an identity check, such as a
	// button, for the wearer's.
	AllowUnchecked bool

	// Sources are the devices whose answers count: an ID ("app:990017"), or a
	// dialect with its colon ("phone:") for all of them. Empty allows all. Only
	// what is heard of them turns NOT_RECEIVED into MISSED.
	Sources []em.DeviceID

	// Unasked tells check-ins for which this rule did not ask, too: those that
	// name none of its requests that is open, and no request of another rule. Of
	// several rules of one person one should, at most: each knows its own alone.
	Unasked bool

	// Late is how long after To an answer is late and not missed. Default
	// DefaultLate; negative: none.
	Late time.Duration

	// PositionWithin is how far in time the position may be from the answer.
	// Default DefaultPositionWithin.
	PositionWithin time.Duration

	// MaxUpload is how long after To an answer may still be on its way. Default
	// DefaultMaxUpload.
	MaxUpload time.Duration
}

// Unpredictable says how many requests come in a window.
type Unpredictable struct {
	Key      []byte        // of em.Draw; 32 random bytes, a secret while requests lie ahead
	Min, Max int           // requests in a window: 0 ≤ Min ≤ Max, 1 ≤ Max ≤ MaxPerWindow
	Answer   time.Duration // within which each is to be answered; default DefaultAnswer
}

// Kind says why a request is made.
type Kind string

// Kinds of requests.
const (
	KindScheduled     Kind = "scheduled"
	KindUnpredictable Kind = "unpredictable"
	KindOnDemand      Kind = "on_demand"
	KindVideo         Kind = "video" // an appointment with an officer
)

// Request asks to report at some time in [From, To).
type Request struct {
	ID       string    `json:"id"` // what an answer names
	Kind     Kind      `json:"kind"`
	From, To time.Time `json:"-"`
	With     string    `json:"with,omitempty"` // who holds a video appointment
}

// Defaults of Rule.
const (
	DefaultAnswer         = 15 * time.Minute
	DefaultLate           = 15 * time.Minute
	DefaultPositionWithin = 2 * time.Minute
	DefaultMaxUpload      = 72 * time.Hour
)

// Bounds of a Rule: beyond any order, and small enough to judge by.
const (
	MaxPerWindow = 16
	MaxRequests  = 4096
	maxText      = 256 // bytes of an ID, method, source or name
	maxList      = 64  // methods, sources
	maxDuration  = 31 * 24 * time.Hour
	minKey       = 16 // bytes
)

// ErrRule is wrapped by errors about a Rule that makes no sense.
var ErrRule = errors.New("checkin: invalid rule")

// The years that are judged, as in package curfew.
var (
	earliest = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	latest   = time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC)
)

func judgeable(t time.Time) bool { return !t.Before(earliest) && t.Before(latest) }

const tick = time.Nanosecond

// complete checks the rule, copies what it holds and fills in defaults.
func (r Rule) complete() (Rule, error) {
	bad := func(format string, args ...any) (Rule, error) {
		return Rule{}, fmt.Errorf("%w: %s", ErrRule, fmt.Sprintf(format, args...))
	}
	if r.Late < 0 {
		r.Late = 0
	} else if r.Late == 0 {
		r.Late = DefaultLate
	}
	for _, d := range []struct {
		v   *time.Duration
		def time.Duration
		of  string
	}{{&r.PositionWithin, DefaultPositionWithin, "position_within"}, {&r.MaxUpload, DefaultMaxUpload, "max_upload"}, {&r.Late, 0, "late"}} {
		if *d.v == 0 {
			*d.v = d.def
		}
		if *d.v < 0 || *d.v > maxDuration {
			return bad("%s of %v", d.of, *d.v)
		}
	}
	r.From, r.Until = r.From.Round(0).UTC(), r.Until.Round(0).UTC()
	switch {
	case r.ID == "" || len(r.ID) > maxText || len(r.Version) > maxText:
		return bad("an id or version of no or more than %d bytes", maxText)
	case !judgeable(r.From):
		return bad("from is not given, or beyond the years 2000 to 2199")
	case !r.Until.IsZero() && (!judgeable(r.Until) || !r.From.Before(r.Until)):
		return bad("until is not after from")
	case len(r.Methods) > maxList || len(r.Sources) > maxList:
		return bad("more than %d methods or sources", maxList)
	case len(r.Requests) > MaxRequests:
		return bad("%d requests", len(r.Requests))
	}
	r.Methods, r.Sources, r.Requests = slices.Clone(r.Methods), slices.Clone(r.Sources), slices.Clone(r.Requests)
	for _, m := range r.Methods {
		if m == "" || len(m) > maxText {
			return bad("a method of no or too many bytes")
		}
	}
	for _, s := range r.Sources {
		if s == "" || len(s) > maxText {
			return bad("a source of no or too many bytes")
		}
	}
	seen := map[string]bool{}
	for i := range r.Requests {
		q := &r.Requests[i]
		q.From, q.To = q.From.Round(0).UTC(), q.To.Round(0).UTC()
		switch {
		case q.ID == "" || len(q.ID) > maxText || len(q.With) > maxText:
			return bad("requests[%d]: an id or name of no or too many bytes", i)
		case seen[q.ID]:
			return bad("requests[%d]: %q is listed twice", i, q.ID)
		case q.Kind != KindScheduled && q.Kind != KindOnDemand && q.Kind != KindVideo:
			return bad("requests[%d]: kind %q is not scheduled, on_demand or video", i, q.Kind)
		case !judgeable(q.From) || !judgeable(q.To) || !q.From.Before(q.To) || q.To.Sub(q.From) > maxDuration:
			return bad("requests[%d]: it ends no later than it begins, lasts too long, or lies beyond the years 2000 to 2199", i)
		}
		seen[q.ID] = true
	}
	slices.SortFunc(r.Requests, compareRequests)
	if u := r.Unpredictable; u != nil {
		u = &Unpredictable{Key: slices.Clone(u.Key), Min: u.Min, Max: u.Max, Answer: u.Answer}
		if u.Answer == 0 {
			u.Answer = DefaultAnswer
		}
		switch {
		case len(u.Key) < minKey || len(u.Key) > maxText:
			return bad("unpredictable: a key of %d bytes; 32 are right", len(u.Key))
		case u.Min < 0 || u.Max < 1 || u.Min > u.Max || u.Max > MaxPerWindow:
			return bad("unpredictable: %d to %d requests in a window; at most %d", u.Min, u.Max, MaxPerWindow)
		case u.Answer < time.Second || u.Answer > 24*time.Hour:
			return bad("unpredictable: %v to answer", u.Answer)
		}
		for i, w := range r.Windows.Plan().Weekly {
			n := (int(w.End)-int(w.Start)+24*60-1)%(24*60) + 1
			if length := time.Duration(n) * time.Minute; time.Duration(u.Max)*(u.Answer+r.Late) > length {
				return bad("unpredictable: %d requests of %v, lateness included, do not fit into weekly[%d] (%v)", u.Max, u.Answer+r.Late, i, w)
			}
		}
		r.Unpredictable = u
	}
	return r, nil
}

// Check reports whether the rule can be applied; errors wrap ErrRule.
func (r Rule) Check() error {
	_, err := r.complete()
	return err
}

// own reports whether an ID is that of a request of this rule, open or not.
func (r *Rule) own(id string) bool {
	return strings.HasPrefix(id, r.ID+"/") || slices.ContainsFunc(r.Requests, func(q Request) bool { return q.ID == id })
}

// KeyDigest is the SHA-256 of the key in hexadecimal, empty where there is
// none: what is published beforehand.
func (r Rule) KeyDigest() string {
	if r.Unpredictable == nil {
		return ""
	}
	sum := sha256.Sum256(r.Unpredictable.Key)
	return hex.EncodeToString(sum[:])
}

func compareRequests(a, b Request) int {
	if c := a.From.Compare(b.From); c != 0 {
		return c
	}
	return strings.Compare(a.ID, b.ID)
}

// Between yields the requests that begin in [from, to), ordered by From and ID:
// what the center asks for, and what an auditor draws again. It yields none for
// a rule that Check refuses. The subject is the one under whose name the
// evaluator's Timeline runs.
func (r Rule) Between(subject em.SubjectID, from, to time.Time) iter.Seq[Request] {
	c, err := r.complete()
	if err != nil {
		return func(func(Request) bool) {}
	}
	return c.between(subject, from, to)
}

// between is Between for a complete rule.
func (r *Rule) between(subject em.SubjectID, from, to time.Time) iter.Seq[Request] {
	if from.Before(r.From) {
		from = r.From
	}
	if !r.Until.IsZero() && r.Until.Before(to) {
		to = r.Until
	}
	if latest.Before(to) {
		to = latest
	}
	return func(yield func(Request) bool) {
		listed := r.Requests
		for len(listed) > 0 && listed[0].From.Before(from) {
			listed = listed[1:]
		}
		var queue []Request
		// flush yields what begins before an instant.
		flush := func(before time.Time) bool {
			for len(listed) > 0 && listed[0].From.Before(before) {
				queue, listed = append(queue, listed[0]), listed[1:]
			}
			slices.SortFunc(queue, compareRequests)
			n := 0
			for ; n < len(queue) && queue[n].From.Before(before); n++ {
				if !queue[n].From.Before(from) && !yield(queue[n]) {
					return false
				}
			}
			queue = slices.Delete(queue, 0, n)
			return true
		}
		if from.Before(to) {
			for w := range r.Windows.Between(from, to) {
				if !flush(w.Start) {
					return
				}
				queue = append(queue, r.draw(subject, w)...)
			}
		}
		flush(to)
	}
}

// draw returns the requests of one window.
func (r *Rule) draw(subject em.SubjectID, w curfew.Obligation) []Request {
	local := func(t time.Time) time.Time { return t.In(r.Windows.Location()) }
	date := local(w.Start).Format(time.DateOnly)
	name := fmt.Sprintf("%s-%s", local(w.Start).Format("15:04"), local(w.End).Format("15:04"))
	u := r.Unpredictable
	if u == nil {
		return []Request{{ID: fmt.Sprintf("%s/%s/%s", r.ID, date, name), Kind: KindScheduled, From: w.Start, To: w.End}}
	}
	slot := fmt.Sprintf("checkin/%s/%s", r.ID, name)
	each := u.Answer + r.Late
	length := int64(w.Duration() / time.Second)
	n := int64(u.Min) + int64(em.Draw(u.Key, subject, date, slot+"/count", uint64(u.Max-u.Min+1)))
	n = min(n, int64(w.Duration()/each))
	room := length - n*int64((each+time.Second-1)/time.Second)
	offsets := make([]int64, n)
	for i := range offsets {
		offsets[i] = int64(em.Draw(u.Key, subject, date, fmt.Sprintf("%s/%d", slot, i), uint64(max(room, 0))+1))
	}
	slices.Sort(offsets)
	list := make([]Request, n)
	for i, off := range offsets {
		from := w.Start.Add(time.Duration(off)*time.Second + time.Duration(i)*each)
		list[i] = Request{
			ID: fmt.Sprintf("%s/%s/%s/%d", r.ID, date, name, i), Kind: KindUnpredictable,
			From: from, To: from.Add(u.Answer),
		}
	}
	return list
}
