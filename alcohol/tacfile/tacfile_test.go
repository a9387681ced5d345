package tacfile

import (
	"errors"
	"io"
	"maps"
	"math"
	"strings"
	"testing"
	"testing/iotest"
	"time"
	_ "time/tzdata"

	"github.com/sargas-em/em"
)

func zone(t testing.TB, name string) *time.Location {
	t.Helper()
	l, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestAnkle(t *testing.T) {
	const file = "\ufefflocal_time,tac_g_dl,ir_volts,temp_f\r\n" +
		"2026-03-02T10:36:54,0.0,1.127,75.2\r\n" +
		"\r\n" +
		"2026-03-02 11:09:57.5, 0.0210 ,,\r\n" +
		"2026-03-02T11:00:00,-0.004,1.1,50"
	obs, err := Read(strings.NewReader(file), Options{Device: "ankle:1", Location: zone(t, "Europe/Vilnius")})
	if err != nil || len(obs) != 3 {
		t.Fatalf("%d, %v", len(obs), err)
	}
	for i, want := range []struct {
		at    string
		value string
		ir    em.Opt[float64]
		temp  em.Opt[float64]
	}{
		{"2026-03-02T08:36:54Z", "0.0", em.Some(1.127), em.Some(24.0)},
		{"2026-03-02T09:09:57.5Z", "0.0210", em.Opt[float64]{}, em.Opt[float64]{}},
		{"2026-03-02T09:00:00Z", "-0.004", em.Some(1.1), em.Some(10.0)},
	} {
		o := obs[i]
		b := o.Body.(*em.Transdermal)
		if o.At.Format(time.RFC3339Nano) != want.at || !o.DeviceAt.Equal(o.At) || !o.Received.Equal(o.At) || !o.Stored || o.Device != "ankle:1" ||
			b.Value.String() != want.value || b.Unit != em.UnitSkinGPerDL || b.IR != want.ir ||
			b.Temperature.OK != want.temp.OK || math.Abs(b.Temperature.V-want.temp.V) > 1e-9 || b.Motion.OK {
			t.Errorf("row %d: %+v %+v", i, o, b)
		}
	}
	if obs[0].ID == obs[1].ID || obs[0].ID == (em.ObservationID{}) {
		t.Error("IDs")
	}
}

func TestWrist(t *testing.T) {
	const file = "motion_g,time,tac_ug_l,temp_c\n0.012,2026-03-02T10:00:00+02:00,12.5,31.25\n,2026-03-02T08:00:20Z,0,\n"
	received := time.Date(2026, 3, 3, 0, 0, 0, 0, time.UTC)
	obs, err := Read(strings.NewReader(file), Options{Device: "wrist:1", Received: received})
	if err != nil || len(obs) != 2 {
		t.Fatalf("%d, %v", len(obs), err)
	}
	b := obs[0].Body.(*em.Transdermal)
	if b.Unit != em.UnitSkinUgPerL || b.Value.String() != "12.5" || b.Temperature != em.Some(31.25) || b.Motion != em.Some(0.012) || b.IR.OK {
		t.Errorf("%+v", b)
	}
	if d := obs[1].At.Sub(obs[0].At); d != 20*time.Second || !obs[0].Received.Equal(received) {
		t.Errorf("%s apart, received %s", d, obs[0].Received)
	}
}

// A vendor's layout: its own names, seconds since 1970, semicolons, columns that
// nobody reads. 1772438400 is 2026-03-02T08:00:00Z.
func TestColumns(t *testing.T) {
	const file = "Device ID;Timestamp;TAC (ug/L air);Temperature (C);Motion (g);Battery\n" +
		"W1;1772438400;12.5;31.25;0.012;80\nW1;1772438420.250;13;;;79\n"
	o := Options{Device: "wrist:1", Comma: ';', Columns: map[string]string{
		"Device ID": "", "Timestamp": "unix_s", "TAC (ug/L air)": "tac_ug_l", "Temperature (C)": "temp_c", "Motion (g)": "motion_g", "Battery": "",
	}}
	obs, err := Read(strings.NewReader(file), o)
	if err != nil || len(obs) != 2 {
		t.Fatalf("%d, %v", len(obs), err)
	}
	a, b := obs[0].Body.(*em.Transdermal), obs[1].Body.(*em.Transdermal)
	if !obs[0].At.Equal(time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC)) || obs[1].At.Sub(obs[0].At) != 20250*time.Millisecond ||
		a.Unit != em.UnitSkinUgPerL || a.Value.String() != "12.5" || a.Temperature != em.Some(31.25) || a.Motion != em.Some(0.012) || b.Temperature.OK {
		t.Errorf("%+v %+v at %v, %v", a, b, obs[0].At, obs[1].At)
	}
	o.Columns["Timestamp"] = "unix_ms"
	if obs, err := Read(strings.NewReader(strings.ReplaceAll(file, "1772438400;", "1772438400250;")), o); err != nil || obs[0].At.Nanosecond() != 250_000_000 {
		t.Errorf("%v, %v", obs, err)
	}
	for name, change := range map[string]func(*Options){
		"a name that is not known": func(o *Options) { delete(o.Columns, "Battery") },
		"renamed to nothing known": func(o *Options) { o.Columns["Battery"] = "volts" },
		"two concentrations":       func(o *Options) { o.Columns["Battery"] = "tac_g_dl" },
		"a column twice":           func(o *Options) { o.Columns["Battery"] = "motion_g" },
		"another comma":            func(o *Options) { o.Comma = ',' },
		"no comma at all":          func(o *Options) { o.Comma = 'x' },
	} {
		bad := o
		bad.Columns = maps.Clone(o.Columns)
		change(&bad)
		if _, err := Read(strings.NewReader(file), bad); !errors.Is(err, ErrHeader) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, s := range []string{"1e9", "-1", "99999999999", "", "1772438400.1234567890123"} {
		if _, err := Read(strings.NewReader("unix_s,tac_ug_l\n"+s+",1\n"), Options{Device: "wrist:1"}); !errors.Is(err, ErrTime) {
			t.Errorf("%q: %v", s, err)
		}
	}
}

func TestErrors(t *testing.T) {
	const head = "local_time,tac_g_dl,ir_volts,temp_f\n"
	vilnius := zone(t, "Europe/Vilnius")
	for _, tc := range []struct {
		name string
		file string
		loc  *time.Location
		want string
		is   error
		good int
	}{
		{"empty", "", vilnius, `tacfile: line 1: not a header of readings at the skin`, ErrHeader, 0},
		{"unknown column", "local_time,tac_mg_l\n", vilnius, `tacfile: line 1, column 12 "tac_mg_l": not a header of readings at the skin: unknown column`, ErrHeader, 0},
		{"column twice", "local_time,tac_g_dl,tac_g_dl\n", vilnius, `tacfile: line 1, column 21 "tac_g_dl": not a header of readings at the skin: column twice`, ErrHeader, 0},
		{"no time", "tac_g_dl\n0.1\n", vilnius, ``, ErrHeader, 0},
		{"two times", "local_time,time,tac_g_dl\n", vilnius, ``, ErrHeader, 0},
		{"two units", "local_time,tac_ug_l,tac_g_dl\n", vilnius, ``, ErrHeader, 0},
		{"two temperatures", "local_time,tac_g_dl,temp_c,temp_f\n", vilnius, ``, ErrHeader, 0},
		{"no location", head, nil, `tacfile: line 1 (local_time): local time without a location`, ErrLocation, 0},
		{"NaN", head + "2026-03-02T10:00:00,0.1,1,70\n2026-03-02T10:30:00,NaN,1,70\n2026-03-02T11:00:00,0.1,1,70\n", vilnius, `tacfile: line 3, column 21 (tac_g_dl) "NaN": not a plain decimal number`, ErrNumber, 2},
		{"exponent", head + "2026-03-02T10:00:00,1e-3,1,70\n", vilnius, `tacfile: line 2, column 21 (tac_g_dl) "1e-3": not a plain decimal number`, ErrNumber, 0},
		{"no figure is not zero", head + "2026-03-02T10:00:00, ,1,70\n", vilnius, `tacfile: line 2, column 22 (tac_g_dl): no figure`, ErrEmpty, 0},
		{"infinite voltage", head + "2026-03-02T10:00:00,0.1,inf,70\n", vilnius, `tacfile: line 2, column 25 (ir_volts) "inf": not a plain decimal number`, ErrNumber, 0},
		{"cells", head + "2026-03-02T10:00:00,0.1,1\n", vilnius, `tacfile: line 2 "2026-03-02T10:00:00,0.1,1": number of cells differs from the header's: 3, not 4`, ErrRow, 0},
		{"quotes", head + "\"2026-03-02T10:00:00\",0.1,1,70\n", vilnius, `tacfile: line 2, column 1 (local_time) "\"2026-03-02T10:00:00\"": not a time`, ErrTime, 0},
		{"a date that is none", head + "2026-02-30T10:00:00,0.1,1,70\n", vilnius, ``, ErrTime, 0},
		{"before 1970", head + "1066-02-03T10:00:00,0.1,1,70\n", vilnius, ``, ErrTime, 0},
		{"an hour that was skipped", head + "2026-03-29T03:30:00,0.1,1,70\n", vilnius, `tacfile: line 2, column 1 (local_time) "2026-03-29T03:30:00": the clock skipped this local time`, ErrSkipped, 0},
		{"long line", head + strings.Repeat("0", 5000), vilnius, `tacfile: line 2: line is too long`, ErrTooLong, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			obs, err := Read(strings.NewReader(tc.file), Options{Device: "ankle:1", Location: tc.loc})
			var e *Error
			if !errors.Is(err, tc.is) || !errors.As(err, &e) || len(obs) != tc.good {
				t.Fatalf("%d readings, %v", len(obs), err)
			}
			if tc.want != "" && err.Error() != tc.want {
				t.Errorf("got  %s\nwant %s", err, tc.want)
			}
		})
	}
	if _, err := Read(strings.NewReader(head), Options{Location: vilnius}); !errors.Is(err, ErrHeader) {
		t.Errorf("no device: %v", err)
	}
	if obs, err := Read(io.MultiReader(strings.NewReader(head+"2026-03-02T10:00:00,0.1,1,70\n"), iotest.ErrReader(io.ErrClosedPipe)), Options{Device: "ankle:1", Location: vilnius}); !errors.Is(err, io.ErrClosedPipe) || len(obs) != 1 {
		t.Errorf("%d, %v", len(obs), err)
	}
}

