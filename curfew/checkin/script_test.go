package checkin_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/curfew/checkin"
)

var update = flag.Bool("update", false, "write what was told into the scripts of testdata; their evidence is never written")

// Scripts: what a rule asks, what comes, and what is told.
//
//	rule {…}                  on one line
//	18:05 app face match      a check-in on Monday 2 March 2026, local time; from
//	                          app, phone or unit, by method and result; the result
//	                          may be refused; "for ID" may follow
//	+1 07:30 app in           a day later; a fix inside (in), outside (out), unsure
//	18:00 phone alive         a sign of life
//	arrives 20:00             what follows is received then, whenever it happened
//	now 23:00                 wake up to then
//	--                        what follows is told, in this order
func TestScripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			in, want, ok := bytes.Cut(b, []byte("\n--\n"))
			if !ok {
				t.Fatal("no line -- before what is told")
			}
			got := runScript(t, string(in))
			if *update {
				if err := os.WriteFile(file, []byte(string(in)+"\n--\n"+got), 0o666); err != nil {
					t.Fatal(err)
				}
				return
			}
			if d := cmp.Diff(string(want), got); d != "" {
				t.Error(d)
			}
		})
	}
}

func runScript(t *testing.T, in string) string {
	t.Helper()
	var c *center
	var out strings.Builder
	var arrives time.Time
	tell := func(changes []em.Change) {
		for _, ch := range changes {
			e := &ch.Event
			fmt.Fprintf(&out, "%s %s %s %s [%s, ", ch.Kind, e.Detail.Kind, e.Detail.Class, e.Detail.Severity, local(e.At))
			if e.Open() {
				out.WriteString("…")
			} else {
				out.WriteString(local(e.Until))
			}
			fmt.Fprintf(&out, ") because of %d\n    %s\n", len(e.Because), e.Detail.Reason)
			for _, f := range e.Detail.Facts {
				if f.Unit != "" {
					fmt.Fprintf(&out, "    %s %g %s\n", f.Name, f.Num, f.Unit)
				} else if f.Name != "request" && f.Name != "kind" && f.Name != "from" && f.Name != "to" {
					fmt.Fprintf(&out, "    %s %s\n", f.Name, f.Text)
				}
			}
		}
	}
	for n, line := range strings.Split(in, "\n") {
		bad := func(format string, args ...any) {
			t.Helper()
			t.Fatalf("line %d: %s: %s", n+1, line, fmt.Sprintf(format, args...))
		}
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if doc, ok := strings.CutPrefix(line, "rule "); ok {
			c = newCenter(t, mustRule(t, doc))
			continue
		}
		f := strings.Fields(line)
		day := 0
		next := func() string {
			if len(f) == 0 {
				bad("a word is missing")
			}
			w := f[0]
			f = f[1:]
			return w
		}
		when := func() time.Time {
			w := next()
			if strings.HasPrefix(w, "+") {
				if _, err := fmt.Sscanf(w, "+%d", &day); err != nil {
					bad("%v", err)
				}
				w = next()
			}
			if len(w) == 5 {
				w += ":00"
			}
			hms, err := time.Parse("15:04:05", w)
			if err != nil {
				bad("%v", err)
			}
			return time.Date(2026, 3, 2+day, hms.Hour(), hms.Minute(), hms.Second(), 0, vilnius(t)).UTC()
		}
		switch f[0] {
		case "now":
			next()
			tell(c.feed(when()))
			continue
		case "arrives":
			next()
			arrives = when()
			continue
		}
		at := when()
		d, ok := map[string]em.DeviceID{"app": app, "phone": phone, "unit": unit}[next()]
		if !ok {
			bad("no such device")
		}
		var body em.Body
		switch w := next(); w {
		case "in":
			body = fix(1)
		case "out":
			body = fix(-1)
		case "unsure":
			body = fix(0)
		case "alive":
			body = &em.Comms{Event: em.CommsHeartbeat}
		default:
			ci := &em.CheckIn{Method: w}
			switch r := next(); r {
			case "refused":
				ci.Refused = true
			case "none":
			default:
				ci.Identity = em.Identity(r)
			}
			if len(f) == 2 && f[0] == "for" {
				ci.Request = f[1]
			}
			body = ci
		}
		now := at
		if arrives.After(now) {
			now = arrives
		}
		tell(c.feed(now, observe(d, at, body)))
	}
	return out.String()
}

func vilnius(t *testing.T) *time.Location {
	loc, err := time.LoadLocation("Europe/Vilnius")
	if err != nil {
		t.Fatal(err)
	}
	return loc
}

func local(at time.Time) string {
	loc, err := time.LoadLocation("Europe/Vilnius")
	if err != nil {
		panic(err)
	}
	return at.In(loc).Format("02 15:04:05")
}

// Every class is told by some script.
func TestScriptsShowEveryClass(t *testing.T) {
	files, _ := filepath.Glob("testdata/*.txt")
	var all []byte
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		_, told, _ := bytes.Cut(b, []byte("\n--\n"))
		all = append(all, told...)
	}
	for _, c := range []string{
		checkin.ClassRequested, checkin.ClassAnswered, checkin.ClassAnsweredLate, checkin.ClassPositionUnknown, checkin.ClassWrongPlace,
		checkin.ClassUnsure, checkin.ClassUnchecked, checkin.ClassMismatch, checkin.ClassRefused, checkin.ClassMissed, checkin.ClassNotReceived,
	} {
		if !bytes.Contains(all, []byte(" "+c+" ")) {
			t.Errorf("no script tells %s", c)
		}
	}
}
