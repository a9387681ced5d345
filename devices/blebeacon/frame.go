package blebeacon

import (
	"encoding/hex"
	"fmt"
	"math"
	"time"

	"github.com/sargas-em/em"
)

// Frame is one beacon format in an advertisement: *IBeacon, *AltBeacon,
// *EddystoneUID, *EddystoneURL, *EddystoneTLM or *EddystoneEID.
type Frame interface {
	// Kind is "ibeacon", "altbeacon", "eddystone-uid", "eddystone-url",
	// "eddystone-tlm" or "eddystone-eid".
	Kind() string
}

// Beacon is a Frame that names its sender.
type Beacon interface {
	Frame
	// Identity is the beacon's own; see the package comment.
	Identity() string
	// At1m is the signal strength in dBm to be expected at one metre, as the
	// beacon states it.
	At1m() int
}

// UUID is the first part of an identity.
type UUID [16]byte

// String returns the usual form, lower case with hyphens.
func (u UUID) String() string {
	return fmt.Sprintf("%x-%x-%x-%x-%x", u[:4], u[4:6], u[6:8], u[8:10], u[10:])
}

// IBeacon is Apple's format.
type IBeacon struct {
	UUID         UUID
	Major, Minor uint16
	Tx           int8 // dBm at one metre
}

// AltBeacon is the open format of the same content.
type AltBeacon struct {
	Company      uint16 // by the numbers of the Bluetooth SIG
	UUID         UUID
	Major, Minor uint16
	Tx           int8          // dBm at one metre
	Mfg          em.Opt[uint8] // the maker's own; older senders leave it out
}

// EddystoneUID is Google's format for an identity.
type EddystoneUID struct {
	Tx        int8 // dBm at the antenna
	Namespace [10]byte
	Instance  [6]byte
}

// EddystoneURL is an address of the web.
type EddystoneURL struct {
	Tx  int8 // dBm at the antenna
	URL string
}

// EddystoneTLM is the beacon's state, unencrypted (version 0). It belongs to the
// beacon that sends it in turn with another frame.
type EddystoneTLM struct {
	Millivolts  uint16 // 0: not told
	Temperature int16  // 1/256 °C; see Celsius
	Count       uint32 // advertisements since the start
	Deciseconds uint32 // since the start; see Uptime
}

// EddystoneEID is an identity that changes all the time.
type EddystoneEID struct {
	Tx int8 // dBm at the antenna
	ID [8]byte
}

// Kind of each frame.
func (*IBeacon) Kind() string      { return "ibeacon" }
func (*AltBeacon) Kind() string    { return "altbeacon" }
func (*EddystoneUID) Kind() string { return "eddystone-uid" }
func (*EddystoneURL) Kind() string { return "eddystone-url" }
func (*EddystoneTLM) Kind() string { return "eddystone-tlm" }
func (*EddystoneEID) Kind() string { return "eddystone-eid" }

// Identity is UUID, major and minor.
func (f *IBeacon) Identity() string { return identity(f.UUID, f.Major, f.Minor) }

// Identity is UUID, major and minor.
func (f *AltBeacon) Identity() string { return identity(f.UUID, f.Major, f.Minor) }

func identity(u UUID, major, minor uint16) string { return fmt.Sprintf("%v/%d/%d", u, major, minor) }

// Identity is namespace and instance.
func (f *EddystoneUID) Identity() string {
	return hex.EncodeToString(f.Namespace[:]) + "/" + hex.EncodeToString(f.Instance[:])
}

// At1m is Tx.
func (f *IBeacon) At1m() int { return int(f.Tx) }

// At1m is Tx.
func (f *AltBeacon) At1m() int { return int(f.Tx) }

// At1m is Tx less the 41 dB that the first metre costs.
func (f *EddystoneUID) At1m() int { return int(f.Tx) - firstMetre }

// firstMetre is the loss from the antenna to one metre, in dB, by Eddystone.
const firstMetre = 41

// Celsius returns the beacon's temperature; absent where it has no sensor.
func (f *EddystoneTLM) Celsius() em.Opt[float64] {
	if f.Temperature == math.MinInt16 {
		return em.Opt[float64]{}
	}
	return em.Some(float64(f.Temperature) / 256)
}

// Volts returns the battery's voltage; absent where it is not told.
func (f *EddystoneTLM) Volts() em.Opt[float64] {
	if f.Millivolts == 0 {
		return em.Opt[float64]{}
	}
	return em.Some(float64(f.Millivolts) / 1000)
}

// Uptime returns how long the beacon has been on.
func (f *EddystoneTLM) Uptime() time.Duration {
	return time.Duration(f.Deciseconds) * 100 * time.Millisecond
}

// Distance returns the distance in metres at which a beacon of that strength at
// one metre would be heard so in free space; both in dBm. See the package comment
// for what it is worth.
func Distance(at1m, rssi int) float64 { return math.Pow(10, float64(at1m-rssi)/20) }