// Every bad row is counted, also beyond those that are named.
func TestManyErrors(t *testing.T) {
	obs, err := Read(strings.NewReader("time,tac_g_dl\n"+strings.Repeat("x,y\n", 250)), Options{Device: "ankle:1"})
	if len(obs) != 0 || err == nil || strings.Count(err.Error(), "\n") != 100 || !strings.HasSuffix(err.Error(), "150 more errors") {
		t.Errorf("%d, %v", len(obs), err)
	}
}

// An hour that the clock showed twice is the first, until the rows have passed
// it: then the second.
func TestDoubledHour(t *testing.T) {
	const file = "local_time,tac_g_dl\n" +
		"2026-10-25T02:50:00,0\n2026-10-25T03:20:00,0\n2026-10-25T03:50:00,0\n" +
		"2026-10-25T03:20:00,0\n2026-10-25T03:50:00,0\n2026-10-25T04:20:00,0\n2026-10-25T03:10:00,0\n"
	obs, err := Read(strings.NewReader(file), Options{Device: "ankle:1", Location: zone(t, "Europe/Vilnius")})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"23:50", "00:20", "00:50", "01:20", "01:50", "02:20", "00:10"} {
		if got := obs[i].At.Format("15:04"); got != want {
			t.Errorf("row %d: %s, want %s", i, got, want)
		}
	}
}

