package curfew

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/sargas-em/em"
)

// strict reads one JSON value into v. Names that v does not know, names in
// other case, names given twice and anything behind the value are errors: in an
// order, what is misspelled must not be ignored.
func strict(b []byte, v any) error {
	dec := json.NewDecoder(bytes.NewReader(b))
	if err := names(dec, 0); err != nil {
		return err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return errors.New("more than one value")
	}
	dec = json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	return dec.Decode(v)
}

// maxDepth is how deep objects and arrays may lie in each other.
const maxDepth = 8

// names checks the names in the next value.
func names(dec *json.Decoder, depth int) error {
	t, err := dec.Token()
	if err != nil {
		return err
	}
	d, ok := t.(json.Delim)
	if !ok {
		return nil
	}
	if depth == maxDepth {
		return errors.New("nested too deep")
	}
	seen := map[string]bool{}
	for dec.More() {
		if d == '{' {
			k, err := dec.Token()
			if err != nil {
				return err
			}
			name := k.(string) // the decoder allows nothing else here
			if seen[name] {
				return fmt.Errorf("%q is given twice", name)
			}
			if name != strings.ToLower(name) {
				return fmt.Errorf("unknown field %q", name)
			}
			seen[name] = true
		}
		if err := names(dec, depth+1); err != nil {
			return err
		}
	}
	_, err = dec.Token()
	return err
}

// MarshalJSON writes the schedule's Plan.
func (s Schedule) MarshalJSON() ([]byte, error) { return json.Marshal(s.Plan()) }

// UnmarshalJSON reads a Plan and checks it; see NewSchedule for the errors.
func (s *Schedule) UnmarshalJSON(b []byte) error {
	var p Plan
	if err := strict(b, &p); err != nil {
		return fmt.Errorf("curfew: schedule: %w", err)
	}
	v, err := NewSchedule(p)
	if err == nil {
		*s = v
	}
	return err
}

// hoursJSON is a row without its day, which a holiday's row takes from the date.
type hoursJSON struct {
	Start  *TimeOfDay `json:"start,omitempty"`
	End    *TimeOfDay `json:"end,omitempty"`
	AllDay bool       `json:"all_day,omitempty"`
	Kind   Kind       `json:"kind,omitzero"`
	Place  string     `json:"place,omitempty"`
	Dwell  duration   `json:"dwell,omitzero"`
}

type rowJSON struct {
	Day string `json:"day"`
	hoursJSON
}

func (r *Row) json() hoursJSON {
	v := hoursJSON{AllDay: r.AllDay, Kind: r.Kind, Place: r.Place, Dwell: duration(r.Dwell)}
	if !r.AllDay {
		v.Start, v.End = &r.Start, &r.End
	}
	return v
}

func (v *hoursJSON) row(day time.Weekday) (Row, error) {
	switch {
	case v.AllDay && (v.Start != nil || v.End != nil):
		return Row{}, ErrAllDayTimes
	case !v.AllDay && (v.Start == nil || v.End == nil):
		return Row{}, errors.New("a row has a start and an end, or all_day")
	}
	r := Row{Day: day, AllDay: v.AllDay, Kind: v.Kind, Place: v.Place, Dwell: time.Duration(v.Dwell)}
	if !v.AllDay {
		r.Start, r.End = *v.Start, *v.End
	}
	return r, nil
}

func weekdayOf(name string) (time.Weekday, error) {
	day := slices.Index(dayNames[:], name)
	if day < 0 {
		return 0, fmt.Errorf("%w: %q is not mon, tue, wed, thu, fri, sat or sun", ErrDay, name)
	}
	return time.Weekday(day), nil
}

// MarshalJSON writes the form shown at Plan.
func (r Row) MarshalJSON() ([]byte, error) {
	if r.Day < 0 || r.Day > 6 {
		return nil, ErrDay
	}
	return json.Marshal(rowJSON{dayName(r.Day), r.json()})
}

// UnmarshalJSON reads the form shown at Plan.
func (r *Row) UnmarshalJSON(b []byte) error {
	var v rowJSON
	if err := strict(b, &v); err != nil {
		return err
	}
	day, err := weekdayOf(v.Day)
	if err != nil {
		return err
	}
	row, err := v.row(day)
	if err == nil {
		*r = row
	}
	return err
}

type holidayJSON struct {
	Date    Date        `json:"date"`
	Name    string      `json:"name,omitempty"`
	Replace bool        `json:"replace,omitempty"`
	Like    string      `json:"like,omitempty"`
	Rows    []hoursJSON `json:"rows,omitempty"`
}

