package alcohol

import (
	"bufio"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sargas-em/em"
)

var update = flag.Bool("update", false, "write the expectations of testdata/*.script")

// A script is a history of one person, one item a line; times are days of March
// 2026 in UTC ("02T07:05"):
//
//	rule NAME VALUE…           a field of BreathRule
//	test KIND FROM TO [ID]     a window
//	TIME DEVICE STATUS VALUE UNIT [IDENTITY] [ratio=N] [due=TIME] [air=N]
//	TIME DEVICE heartbeat
//	until TIME
type script struct {
	config Config
	until  time.Time
	obs    []em.Observation
	lines  map[em.ObservationID]int
}

var unitNames = map[string]em.AlcoholUnit{
	"mg/L": em.UnitBreathMgPerL, "g/210L": em.UnitBreathGPer210L, "ug/100mL": em.UnitBreathUgPer100mL, "%BAC": em.UnitBloodGPer100mL,
	"g/L": em.UnitBloodGPerL, "g/kg": em.UnitBloodGPerKg, "skin": em.UnitSkinGPerDL,
}

// read takes a script line by line: item gives the observations of a line that
// is not blank, a comment or "until".
func (s *script) read(text string, item func(w []string) ([]em.Observation, error)) error {
	s.lines = map[em.ObservationID]int{}
	sc := bufio.NewScanner(strings.NewReader(text))
	for n := 1; sc.Scan(); n++ {
		line, _, _ := strings.Cut(sc.Text(), "#")
		w := strings.Fields(line)
		if len(w) == 0 {
			continue
		}
		var obs []em.Observation
		var err error
		if w[0] == "until" {
			s.until, err = clock(w[1])
		} else {
			obs, err = item(w)
		}
		if err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
		for _, o := range obs {
			s.lines[o.ID] = n
		}
		s.obs = append(s.obs, obs...)
	}
	return nil
}

// goldens runs each script of testdata that matches a pattern, of which there
// are at least so many, and compares what f makes of it with its expectation.
func goldens(t *testing.T, pattern string, least int, f func(t *testing.T, text string) string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", pattern))
	if err != nil || len(files) < least {
		t.Fatalf("%d scripts, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".script"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := f(t, string(text))
			golden := strings.TrimSuffix(file, ".script") + ".golden"
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("told otherwise than %s; got\n%s", golden, got)
			}
		})
	}
}

func parseScript(text string) (*script, error) {
	s := &script{}
	s.config.Rule.Version = "v1"
	var tests []Test
	err := s.read(text, func(w []string) ([]em.Observation, error) {
		switch w[0] {
		case "rule":
			return nil, s.rule(w[1], w[2:])
		case "test":
			x := Test{Kind: TestKind(w[1])}
			var e1, e2 error
			x.From, e1 = clock(w[2])
			x.To, e2 = clock(w[3])
			if len(w) > 4 {
				x.ID = w[4]
			}
			tests = append(tests, x)
			return nil, errors.Join(e1, e2)
		}
		o, err := observation(w)
		return []em.Observation{o}, err
	})
	if err != nil {
		return nil, err
	}
	s.config.Schedule, err = List(tests...)
	return s, err
}

func (s *script) rule(name string, w []string) (err error) {
	r := &s.config.Rule
	switch name {
	case "screen":
		r.Screen, err = concentration(w)
	case "confirm":
		r.Confirm, err = concentration(w)
	case "guard":
		r.Guard, err = concentration(w)
	case "tolerance":
		r.PairTolerance, err = concentration(w)
	case "blank":
		r.AirBlank, err = concentration(w)
	case "grace":
		r.Grace, err = time.ParseDuration(w[0])
	case "ratio":
		r.Ratio, err = strconv.Atoi(w[0])
	case "unchecked":
		r.AllowUnchecked = true
	case "across":
		r.PairAcrossDevices = true
	case "instrument":
		i := Instrument{Device: em.DeviceID(w[0])}
		if len(w) > 1 {
			i.Ratio, err = strconv.Atoi(w[1])
		}
		r.Instruments = append(r.Instruments, i)
	default:
		err = errors.New("unknown field " + name)
	}
	return err
}

func clock(s string) (time.Time, error) {
	layout := "2006-01-02T15:04"
	if len(s) > len("02T15:04") {
		layout += ":05"
	}
	return time.Parse(layout, "2026-03-"+s)
}

func concentration(w []string) (Concentration, error) {
	u, ok := unitNames[w[1]]
	if !ok {
		return Concentration{}, errors.New("unknown unit " + w[1])
	}
	d, err := em.ParseDecimal(w[0])
	return Concentration{d, u}, err
}

func observation(w []string) (em.Observation, error) {
	at, err := clock(w[0])
	if err != nil {
		return em.Observation{}, err
	}
	o := em.Observation{Device: em.DeviceID(w[1]), DeviceAt: at}
	if w[2] == "heartbeat" {
		o.Body = &em.Comms{Event: em.CommsHeartbeat}
		return o.Stamp(at), nil
	}
	c, err := concentration(w[3:])
	r := &em.AlcoholReading{Value: c.Number, Unit: c.Unit, Status: em.SampleStatus(w[2])}
	for _, x := range w[5:] {
		k, v, ok := strings.Cut(x, "=")
		var e error
		switch {
		case !ok:
			r.Identity = em.Identity(x)
		case k == "ratio":
			r.Ratio.OK = true
			r.Ratio.V, e = strconv.Atoi(v)
		case k == "due":
			r.CalDue, e = clock(v)
		case k == "air":
			r.Ambient.OK = true
			r.Ambient.V, e = em.ParseDecimal(v)
		default:
			e = errors.New("unknown " + x)
		}
		err = errors.Join(err, e)
	}
	o.Body = r
	return o.Stamp(at), err
}

func readingOf(o em.Observation) *em.AlcoholReading { return o.Body.(*em.AlcoholReading) }

func (s *script) print(h *history) string {
	var b strings.Builder
	short := func(t time.Time) string {
		if t.IsZero() {
			return "open"
		}
		return strings.TrimSuffix(t.Format("02T15:04:05.999999999"), ":00")
	}
	limits := map[string]bool{}
	for _, v := range h.versions {
		d := &v.Detail
		fmt.Fprintf(&b, "%s %s %s %s\n", short(v.Concluded), d.Kind, d.Class, d.Severity)
		fmt.Fprintf(&b, "    at %s until %s anchor %s about %q because", short(v.At), short(v.Until), short(v.Anchor), v.About)
		for _, id := range v.Because {
			fmt.Fprintf(&b, " line %d", s.lines[id])
		}
		fmt.Fprintf(&b, "\n    %s\n", d.Reason)
		for _, f := range d.Facts {
			line := fmt.Sprintf("        %s: %s", f.Name, f.Text)
			if f.Unit != "" {
				line += fmt.Sprintf(" [%v %s]", f.Num, f.Unit)
			}
			switch f.Name { // the rule's own numbers, once a script
			case "screening limit", "confirmation limit", "pair tolerance", "guard", "wait required", "complete by", "ratio of the rule":
				if limits[line] {
					continue
				}
				limits[line] = true
			}
			fmt.Fprintln(&b, line)
		}
		fmt.Fprintln(&b)
	}
	return b.String()
}

func TestScripts(t *testing.T) {
	goldens(t, "*.script", 10, func(t *testing.T, text string) string {
		s, err := parseScript(text)
		if err != nil {
			t.Fatal(err)
		}
		return s.print(replay(t, s.config, s.until, s.obs))
	})
}
