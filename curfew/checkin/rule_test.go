package checkin_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/curfew"
	"github.com/sargas-em/em/curfew/checkin"
)

// The times were computed by this program, with draw as in the comment of
// em.Draw:
//
//	key, out = bytes(range(32)), []
//	for date, hours in (("2026-03-02", 4), ("2026-03-03", 4), ("2026-03-04", 4)):
//	    w = "checkin/rnd/18:00-22:00"
//	    n = 1 + draw(key, "p-1", date, w + "/count", 3)
//	    D, L = 15 * 60, hours * 3600
//	    u = sorted(draw(key, "p-1", date, f"{w}/{i}", L - n * D + 1) for i in range(n))
//	    out += [(date, i, x + i * D) for i, x in enumerate(u)]
func TestRequestsAgreeWithPython(t *testing.T) {
	r := checkin.Rule{
		ID: "rnd", From: monday, Windows: evening(t, curfew.Clock(18, 0), curfew.Clock(22, 0)), Late: 5 * time.Minute,
		Unpredictable: &checkin.Unpredictable{Key: key(), Min: 1, Max: 3, Answer: 10 * time.Minute},
	}
	type drawn struct {
		id     string
		second int
	}
	want := []drawn{{"rnd/2026-03-02/18:00-22:00/0", 673}, {"rnd/2026-03-02/18:00-22:00/1", 3810}, {"rnd/2026-03-02/18:00-22:00/2", 5272}, {"rnd/2026-03-03/18:00-22:00/0", 5299}, {"rnd/2026-03-03/18:00-22:00/1", 9139}, {"rnd/2026-03-04/18:00-22:00/0", 11254}}
	var got []drawn
	for q := range r.Between("p-1", monday, monday.AddDate(0, 0, 3)) {
		start := q.From.In(vilnius(t))
		six := time.Date(start.Year(), start.Month(), start.Day(), 18, 0, 0, 0, start.Location())
		got = append(got, drawn{q.ID, int(q.From.Sub(six) / time.Second)})
		if q.To.Sub(q.From) != 10*time.Minute || q.Kind != checkin.KindUnpredictable {
			t.Errorf("%+v", q)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// Drawn requests lie within their windows, lateness included, never overlap, are
// as many as the rule says, whatever the zone does, and are the same wherever one
// begins to look.
func TestRequestsWithinWindows(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := rapid.IntRange(0, 23).Draw(t, "hour")
		length := rapid.IntRange(4, 20).Draw(t, "length")
		r := checkin.Rule{
			ID: "rnd", From: time.Date(2026, 10, 20, 0, 0, 0, 0, time.UTC), Late: time.Duration(rapid.IntRange(1, 900).Draw(t, "late")) * time.Second,
			Windows: evening(t, curfew.Clock(h, 0), curfew.Clock((h+length)%24, 0)),
			Unpredictable: &checkin.Unpredictable{
				Key: rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "key"), Min: rapid.IntRange(0, 3).Draw(t, "min"), Max: rapid.IntRange(3, 6).Draw(t, "max"),
				Answer: time.Duration(rapid.IntRange(1, 1500).Draw(t, "answer")) * time.Second,
			},
		}
		to := r.From.AddDate(0, 0, 10)
		all := slices.Collect(r.Between("p-1", r.From, to))
		i := 0
		for w := range r.Windows.Between(r.From, to) {
			n, end := 0, w.Start
			for i < len(all) && all[i].From.Before(w.Start) {
				i++
			}
			for ; i < len(all) && all[i].From.Before(w.End); i++ {
				if all[i].From.Before(end) {
					t.Fatalf("%v begins before %v", all[i], end)
				}
				end = all[i].To.Add(r.Late)
				n++
			}
			if end.After(w.End) {
				t.Fatalf("the last of %v ends at %v", w, end)
			}
			if !w.Start.Before(r.From) && w.End.Before(to) && (n < r.Unpredictable.Min || n > r.Unpredictable.Max) {
				t.Fatalf("%d requests in %v", n, w)
			}
		}
		from := r.From.Add(time.Duration(rapid.IntRange(0, 10*24*3600).Draw(t, "from")) * time.Second)
		later := slices.DeleteFunc(slices.Clone(all), func(q checkin.Request) bool { return q.From.Before(from) })
		if d := cmp.Diff(later, slices.Collect(r.Between("p-1", from, to)), cmp.Transformer("none", func(l []checkin.Request) []checkin.Request {
			return append([]checkin.Request{}, l...)
		})); d != "" && len(later) > 0 {
			t.Fatal(d)
		}
	})
}

