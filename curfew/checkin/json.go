package checkin

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/curfew"
)

// duration is written as time.Duration prints it: "15m0s".
type duration time.Duration

func (d duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

func (d *duration) UnmarshalText(b []byte) error {
	v, err := time.ParseDuration(string(b))
	*d = duration(v)
	return err
}

type ruleJSON struct {
	ID             string             `json:"id"`
	Version        string             `json:"version,omitempty"`
	From           time.Time          `json:"from"`
	Until          time.Time          `json:"until,omitzero"`
	Windows        *curfew.Schedule   `json:"windows,omitempty"`
	Unpredictable  *unpredictableJSON `json:"unpredictable,omitempty"`
	Requests       []requestJSON      `json:"requests,omitempty"`
	Methods        []string           `json:"methods,omitempty"`
	AllowUnchecked bool               `json:"allow_unchecked,omitempty"`
	Sources        []em.DeviceID      `json:"sources,omitempty"`
	Unasked        bool               `json:"unasked,omitempty"`
	Late           *duration          `json:"late,omitempty"`
	PositionWithin duration           `json:"position_within,omitzero"`
	MaxUpload      duration           `json:"max_upload,omitzero"`
}

type unpredictableJSON struct {
	Key    string   `json:"key"`
	Min    int      `json:"min"`
	Max    int      `json:"max"`
	Answer duration `json:"answer,omitzero"`
}

type requestJSON struct {
	Request
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
}

// MarshalJSON writes the form that UnmarshalJSON reads. It holds the key.
func (r Rule) MarshalJSON() ([]byte, error) {
	v := ruleJSON{
		ID: r.ID, Version: r.Version, From: r.From, Until: r.Until, Methods: r.Methods, AllowUnchecked: r.AllowUnchecked,
		Sources: r.Sources, Unasked: r.Unasked, PositionWithin: duration(r.PositionWithin), MaxUpload: duration(r.MaxUpload),
	}
	switch {
	case r.Late < 0:
		v.Late = new(duration)
	case r.Late > 0:
		d := duration(r.Late)
		v.Late = &d
	}
	if r.Windows.Plan().Zone != "" {
		v.Windows = &r.Windows
	}
	if u := r.Unpredictable; u != nil {
		v.Unpredictable = &unpredictableJSON{hex.EncodeToString(u.Key), u.Min, u.Max, duration(u.Answer)}
	}
	for _, q := range r.Requests {
		v.Requests = append(v.Requests, requestJSON{q, q.From, q.To})
	}
	return json.Marshal(v)
}

// UnmarshalJSON reads
//
//	{
//	  "id": "evenings", "version": "1", "from": "2026-03-01T00:00:00Z",
//	  "windows": {"zone": "Europe/Vilnius", "weekly": [{"day": "mon", "start": "18:00", "end": "21:00"}]},
//	  "unpredictable": {"key": "000102…1f", "min": 0, "max": 2, "answer": "15m"},
//	  "requests": [{"id": "v-7", "kind": "video", "with": "officer 12",
//	    "from": "2026-03-04T09:00:00+02:00", "to": "2026-03-04T09:30:00+02:00"}],
//	  "methods": ["face", "voice"], "sources": ["app:990017"], "unasked": true,
//	  "late": "15m", "position_within": "2m", "max_upload": "72h"
//	}
//
// Windows are a curfew.Plan. A late of "0s" means none. Unknown names are
// errors. What is read was checked: errors wrap ErrRule, or are those of
// curfew.NewSchedule.
func (r *Rule) UnmarshalJSON(b []byte) error {
	var v ruleJSON
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&v); err != nil {
		return fmt.Errorf("checkin: rule: %w", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return errors.New("checkin: rule: more than one value")
	}
	n := Rule{
		ID: v.ID, Version: v.Version, From: v.From, Until: v.Until, Methods: v.Methods, AllowUnchecked: v.AllowUnchecked,
		Sources: v.Sources, Unasked: v.Unasked, PositionWithin: time.Duration(v.PositionWithin), MaxUpload: time.Duration(v.MaxUpload),
	}
	if v.Late != nil {
		if n.Late = time.Duration(*v.Late); n.Late < 0 {
			return fmt.Errorf("%w: late of %v", ErrRule, n.Late)
		} else if n.Late == 0 {
			n.Late = -1
		}
	}
	if v.Windows != nil {
		n.Windows = *v.Windows
	}
	if u := v.Unpredictable; u != nil {
		key, err := hex.DecodeString(u.Key)
		if err != nil {
			return fmt.Errorf("%w: unpredictable: key: %w", ErrRule, err)
		}
		n.Unpredictable = &Unpredictable{key, u.Min, u.Max, time.Duration(u.Answer)}
	}
	for _, q := range v.Requests {
		q.Request.From, q.Request.To = q.From, q.To
		n.Requests = append(n.Requests, q.Request)
	}
	if err := n.Check(); err != nil {
		return err
	}
	*r = n
	return nil
}
