package em_test

import (
	"math"
	"strings"
	"testing"

	"github.com/sargas-em/em"
)

func TestContact(t *testing.T) {
	here := em.LatLng{Lat: 54.7, Lng: 25.3}
	heard, reports := em.Contact{Beacon: "B-1", Place: here}, em.Contact{Beacon: "B-1", Reporter: "unit:1", Worn: "gt06:1", Place: here}
	for _, c := range []struct {
		what    string
		contact em.Contact
		device  em.DeviceID
		beacon  em.Beacon
		near    em.DeviceID
	}{
		{"a bracelet hears it", heard, "gt06:2", em.Beacon{Beacon: "B-1"}, "gt06:2"},
		{"another beacon", heard, "gt06:2", em.Beacon{Beacon: "B-2"}, ""},
		{"no more", heard, "gt06:2", em.Beacon{Beacon: "B-1", Lost: true}, ""},
		{"a unit hears its bracelet", reports, "unit:1", em.Beacon{Beacon: "B-1"}, "gt06:1"},
		{"another unit hears it", reports, "unit:2", em.Beacon{Beacon: "B-1"}, ""},
		{"the unit hears no more", reports, "unit:1", em.Beacon{Beacon: "B-1", Lost: true}, ""},
	} {
		got, ok := c.contact.Near(&em.Observation{Device: c.device}, &c.beacon)
		if got != c.near || ok != (c.near != "") {
			t.Errorf("%s: near is %q, %v", c.what, got, ok)
		}
	}
	given := []em.Contact{heard, reports}
	given[1].Reach = 30
	if all, err := em.CheckContacts(given); err != nil || all[0].Reach != em.DefaultContactReach || all[1].Reach != 30 || given[0].Reach != 0 {
		t.Errorf("%+v, of %+v, %v", all, given, err)
	}
	for _, c := range []struct {
		what string
		list []em.Contact
	}{
		{"contact 0", []em.Contact{{}}},
		{"contact 1", []em.Contact{heard, {Beacon: "B-2", Place: em.LatLng{Lat: 91}}}},
		{"contact 0", []em.Contact{{Beacon: "B-1", Reporter: "unit:1", Place: here}}},
		{"contact 0", []em.Contact{{Beacon: "B-1", Worn: "gt06:1", Place: here}}},
		{"contact 0", []em.Contact{{Beacon: "B-1", Place: here, Reach: -1}}},
		{"contact 0", []em.Contact{{Beacon: "B-1", Place: here, Reach: math.NaN()}}},
		{"contact 0", []em.Contact{{Beacon: "B-1", Place: here, Reach: math.Inf(1)}}},
		{"33 contacts", make([]em.Contact, em.MaxContacts+1)},
	} {
		if _, err := em.CheckContacts(c.list); err == nil || !strings.Contains(err.Error(), c.what) {
			t.Errorf("%s: %v", c.what, err)
		}
	}
}

// 3 times 2,000 m; and never better than 5 km.
func TestWorstRadius(t *testing.T) {
	for radius, want := range map[float64]float64{0: 5000, 30: 5000, 2000: 6000} {
		if got := em.WorstRadius(radius); got != want {
			t.Errorf("WorstRadius(%v) = %v, want %v", radius, got, want)
		}
	}
}