// MarshalJSON writes the form shown at Plan.
func (h Holiday) MarshalJSON() ([]byte, error) {
	v := holidayJSON{Date: h.Date, Name: h.Name, Replace: h.Replace}
	if h.Like.OK {
		if h.Like.V < 0 || h.Like.V > 6 {
			return nil, ErrDay
		}
		v.Like = dayName(h.Like.V)
	}
	for i := range h.Rows {
		v.Rows = append(v.Rows, h.Rows[i].json())
	}
	return json.Marshal(v)
}

// UnmarshalJSON reads the form shown at Plan.
func (h *Holiday) UnmarshalJSON(b []byte) error {
	var v holidayJSON
	if err := strict(b, &v); err != nil {
		return err
	}
	out := Holiday{Date: v.Date, Name: v.Name, Replace: v.Replace}
	if v.Like != "" {
		day, err := weekdayOf(v.Like)
		if err != nil {
			return err
		}
		out.Like = em.Some(day)
	}
	for i := range v.Rows {
		r, err := v.Rows[i].row(v.Date.Weekday())
		if err != nil {
			return fmt.Errorf("rows[%d]: %w", i, err)
		}
		out.Rows = append(out.Rows, r)
	}
	*h = out
	return nil
}

// orderJSON is the data of an order: a Plan with what is agreed around it.
type orderJSON struct {
	ID                string        `json:"id,omitempty"`
	Version           string        `json:"version,omitempty"`
	From              time.Time     `json:"from,omitzero"`
	Until             time.Time     `json:"until,omitzero"`
	Place             string        `json:"place,omitempty"`
	Plan                            // beside the others
	Grace             graceJSON     `json:"grace,omitzero"`
	CountRepeatedHour bool          `json:"count_repeated_hour,omitempty"`
	Units             []Unit        `json:"units,omitempty"`
	Worn              []em.DeviceID `json:"worn,omitempty"`
}

type graceJSON struct {
	Start duration `json:"start,omitzero"`
	Short duration `json:"short,omitzero"`
	End   duration `json:"end,omitzero"`
}

// duration is written as time.Duration prints it: "5m0s".
type duration time.Duration

func (d duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

func (d *duration) UnmarshalText(b []byte) error {
	v, err := time.ParseDuration(string(b))
	*d = duration(v)
	return err
}

// MarshalJSON writes all but Where and Follow, which are no data. The Plan's names stand
// beside the order's:
//
//	{"id": "order 17", "version": "2", "zone": "Europe/Vilnius",
//	 "weekly": [{"day": "mon", "start": "19:00", "end": "07:00"}],
//	 "grace": {"start": "5m", "short": "5m"}, "count_repeated_hour": true,
//	 "units": [{"id": "hmu-3", "device": "rftrack:hmu-3"}]}
func (o Order) MarshalJSON() ([]byte, error) {
	return json.Marshal(orderJSON{
		ID: o.ID, Version: o.Version, From: o.From, Until: o.Until, Place: o.Place, Plan: o.Schedule.Plan(),
		Grace:             graceJSON{duration(o.Grace.Start), duration(o.Grace.Short), duration(o.Grace.End)},
		CountRepeatedHour: o.CountRepeatedHour, Units: o.Units, Worn: o.Worn,
	})
}

// UnmarshalJSON reads that form; Where and Follow stay as they are. Every Plan is such an
// order, too. The schedule is checked, the rest by NewEvaluator.
func (o *Order) UnmarshalJSON(b []byte) error {
	var v orderJSON
	if err := strict(b, &v); err != nil {
		return fmt.Errorf("curfew: order: %w", err)
	}
	s, err := NewSchedule(v.Plan)
	if err != nil {
		return err
	}
	*o = Order{
		ID: v.ID, Version: v.Version, From: v.From, Until: v.Until, Place: v.Place, Schedule: s,
		Grace:             Grace{time.Duration(v.Grace.Start), time.Duration(v.Grace.Short), time.Duration(v.Grace.End)},
		CountRepeatedHour: v.CountRepeatedHour, Units: v.Units, Worn: v.Worn, Where: o.Where, Follow: o.Follow,
	}
	return nil
}

type unitJSON struct {
	ID     string      `json:"id"`
	Device em.DeviceID `json:"device,omitempty"`
	Hold   duration    `json:"hold,omitzero"`
}

// MarshalJSON writes {"id": "hmu-3", "device": "rftrack:hmu-3", "hold": "3m0s"}.
func (u Unit) MarshalJSON() ([]byte, error) {
	return json.Marshal(unitJSON{u.ID, u.Device, duration(u.Hold)})
}

// UnmarshalJSON reads that form.
func (u *Unit) UnmarshalJSON(b []byte) error {
	var v unitJSON
	err := strict(b, &v)
	if err == nil {
		*u = Unit{v.ID, v.Device, time.Duration(v.Hold)}
	}
	return err
}