func TestRuleErrors(t *testing.T) {
	ok := `{"id":"a","from":"2026-03-01T00:00:00Z"`
	for name, c := range map[string]struct{ doc, want string }{
		"no id":             {`{"from":"2026-03-01T00:00:00Z"}`, "an id or version"},
		"no from":           {`{"id":"a"}`, "from is not given"},
		"until before from": {ok + `,"until":"2026-02-01T00:00:00Z"}`, "until is not after from"},
		"misspelt":          {ok + `,"methodes":[]}`, "unknown field"},
		"two values":        {ok + `} {}`, "more than one value"},
		"cut":               {ok, "unexpected EOF"},
		"a bad window":      {ok + `,"windows":{"zone":"Nowhere/Else"}}`, "zone"},
		"a short key":       {ok + `,"unpredictable":{"key":"00","min":1,"max":1}}`, "a key of 1 bytes"},
		"no hex":            {ok + `,"unpredictable":{"key":"xy","min":1,"max":1}}`, "key"},
		"min above max":     {ok + `,"unpredictable":{"key":"` + strings.Repeat("00", 32) + `","min":2,"max":1}}`, "2 to 1 requests"},
		"none at all":       {ok + `,"unpredictable":{"key":"` + strings.Repeat("00", 32) + `","min":0,"max":0}}`, "0 to 0 requests"},
		"too narrow":        {ok + `,"windows":{"zone":"UTC","weekly":[{"day":"mon","start":"18:00","end":"18:59"}]},"unpredictable":{"key":"` + strings.Repeat("00", 32) + `","min":1,"max":2}}`, "do not fit into weekly[0]"},
		"late below zero":   {ok + `,"late":"-1s"}`, "late of"},
		"long upload":       {ok + `,"max_upload":"10000h"}`, "max_upload of"},
		"unnamed request":   {ok + `,"requests":[{"id":"","kind":"video","from":"2026-03-02T00:00:00Z","to":"2026-03-02T01:00:00Z"}]}`, "requests[0]: an id"},
		"listed twice":      {ok + `,"requests":[{"id":"v","kind":"video","from":"2026-03-02T00:00:00Z","to":"2026-03-02T01:00:00Z"},{"id":"v","kind":"video","from":"2026-03-02T00:00:00Z","to":"2026-03-02T01:00:00Z"}]}`, "listed twice"},
		"a kind of chance":  {ok + `,"requests":[{"id":"v","kind":"unpredictable","from":"2026-03-02T00:00:00Z","to":"2026-03-02T01:00:00Z"}]}`, "kind"},
		"ends at its start": {ok + `,"requests":[{"id":"v","kind":"video","from":"2026-03-02T00:00:00Z","to":"2026-03-02T00:00:00Z"}]}`, "ends no later"},
		"an empty source":   {ok + `,"sources":[""]}`, "a source"},
		"an empty method":   {ok + `,"methods":[""]}`, "a method"},
	} {
		var r checkin.Rule
		err := r.UnmarshalJSON([]byte(c.doc))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
		if r.ID != "" {
			t.Errorf("%s: something was read all the same", name)
		}
	}
	if err := (checkin.Rule{}).Check(); !errors.Is(err, checkin.ErrRule) {
		t.Errorf("the zero rule: %v", err)
	}
	for range (checkin.Rule{}).Between("p-1", monday, monday.AddDate(1, 0, 0)) {
		t.Error("an impossible rule asks for something")
	}
}

// What is written is read as it was, and asks for the same.
func TestRuleJSON(t *testing.T) {
	r := checkin.Rule{
		ID: "eve", Version: "3", From: monday, Until: monday.AddDate(0, 1, 0), Windows: evening(t, curfew.Clock(18, 0), curfew.Clock(22, 0)),
		Unpredictable: &checkin.Unpredictable{Key: key(), Min: 0, Max: 2, Answer: 5 * time.Minute},
		Requests:      []checkin.Request{{ID: "v-1", Kind: checkin.KindVideo, From: monday.Add(time.Hour), To: monday.Add(2 * time.Hour), With: "officer 12"}},
		Methods:       []string{"face"}, AllowUnchecked: true, Unasked: true, Sources: []em.DeviceID{app, "phone:"}, Late: -1, PositionWithin: time.Minute, MaxUpload: time.Hour,
	}
	doc, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	var again checkin.Rule
	if err := json.Unmarshal(doc, &again); err != nil {
		t.Fatalf("%v in %s", err, doc)
	}
	doc2, err := json.Marshal(again)
	if err != nil || string(doc) != string(doc2) {
		t.Errorf("%v\n%s\nread back is\n%s", err, doc, doc2)
	}
	a, b := slices.Collect(r.Between("p-1", monday, r.Until)), slices.Collect(again.Between("p-1", monday, r.Until))
	if len(a) < 10 || !slices.Equal(a, b) {
		t.Errorf("%d and %d requests", len(a), len(b))
	}
	if r.KeyDigest() != "630dcd2966c4336691125448bbb25b4ff412a49c732db2c8abc1b8581bd710dd" { // sha256sum of the bytes 0 to 31
		t.Error(r.KeyDigest())
	}
}
