package blebeacon

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/protocol"
	"github.com/sargas-em/em/protocol/codectest"
	"github.com/sargas-em/em/protocol/wire"
)

const ids = "2f00c0de00004000800000000000 0017" // an invented UUID

var invented = UUID{0x2f, 0x00, 0xc0, 0xde, 0x00, 0x00, 0x40, 0x00, 0x80, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x17}

// The payloads were put together by hand from the layouts.
var payloads = []struct {
	name, hex string
	want      Advertisement
	err       string // of the field that is wrong
}{
	{"nothing", "", Advertisement{}, ""},
	{"nothing but the end", "00 00 00", Advertisement{}, ""},
	{"flags alone", "02 01 06", Advertisement{Other: []Structure{{1, []byte{6}}}}, ""},
	{"iBeacon", "02 01 06 1A FF 4C 00 02 15 " + ids + " 0102 A0B0 C5", Advertisement{
		Frames: []Frame{&IBeacon{invented, 0x0102, 0xA0B0, -59}}, Other: []Structure{{1, []byte{6}}},
	}, ""},
	{"AltBeacon", "1B FF 18 01 BE AC " + ids + " 0102 0304 BE 09 00", Advertisement{
		Frames: []Frame{&AltBeacon{0x0118, invented, 0x0102, 0x0304, -66, em.Some[uint8](9)}},
	}, ""},
	{"AltBeacon without the maker's byte", "1A FF 18 01 BE AC " + ids + " 0102 0304 7F", Advertisement{
		Frames: []Frame{&AltBeacon{0x0118, invented, 0x0102, 0x0304, 127, em.Opt[uint8]{}}},
	}, ""},
	{"Eddystone-UID", "03 03 AA FE 15 16 AA FE 00 EE 0A0B0C0D0E0F10111213 000000000017", Advertisement{
		Frames: []Frame{&EddystoneUID{-18, [10]byte{10, 11, 12, 13, 14, 15, 16, 17, 18, 19}, [6]byte{0, 0, 0, 0, 0, 0x17}}},
		Other:  []Structure{{3, []byte{0xAA, 0xFE}}},
	}, ""},
	{"Eddystone-UID with reserved bytes", "17 16 AA FE 00 EE 0A0B0C0D0E0F10111213 000000000017 0000", Advertisement{
		Frames: []Frame{&EddystoneUID{-18, [10]byte{10, 11, 12, 13, 14, 15, 16, 17, 18, 19}, [6]byte{0, 0, 0, 0, 0, 0x17}}},
	}, ""},
	{"Eddystone-URL", "0D 16 AA FE 10 00 03 68 6F 6D 65 09 2F 78", Advertisement{Frames: []Frame{&EddystoneURL{0, "https://home.edu/x"}}}, ""},
	{"Eddystone-URL with a slash", "0A 16 AA FE 10 F6 00 68 6F 6D 06", Advertisement{Frames: []Frame{&EddystoneURL{-10, "http://www.hom.gov/"}}}, ""},
	{"Eddystone-URL of all ends", "14 16 AA FE 10 F6 01 00 01 02 03 04 05 06 07 08 09 0A 0B 0C 0D", Advertisement{
		Frames: []Frame{&EddystoneURL{-10, "https://www..com/.org/.edu/.net/.info/.biz/.gov/.com.org.edu.net.info.biz.gov"}},
	}, ""},
	{"Eddystone-TLM", "11 16 AA FE 20 00 0BB8 1480 00000102 00015180", Advertisement{Frames: []Frame{&EddystoneTLM{3000, 0x1480, 258, 86400}}}, ""},
	{"Eddystone-EID", "0D 16 AA FE 30 F0 0102030405060708", Advertisement{Frames: []Frame{&EddystoneEID{-16, [8]byte{1, 2, 3, 4, 5, 6, 7, 8}}}}, ""},
	{"encrypted TLM", "05 16 AA FE 20 01", Advertisement{Other: []Structure{{0x16, []byte{0xAA, 0xFE, 0x20, 1}}}}, ""},
	{"Eddystone of an unknown kind", "05 16 AA FE 40 01", Advertisement{Other: []Structure{{0x16, []byte{0xAA, 0xFE, 0x40, 1}}}}, ""},
	{"Eddystone without a frame", "03 16 AA FE", Advertisement{Other: []Structure{{0x16, []byte{0xAA, 0xFE}}}}, ""},
	{"another format of Apple's", "05 FF 4C 00 10 05", Advertisement{Other: []Structure{{0xFF, []byte{0x4C, 0, 0x10, 5}}}}, ""},
	{"another maker", "05 FF 18 01 AA BB", Advertisement{Other: []Structure{{0xFF, []byte{0x18, 1, 0xAA, 0xBB}}}}, ""},
	{"names", "04 08 48 6F 6D 05 09 48 6F 6D 65 04 08 48 6F 6D", Advertisement{Name: "Home"}, ""},
	{"a short name", "04 08 48 6F 6D 01 16", Advertisement{Name: "Hom", Other: []Structure{{0x16, []byte{}}}}, ""},
	{"two beacons", "15 16 AA FE 00 EE 0A0B0C0D0E0F10111213 000000000017 1A FF 4C 00 02 15 " + ids + " 0102 A0B0 C5", Advertisement{Frames: []Frame{
		&EddystoneUID{-18, [10]byte{10, 11, 12, 13, 14, 15, 16, 17, 18, 19}, [6]byte{0, 0, 0, 0, 0, 0x17}}, &IBeacon{invented, 0x0102, 0xA0B0, -59}}}, ""},

	{"a structure that is cut", "02 01 06 05 FF 18 01", Advertisement{}, "structure"},
	{"iBeacon that is cut", "19 FF 4C 00 02 15 " + ids + " 0102 A0B0", Advertisement{}, "power at 1 m"},
	{"iBeacon that is too long", "1B FF 4C 00 02 15 " + ids + " 0102 A0B0 C5 00", Advertisement{}, "end of the structure"},
	{"AltBeacon that is cut", "19 FF 18 01 BE AC " + ids + " 0102 0304", Advertisement{}, "power at 1 m"},
	{"AltBeacon that is too long", "1C FF 18 01 BE AC " + ids + " 0102 0304 BE 09 00", Advertisement{}, "end of the structure"},
	{"UID that is cut", "14 16 AA FE 00 EE 0A0B0C0D0E0F10111213 0000000000", Advertisement{}, "instance"},
	{"UID with one reserved byte", "16 16 AA FE 00 EE 0A0B0C0D0E0F10111213 000000000017 00", Advertisement{}, "end of the structure"},
	{"URL without power", "04 16 AA FE 10", Advertisement{}, "power at the antenna"},
	{"URL of an unknown scheme", "07 16 AA FE 10 00 04 68", Advertisement{}, "scheme"},
	{"URL with a blank", "08 16 AA FE 10 00 03 68 20", Advertisement{}, "address"},
	{"URL with a reserved sign", "08 16 AA FE 10 00 03 68 0E", Advertisement{}, "address"},
	{"TLM without a version", "04 16 AA FE 20", Advertisement{}, "version"},
	{"TLM that is cut", "10 16 AA FE 20 00 0BB8 1480 00000102 000151", Advertisement{}, "uptime"},
	{"EID that is too long", "0E 16 AA FE 30 F0 0102030405060708 09", Advertisement{}, "end of the structure"},
}