// A loop over rows may end at any of them.
func TestRowsStop(t *testing.T) {
	for _, file := range []string{"time,tac_g_dl\n2026-03-02T10:00:00Z,0\nx,0\n", "time,tac_g_dl\nx,0\n2026-03-02T10:00:00Z,0\n", "x\n"} {
		n := 0
		for range Rows(strings.NewReader(file), Options{Device: "ankle:1"}) {
			n++
			break
		}
		if n != 1 {
			t.Errorf("%q: %d rows", file, n)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add("local_time,tac_g_dl,ir_volts,temp_f\n2026-03-02T10:36:54,0.0,1.127,75.2\n2026-10-25T03:20:00,-0.01,,\n2026-03-29T03:30:00,0.1,1,70\n")
	f.Add("time,tac_ug_l,temp_c,motion_g\r\n2026-03-02T10:00:00+02:00,12.5,31.25,0.01\r\n")
	f.Add("unix_ms,tac_ug_l\n1772438400250,3\n9,9\n")
	loc := zone(f, "Europe/Vilnius")
	f.Fuzz(func(t *testing.T, s string) {
		rows := 0
		for o, err := range Rows(strings.NewReader(s), Options{Device: "ankle:1", Location: loc}) {
			rows++
			if err != nil {
				var e *Error
				if !errors.As(err, &e) || e.Line < 1 || e.Line > strings.Count(s, "\n")+1 || len(e.Text) > 80 {
					t.Fatalf("%v", err)
				}
				continue
			}
			b := o.Body.(*em.Transdermal)
			if o.ID == (em.ObservationID{}) || o.At.Year() < 1969 || b.Unit != em.UnitSkinGPerDL && b.Unit != em.UnitSkinUgPerL {
				t.Fatalf("%+v", o)
			}
			for _, x := range []em.Opt[float64]{b.IR, b.Temperature, b.Motion} {
				if math.IsNaN(x.V) || math.IsInf(x.V, 0) {
					t.Fatalf("%+v", b)
				}
			}
		}
		if rows > strings.Count(s, "\n")+1 {
			t.Fatalf("%d rows", rows)
		}
	})
}
