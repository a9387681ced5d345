package em

import (
	"fmt"
	"math"
	"slices"
)

// Contact is a home unit or beacon at a known place, as rules know it: who hears it, or
// is heard by it, is within its reach. What satellites say elsewhere is compared with
// that. It is for units that nobody can carry along.
type Contact struct {
	// Beacon is what Beacon.Beacon names. Where the unit itself reports, Reporter is its
	// device and Worn whose contact with it that is; else Reporter is empty, and
	// whichever device reports it heard it.
	Beacon   string
	Reporter DeviceID
	Worn     DeviceID

	Place LatLng
	Reach float64 // metres, of the radio at its best; zero is DefaultContactReach
}

// DefaultContactReach is far more than such radios reach, in metres.
const DefaultContactReach = 1000

// MaxContacts is how many there are at most: homes and places of one person.
const MaxContacts = 32

// CheckContacts returns a copy in which each has a reach, or what is wrong with which.
func CheckContacts(contacts []Contact) ([]Contact, error) {
	if len(contacts) > MaxContacts {
		return nil, fmt.Errorf("%d contacts, more than %d", len(contacts), MaxContacts)
	}
	contacts = slices.Clone(contacts)
	for i := range contacts {
		k := &contacts[i]
		if k.Reach == 0 {
			k.Reach = DefaultContactReach
		}
		if k.Beacon == "" || (k.Reporter == "") != (k.Worn == "") || !k.Place.Valid() || !(k.Reach > 0) || math.IsInf(k.Reach, 1) {
			return nil, fmt.Errorf("contact %d: %v", i, *k)
		}
	}
	return contacts, nil
}

// Near returns the device that an observation of b puts within reach of the contact;
// false where it tells of another unit, or of the end of a contact.
func (k *Contact) Near(o *Observation, b *Beacon) (DeviceID, bool) {
	switch {
	case b.Lost || k.Beacon != b.Beacon || k.Reporter != "" && k.Reporter != o.Device:
		return "", false
	case k.Reporter != "":
		return k.Worn, true
	}
	return o.Device, true
}
