package scenario

import (
	"time"

	"github.com/sargas-em/em"
)

// Truth is one line of the ground truth, as JSON. What decides which fields it
// has:
//
//	start            the first line: scenario, seed, home, zones, and how the device was changed (note)
//	home.left        the person left the circle of the home, to the second; home.returned
//	zone.entered     the person entered the circle "place", to the second; zone.left
//	strap.cut, strap.closed, battery, battery.low, sos
//	                 it happened, and was given to the device as "told"
//	battery.dead     the device was off from at to until
//	gnss.lost, gnss.jammed, gnss.spoofed, network.lost
//	                 it was so from at to until
//	drink            grams of ethanol were drunk
//	curve            blood, breath and skin at that minute, every five minutes while not zero
//	breath, skin     a sample was taken: the true curve, and what the instrument told
//	fix              a position was due: where the person was (true) and what was told
//	fault            a frame was lost, doubled, … on its way (note); at is when it was sent
//	connected        the device has a connection; disconnected: it has none any more
//	waiting          at the end: how many reports were not acknowledged (value)
//
// A line that the dialect has no word for has no "told" and an "untold" that says
// why. Observations in "told" carry the time that the device gave them, which
// differs from "at" where its clock is off.
type Truth struct {
	At     time.Time   `json:"at"`
	Until  time.Time   `json:"until,omitzero"`
	Device em.DeviceID `json:"device"`
	What   string      `json:"what"`
	Step   int         `json:"step,omitempty"` // of the scenario, from 1
	Place  string      `json:"place,omitempty"`
	True   *em.LatLng  `json:"true,omitempty"`
	Value  *float64    `json:"value,omitempty"` // level from 0 to 1, grams, or a number of reports
	Curve  *Level      `json:"curve,omitempty"`

	Told   *em.Observation `json:"told,omitempty"`
	Late   time.Time       `json:"late,omitzero"` // told only then, from the device's memory
	Untold string          `json:"untold,omitempty"`
	Note   string          `json:"note,omitempty"`

	Setting *Setting `json:"setting,omitempty"`
}

// Level is the alcohol in the body by the model of package pharmacokinetic.
type Level struct {
	Blood  float64 `json:"blood_g_per_l"`
	Breath float64 `json:"breath_mg_per_l"`
	Skin   float64 `json:"skin_g_per_dl"` // at the ankle
}

// Setting is what a run was about.
type Setting struct {
	Scenario string  `json:"scenario"`
	Seed     uint64  `json:"seed"`
	Home     Circle  `json:"home"`
	Zones    []Zone  `json:"zones,omitempty"`
	Skew     float64 `json:"clock_ahead_s,omitempty"`
}

// Circle is a place on the ground.
type Circle struct {
	em.LatLng
	Radius float64 `json:"radius_m"`
}

// Zone is a circle that it matters to be in.
type Zone struct {
	ID string `json:"id"`
	Circle
}
