package rftrack

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/protocol/nmea"
)

// Field is one field of a form, with its value as it came.
type Field struct{ Name, Value string }

// Report is what the unit uploads (unit → center).
type Report struct{ Fields []Field }

// Type is "report".
func (*Report) Type() string { return "report" }

// Get returns a field's value as it came.
func (r *Report) Get(name string) (string, bool) {
	for _, f := range r.Fields {
		if f.Name == name {
			return f.Value, true
		}
	}
	return "", false
}

// Reply answers a Report (center → unit): "{}" or one command.
type Reply struct {
	Status int // 200; 400 to a unit that is not known
	Body   string
}

// Type is "reply".
func (*Reply) Type() string { return "reply" }

// GPS is the value of the field gps.
type GPS struct {
	Accuracy   em.Opt[float64] `json:"a"` // m
	Lng        em.Opt[float64] `json:"x"` // degrees; never absent
	Lat        em.Opt[float64] `json:"y"` // degrees; never absent
	Altitude   em.Opt[float64] `json:"z"` // m
	Satellites em.Opt[int]     `json:"s"`
	Time       em.Opt[int64]   `json:"t"` // ms since 1970
}

// GSM is the value of the field gsm.
type GSM struct {
	MCC   uint16 `json:"c"`
	MNC   uint16 `json:"n"`
	Cells []struct {
		LAC   uint32 `json:"l"`
		CID   uint64 `json:"c"`
		Level int    `json:"b"`
	} `json:"b"`
}

// AccessPoint is one element of the field wifi.
type AccessPoint struct {
	MAC  string `json:"m"` // with dashes
	RSSI int    `json:"l"` // dBm
	SSID string `json:"t"`
}

// never is a counter at its end: it was longer ago than it can tell, or never.
const never = 0x7FFF

// counter reads 15 bits of tens of seconds; absent where it is at its end.
func counter(v uint64, shift int) em.Opt[time.Duration] {
	if v = v >> shift & never; v == never {
		return em.Opt[time.Duration]{}
	}
	return em.Some(time.Duration(v) * 10 * time.Second)
}

// number returns a field that is a number of 63 bits.
func (r *Report) number(name string) em.Opt[uint64] {
	v, ok := r.Get(name)
	n, err := parseNumber(v)
	if !ok || err != nil {
		return em.Opt[uint64]{}
	}
	return em.Some(n)
}

// parseNumber reads decimal digits of 63 bits.
func parseNumber(v string) (uint64, error) {
	p := plainJSON{s: v, ok: true}
	if n, digits := p.digits(); p.ok && digits > 0 && digits == len(v) {
		return n, nil
	}
	return strconv.ParseUint(v, 10, 63)
}

// Unit is the unit's number; see also check.
func (r *Report) Unit() string { v, _ := r.Get("i"); return v }

// Time is when the report was made; zero where the form does not say.
func (r *Report) Time() time.Time {
	if t := r.number("t"); t.OK {
		return time.UnixMilli(int64(t.V)).UTC()
	}
	return time.Time{}
}

// decode reads a field of JSON, which some firmware may percent-encode; false
// where the form has none.
func (r *Report) decode(name string, to any) bool {
	v, ok := r.Get(name)
	return ok && v != "" && decodeJSON(v, to) == nil
}

func decodeJSON(v string, to any) error {
	if strings.HasPrefix(v, "%") {
		u, err := url.QueryUnescape(v)
		if err != nil {
			return err
		}
		v = u
	}
	return json.Unmarshal([]byte(v), to)
}

// gpsOf reads a GPS.
func gpsOf(v string) (GPS, error) {
	if g, n := plainGPS(v); n > 0 && n == len(v) {
		return g, nil
	}
	var g GPS
	err := decodeJSON(v, &g)
	return g, err
}

// latest bounds times, in ms: the year 2200.
const latest = 7_258_118_400_000

// check says what is wrong with a field that is read.
func check(f Field) error {
	switch f.Name {
	case "i":
		if !nmea.Word(f.Value, 32) {
			return fmt.Errorf("the unit's number is not 1 to 32 letters, digits and - . _")
		}
	case "t", "bat", "rc", "idt", "mt":
		n, err := parseNumber(f.Value)
		if err == nil && f.Name == "t" && n > latest {
			err = fmt.Errorf("%d ms is after the year 2200", n)
		}
		return err
	case "gps":
		if f.Value == "" {
			return nil
		}
		g, err := gpsOf(f.Value)
		if err != nil {
			return err
		}
		return g.check()
	case "gsm":
		if f.Value != "" {
			return decodeJSON(f.Value, new(GSM))
		}
	case "wifi":
		if f.Value != "" {
			return decodeJSON(f.Value, new([]AccessPoint))
		}
	}
	return nil
}

func (g *GPS) check() error {
	if !g.Lat.OK || !g.Lng.OK || !(em.LatLng{Lat: g.Lat.V, Lng: g.Lng.V}).Valid() || g.Time.V < 0 || g.Time.V > latest {
		return errors.New("a position or a time that is none")
	}
	return nil
}

// plainField returns how many bytes the value of a field has which rest begins with,
// and what is wrong with it, where that is plain JSON; 0 for all else.
func plainField(name, rest string) (n int, err error) {
	switch name {
	case "gps":
		var g GPS
		if g, n = plainGPS(rest); n > 0 {
			err = g.check()
		}
	case "gsm":
		n = plainGSM(rest)
	case "wifi":
		n = plainWiFi(rest)
	}
	if n < len(rest) && rest[n] != '&' {
		return 0, nil
	}
	return n, err
}