func TestParse(t *testing.T) {
	for _, c := range payloads {
		t.Run(c.name, func(t *testing.T) {
			a, err := check(t, codectest.Hex(t, c.hex))
			var fe *wire.FieldError
			switch {
			case c.err == "" && err != nil:
				t.Fatal(err)
			case c.err != "" && (!errors.As(err, &fe) || fe.Field != c.err):
				t.Fatalf("error %v, want one at %q", err, c.err)
			}
			if diff := cmp.Diff(c.want, a); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// check parses and holds the result to what is promised of every payload.
func check(t *testing.T, payload []byte) (Advertisement, error) {
	t.Helper()
	own := bytes.Clone(payload)
	a, err := Parse(own)
	if !bytes.Equal(own, payload) {
		t.Errorf("Parse changes its input")
	}
	for i := range own {
		own[i] ^= 0xA5
	}
	b, spans, err2 := Dissect(payload)
	if !reflect.DeepEqual(a, b) || fmt.Sprint(err) != fmt.Sprint(err2) {
		t.Errorf("Parse and Dissect differ, or the result aliases the payload: %+v, %v and %+v, %v", a, err, b, err2)
	}
	pos := 0
	for _, s := range spans {
		if s.Offset != pos || s.Len < 0 || s.Name == "" {
			t.Fatalf("span %q of %d bytes at %d, expected one at %d", s.Name, s.Len, s.Offset, pos)
		}
		pos += s.Len
	}
	if pos != len(payload) {
		t.Errorf("spans cover %d of %d bytes", pos, len(payload))
	}
	// The layout shows the identities that Parse gives, and names errors likewise.
	if err == nil {
		shown := ""
		for _, s := range spans {
			shown += " " + s.Name + " " + s.Value
		}
		for _, f := range a.Frames {
			want := ""
			switch f := f.(type) {
			case *IBeacon:
				want = fmt.Sprintf(" UUID %x major %d minor %d power at 1 m %d dBm", f.UUID[:], f.Major, f.Minor, f.Tx)
			case *AltBeacon:
				want = fmt.Sprintf(" UUID %x major %d minor %d power at 1 m %d dBm", f.UUID[:], f.Major, f.Minor, f.Tx)
			case *EddystoneUID:
				want = fmt.Sprintf(" power at the antenna %d dBm namespace %x instance %x", f.Tx, f.Namespace, f.Instance)
			case *EddystoneEID:
				want = fmt.Sprintf(" power at the antenna %d dBm ephemeral identity %x", f.Tx, f.ID)
			case *EddystoneTLM:
				want = fmt.Sprintf(" battery %d mV temperature %.2f °C count %d uptime %.1f s", f.Millivolts, float64(f.Temperature)/256, f.Count, f.Uptime().Seconds())
			}
			if !strings.Contains(shown, want) {
				t.Errorf("%x: no%q in%q", payload, want, shown)
			}
		}
	}
	var fe *wire.FieldError
	if errors.As(err, &fe) && fe.Field != "structure" && !slices.Contains(described().FieldNames(), fe.Field) {
		t.Errorf("%v: the layout has no such field", err)
	}
	if err != nil && !reflect.DeepEqual(a, Advertisement{}) {
		t.Errorf("an error and %+v", a)
	}
	return a, err
}

func TestContacts(t *testing.T) {
	one := &IBeacon{invented, 1, 2, -59}
	a := Advertisement{Frames: []Frame{
		one, &AltBeacon{UUID: invented, Major: 1, Minor: 2}, &AltBeacon{UUID: invented, Major: 1, Minor: 3, Tx: -60},
		&EddystoneUID{-18, [10]byte{10, 11, 12, 13, 14, 15, 16, 17, 18, 19}, [6]byte{0, 0, 0, 0, 0, 0x17}},
		&EddystoneURL{}, &EddystoneTLM{}, &EddystoneEID{},
	}}
	rssi := em.Some(-71)
	want := []*em.Beacon{
		{Beacon: "2f00c0de-0000-4000-8000-000000000017/1/2", Radio: "ble", RSSI: rssi},
		{Beacon: "2f00c0de-0000-4000-8000-000000000017/1/3", Radio: "ble", RSSI: rssi},
		{Beacon: "0a0b0c0d0e0f10111213/000000000017", Radio: "ble", RSSI: rssi},
	}
	if diff := cmp.Diff(want, a.Contacts(rssi)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if all := (&Advertisement{Frames: []Frame{one}}).Contacts(em.Opt[int]{}); len(all) != 1 || all[0].RSSI.OK || all[0].Lost {
		t.Errorf("%+v", all)
	}
	var at []int
	for _, f := range a.Frames {
		if b, ok := f.(Beacon); ok {
			at = append(at, b.At1m())
		}
	}
	if fmt.Sprint(at) != "[-59 0 -60 -59]" {
		t.Errorf("at one metre %v", at)
	}
}

func TestTelemetry(t *testing.T) {
	for _, c := range []struct {
		tlm                    EddystoneTLM
		celsius, volts, uptime string
	}{
		{EddystoneTLM{3000, 0x1480, 1, 864005}, "{20.5 true}", "{3 true}", "24h0m0.5s"},
		{EddystoneTLM{2950, -0x0080, 1, 0}, "{-0.5 true}", "{2.95 true}", "0s"},
		{EddystoneTLM{0, math.MinInt16, 1, math.MaxUint32}, "{0 false}", "{0 false}", "119304h38m49.5s"},
	} {
		if got := fmt.Sprint(c.tlm.Celsius(), c.tlm.Volts(), c.tlm.Uptime()); got != c.celsius+" "+c.volts+" "+c.uptime {
			t.Errorf("%+v: %s", c.tlm, got)
		}
	}
}

func TestDistance(t *testing.T) {
	for _, c := range []struct {
		at1m, rssi int
		want       float64
	}{{-59, -59, 1}, {-59, -79, 10}, {-59, -53, 0.501187}, {-59, -65, 1.995262}} {
		if got := Distance(c.at1m, c.rssi); math.Abs(got-c.want) > 1e-6 {
			t.Errorf("%d at one metre, %d here: %v m, want %v", c.at1m, c.rssi, got, c.want)
		}
	}
}

func TestMaxPayload(t *testing.T) {
	if _, err := check(t, make([]byte, MaxPayload+1)); !errors.Is(err, protocol.ErrMalformed) {
		t.Error(err)
	}
	if _, err := check(t, bytes.Repeat([]byte{1, 1}, MaxPayload/2)); err != nil {
		t.Error(err)
	}
}

// TestExternal checks every payload from outside against all that is said of it:
// seven are beacons, two break their format, one is none.
func TestExternal(t *testing.T) {
	counts := map[string]int{}
	for _, v := range codectest.External(t, "ble-beacon.jsonl") {
		var expect map[string]any
		if err := json.Unmarshal(v.Expect, &expect); err != nil {
			t.Fatal(err)
		}
		b, err := v.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		a, err := check(t, b)
		got := map[string]any{}
		if a.Name != "" {
			got["name"] = a.Name
		}
		for _, f := range a.Frames {
			counts[f.Kind()]++
			switch f := f.(type) {
			case *IBeacon:
				got["company"] = 76.0
				got["uuid"], got["major"], got["minor"], got["tx"] = f.UUID.String(), float64(f.Major), float64(f.Minor), float64(f.Tx)
			case *AltBeacon:
				got["company"] = float64(f.Company)
				got["uuid"], got["major"], got["minor"], got["tx"] = f.UUID.String(), float64(f.Major), float64(f.Minor), float64(f.Tx)
				if f.Mfg.OK == (v.Kind == "altbeacon-short") {
					t.Errorf("%s: the maker's byte is %v", v.Kind, f.Mfg)
				}
			case *EddystoneUID:
				got["tx"], got["namespace"], got["instance"] = float64(f.Tx), hex.EncodeToString(f.Namespace[:]), hex.EncodeToString(f.Instance[:])
			case *EddystoneURL:
				got["tx"], got["url"] = float64(f.Tx), f.URL
			}
			if !strings.HasPrefix(v.Kind, f.Kind()) {
				t.Errorf("%s is a %s", v.Kind, f.Kind())
			}
		}
		for name, want := range expect {
			counts["fields"]++
			if got[name] != want {
				t.Errorf("%s: %s is %v, want %v", v.Kind, name, got[name], want)
			}
		}
		var fe *wire.FieldError
		switch {
		case err != nil:
			// A URL frame of four bytes, without its power; and a frame of a
			// version of TLM that is none, of 21 bytes where 16 are left.
			field := map[string]string{"malformed": "power at the antenna", "eddystone-tlm-like(version 1, custom)": "structure"}[v.Kind]
			if !errors.As(err, &fe) || fe.Field != field {
				t.Errorf("%s: %v", v.Kind, err)
			}
			counts["errors"]++
		case len(a.Frames) == 0:
			counts["none"]++
			// Another maker's data, kept as they are.
			if last := a.Other[len(a.Other)-1]; v.Kind != "not-a-beacon" || last.Type != typeMaker || len(last.Data) != 26 {
				t.Errorf("%s: %+v", v.Kind, a)
			}
		}
	}
	want := map[string]int{"altbeacon": 4, "ibeacon": 1, "eddystone-url": 1, "eddystone-uid": 1, "errors": 2, "none": 1, "fields": 28}
	if diff := cmp.Diff(want, counts); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func FuzzParse(f *testing.F) {
	for _, c := range payloads {
		f.Add(codectest.Hex(f, c.hex))
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		a, err := check(t, payload)
		for _, b := range a.Contacts(em.Some(-70)) {
			if b.Beacon == "" || b.Lost {
				t.Errorf("%+v", b)
			}
		}
		if err == nil { // what follows the end means nothing
			if b, err := Parse(append(bytes.Clone(payload), 0, 0xFF)); len(payload)+2 <= MaxPayload && (err != nil || !reflect.DeepEqual(a, b)) {
				t.Errorf("with an end behind it: %+v, %v; without %+v", b, err, a)
			}
		}
	})
}
