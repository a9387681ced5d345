package em

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// DeviceID names one physical device for ever: "gt06:990000000000017", the
// dialect's name, a colon and the identity that the device sends.
type DeviceID string

// SubjectID names whom events are about: a person, or a pair of persons.
type SubjectID string

// ObservationID identifies an observation: the first 16 bytes of a SHA-256
// over Device, DeviceAt (Received where the frame carries no time), Part and
// the canonical body. A re-sent frame has the ID of the first, even under a new
// serial number or with the store marker set. The zero value is no ID.
type ObservationID [16]byte

// String returns 32 hexadecimal digits.
func (id ObservationID) String() string { return hex.EncodeToString(id[:]) }

// MarshalText and UnmarshalText write and read the hexadecimal form.
func (id ObservationID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText reads 32 hexadecimal digits.
func (id *ObservationID) UnmarshalText(b []byte) error { return unhex(id[:], b) }

func unhex(dst, b []byte) error {
	if len(b) != hex.EncodedLen(len(dst)) {
		return fmt.Errorf("em: %q is not an id of %d hexadecimal digits", b, hex.EncodedLen(len(dst)))
	}
	_, err := hex.Decode(dst, b)
	return err
}

// Observation is one thing that a device saw or said. It is a value: whoever
// has it may keep it, and nobody changes it.
type Observation struct {
	ID     ObservationID
	Device DeviceID
	Seq    Opt[uint64] // the frame's serial number, unwrapped by the session
	Part   uint16      // place among the observations of its frame, from 0

	// DeviceAt is the time in the frame as the device's clock gave it; zero
	// where the frame carries none. At is the event time: DeviceAt, corrected
	// where the clock is known to be off, or Received where DeviceAt is zero;
	// it is fixed when the ID is first stored. Received is when the frame
	// reached us. All are UTC without a monotonic part.
	DeviceAt, At, Received time.Time

	Stored bool // the device marked it as uploaded from its memory
	Body   Body
}

// Stamp completes an observation that a session made: Received is set to
// received (UTC, without its monotonic part), an At of zero to DeviceAt or else
// to Received, and ID from the content. It returns the completed value.
func (o Observation) Stamp(received time.Time) Observation {
	o.Received = received.Round(0).UTC()
	o.DeviceAt = o.DeviceAt.Round(0).UTC()
	if o.At.IsZero() {
		o.At = o.DeviceAt
	}
	if o.At.IsZero() {
		o.At = o.Received
	}
	o.At = o.At.Round(0).UTC()
	o.ID = o.computeID()
	return o
}

func (o *Observation) computeID() ObservationID {
	at := o.DeviceAt
	if at.IsZero() {
		at = o.Received
	}
	var buf [256]byte
	b := AppendString(buf[:0], string(o.Device))
	b = AppendTime(b, at)
	b = AppendUint(b, uint64(o.Part))
	b = appendBody(b, o.Body)
	sum := sha256.Sum256(b)
	return ObservationID(sum[:16])
}

// BodyKind names a kind of observation; it is the "body" of its JSON form.
type BodyKind string

// The kinds of observation.
const (
	KindFix         BodyKind = "fix"
	KindBeacon      BodyKind = "beacon"
	KindAlcohol     BodyKind = "alcohol"
	KindTransdermal BodyKind = "transdermal"
	KindTamper      BodyKind = "tamper"
	KindPower       BodyKind = "power"
	KindComms       BodyKind = "comms"
	KindAlarm       BodyKind = "alarm"
	KindCheckIn     BodyKind = "checkin"
	KindVendor      BodyKind = "vendor"
)

// kinds are all.
var kinds = [...]BodyKind{KindFix, KindBeacon, KindAlcohol, KindTransdermal, KindTamper, KindPower, KindComms, KindAlarm, KindCheckIn, KindVendor}

// Body is what was observed: one of *Fix, *Beacon, *AlcoholReading,
// *Transdermal, *Tamper, *Power, *Comms, *Alarm, *CheckIn and *Vendor. A body
// is never changed after it was put into an Observation.
type Body interface {
	Kind() BodyKind
	appendFields(dst []byte) []byte
	readFields(r *StateReader)
}

// newBody returns an empty body of kind k, or nil for an unknown kind.
func newBody(k BodyKind) Body {
	switch k {
	case KindFix:
		return new(Fix)
	case KindBeacon:
		return new(Beacon)
	case KindAlcohol:
		return new(AlcoholReading)
	case KindTransdermal:
		return new(Transdermal)
	case KindTamper:
		return new(Tamper)
	case KindPower:
		return new(Power)
	case KindComms:
		return new(Comms)
	case KindAlarm:
		return new(Alarm)
	case KindCheckIn:
		return new(CheckIn)
	case KindVendor:
		return new(Vendor)
	}
	return nil
}

// FixValidity says what a device's position is worth.
type FixValidity string

// Validities of a fix. Rules judge on current fixes only; the others are shown
// and mean that the device had no signal at that time.
const (
	FixCurrent   FixValidity = "current"   // computed at the observation's time
	FixLastKnown FixValidity = "lastknown" // an older position, repeated by the device
	FixInvalid   FixValidity = "invalid"   // the device says it has no fix
)

// FixSource says how a position was found.
type FixSource string

// Sources of a position.
const (
	SourceGNSS FixSource = "gnss"
	SourceCell FixSource = "cell"
	SourceWiFi FixSource = "wifi"
)

// Fix is a position report.
type Fix struct {
	LatLng
	Validity   FixValidity  `json:"validity"`
	Source     FixSource    `json:"source"`
	Accuracy   Opt[float64] `json:"accuracy_m,omitzero"` // 68 % radius in metres, as the receiver gave it
	HDOP       Opt[float64] `json:"hdop,omitzero"`
	Satellites Opt[int]     `json:"satellites,omitzero"`
	Altitude   Opt[float64] `json:"altitude_m,omitzero"` // above mean sea level
	Speed      Opt[float64] `json:"speed_mps,omitzero"`
	Course     Opt[float64] `json:"course_deg,omitzero"` // clockwise from true north
}

// Current reports whether rules may judge on the fix: current, and a valid
// position.
func (f *Fix) Current() bool { return f.Validity == FixCurrent && f.Valid() }

// hdopMetres is the user-equivalent range error that turns an HDOP into a 68 %
// radius: 5 m, common for single-frequency receivers in the open. Unverified
// for any one device.
const hdopMetres = 5

// Radius68 returns the 68 % radius in metres: as reported, else 5 m × HDOP,
// else assumed. The second result is false where it was not reported.
func (f *Fix) Radius68(assumed float64) (metres float64, reported bool) {
	switch {
	case f.Accuracy.OK && f.Accuracy.V > 0:
		return f.Accuracy.V, true
	case f.HDOP.OK && f.HDOP.V > 0:
		return hdopMetres * f.HDOP.V, false
	}
	return assumed, false
}

// Radius95 is Radius68 widened to the circle that holds 95 % of positions if
// errors are normal and alike in all directions: × sqrt(ln 0.05 / ln 0.32).
func (f *Fix) Radius95(assumed float64) (metres float64, reported bool) {
	r, reported := f.Radius68(assumed)
	return r * widen95, reported
}

const widen95 = 1.6214623090066282 // sqrt(ln 0.05 / ln 0.32), rounded to a float64

// WorstRadius is what a position by cells or access points is off by at worst, in metres:
// three times its 95 % radius, and 5 km at least, which access points may have been moved
// by. Unverified: they may come from farther away. Hence one such position by itself
// says nothing against satellites before it.
func WorstRadius(radius95 float64) float64 { return max(3*radius95, 5000) }

// Beacon is a radio contact between a worn device and a fixed unit or beacon,
// or its loss.
type Beacon struct {
	Beacon string   `json:"beacon"` // the unit's or beacon's own identity
	Radio  string   `json:"radio"`  // "rf", "ble" or "wifi"
	Lost   bool     `json:"lost,omitempty"`
	RSSI   Opt[int] `json:"rssi_dbm,omitzero"`
}

// AlcoholUnit is the unit in which an instrument shows a concentration.
type AlcoholUnit string

// Units in use. The ones of breath and of blood differ in kind: blood is never
// shown from breath without the ratio.
const (
	UnitBreathMgPerL     AlcoholUnit = "mg/L breath"
	UnitBreathUgPerL     AlcoholUnit = "ug/L breath"
	UnitBreathUgPer100mL AlcoholUnit = "ug/100mL breath"
	UnitBreathGPer210L   AlcoholUnit = "g/210L breath"
	UnitBloodGPer100mL   AlcoholUnit = "g/100mL blood" // "% BAC"
	UnitBloodMgPer100mL  AlcoholUnit = "mg/100mL blood"
	UnitBloodGPerL       AlcoholUnit = "g/L blood" // per mille by volume
	UnitBloodGPerKg      AlcoholUnit = "g/kg blood"
	UnitSkinGPerDL       AlcoholUnit = "g/dL skin"
	UnitSkinUgPerL       AlcoholUnit = "ug/L skin"
	UnitRaw              AlcoholUnit = "raw" // the sensor's own number
)

// SampleStatus says whether a breath sample can be used.
type SampleStatus string

// Statuses of a breath sample.
const (
	SampleOK         SampleStatus = "ok"
	SampleInvalid    SampleStatus = "invalid"    // flow, volume, interrupted; Reason says which
	SampleAborted    SampleStatus = "aborted"    // started, not finished
	SampleSensor     SampleStatus = "sensor"     // the instrument refused: temperature, sensor, battery
	SampleAmbient    SampleStatus = "ambient"    // alcohol in the air
	SampleOverRange  SampleStatus = "overrange"  // above what the instrument measures
	SampleCalibrated SampleStatus = "calibrated" // a calibration reading, not a test
)

// Identity is the result of an identity check.
type Identity string

// Results of an identity check. The zero value means that none was made.
const (
	IdentityNone     Identity = ""
	IdentityMatch    Identity = "match"
	IdentityMismatch Identity = "mismatch"
	IdentityUnsure   Identity = "unsure"
)

// AlcoholReading is one breath sample as the instrument gave it. Codecs never
// convert: value, unit and blood:breath ratio stay as they came.
type AlcoholReading struct {
	Value    Decimal      `json:"value"`
	Unit     AlcoholUnit  `json:"unit"`
	Ratio    Opt[int]     `json:"ratio,omitzero"` // blood:breath ratio, 2100 for 2100:1, where the instrument states it
	Status   SampleStatus `json:"status"`
	Reason   string       `json:"reason,omitempty"` // the instrument's own error name
	Identity Identity     `json:"identity,omitempty"`
	Ambient  Opt[Decimal] `json:"ambient,omitzero"` // air blank before the sample, same unit
	CalDue   time.Time    `json:"calibration_due,omitzero"`
}

// Transdermal is one reading of alcohol at the skin, with what tells whether
// the instrument was worn.
type Transdermal struct {
	Value       Decimal      `json:"value"`
	Unit        AlcoholUnit  `json:"unit"`
	Temperature Opt[float64] `json:"skin_celsius,omitzero"`
	IR          Opt[float64] `json:"ir_volts,omitzero"`
	Motion      Opt[float64] `json:"motion_g,omitzero"`
}

// TamperKind says what was tampered with.
type TamperKind string

// Kinds of tamper.
const (
	TamperStrap     TamperKind = "strap"
	TamperCase      TamperKind = "case"
	TamperRemoval   TamperKind = "removal" // off the body, means not stated
	TamperShielding TamperKind = "shielding"
	TamperJamming   TamperKind = "jamming"
	TamperMoved     TamperKind = "moved" // a home unit
	TamperOther     TamperKind = "other" // the device says "tamper" and no more
)

// Tamper is a change of a tamper sensor. Cleared is true where the device
// reports that it is in order again (strap closed).
type Tamper struct {
	What    TamperKind `json:"what"`
	Cleared bool       `json:"cleared,omitempty"`
	Code    string     `json:"code,omitempty"` // the vendor's own code
}

// PowerEvent is a change of the supply.
type PowerEvent string

// Changes of the supply; the zero value is a plain measurement.
const (
	PowerNone     PowerEvent = ""
	PowerLow      PowerEvent = "low"
	PowerCut      PowerEvent = "cut" // mains or external supply lost
	PowerRestored PowerEvent = "restored"
	PowerCritical PowerEvent = "critical" // about to switch off
	PowerGood     PowerEvent = "good"     // the battery is no longer low
	PowerOn       PowerEvent = "on"
	PowerOff      PowerEvent = "off"
)

// Power is the state of battery and supply.
type Power struct {
	Event    PowerEvent   `json:"event,omitempty"`
	Level    Opt[float64] `json:"level,omitzero"` // 0 empty … 1 full
	Volts    Opt[float64] `json:"volts,omitzero"`
	Charging Opt[bool]    `json:"charging,omitzero"`
	External Opt[bool]    `json:"external,omitzero"` // mains or external supply present
}

// CommsEvent is what a device says about the connection or about itself.
type CommsEvent string

// Events of the connection.
const (
	CommsLogin     CommsEvent = "login"
	CommsHeartbeat CommsEvent = "heartbeat"
	CommsInfo      CommsEvent = "info"  // identification, cells, signal
	CommsReply     CommsEvent = "reply" // answer to a command; Text has it
)

// Cell is one mobile cell that the device hears.
type Cell struct {
	MCC  uint16   `json:"mcc"`
	MNC  uint16   `json:"mnc"`
	LAC  uint32   `json:"lac"`
	CID  uint64   `json:"cid"`
	RSSI Opt[int] `json:"rssi_dbm,omitzero"`
}

// AccessPoint is one Wi-Fi access point that the device hears.
type AccessPoint struct {
	MAC  string   `json:"mac"` // lower case, colons
	RSSI Opt[int] `json:"rssi_dbm,omitzero"`
}

// Comms is a sign of life: login, heartbeat, radio environment.
type Comms struct {
	Event  CommsEvent    `json:"event"`
	Signal Opt[float64]  `json:"signal,omitzero"` // 0 none … 1 best, from the device's own scale
	Cells  []Cell        `json:"cells,omitempty"`
	WiFi   []AccessPoint `json:"wifi,omitempty"`
	Text   string        `json:"text,omitempty"`
}

// AlarmKind names what a device calls out by itself.
type AlarmKind string

// Alarms raised by the device's own logic.
const (
	AlarmSOS       AlarmKind = "sos"
	AlarmFall      AlarmKind = "fall"
	AlarmVibration AlarmKind = "vibration"
	AlarmOverspeed AlarmKind = "overspeed"
	AlarmFenceIn   AlarmKind = "fence.in" // the device's own fence, not ours
	AlarmFenceOut  AlarmKind = "fence.out"
	AlarmMoved     AlarmKind = "moved"
	AlarmOther     AlarmKind = "other" // Code has the vendor's code
)

// Alarm is something that the device's own logic calls out.
type Alarm struct {
	What AlarmKind `json:"what"`
	Code string    `json:"code,omitempty"` // the vendor's own code
}

// CheckIn is the wearer's answer to a request to report: a call, an app, a unit.
type CheckIn struct {
	Request  string   `json:"request,omitempty"` // the request's ID
	Method   string   `json:"method"`            // "voice", "face", "pin", "video", "button"
	Identity Identity `json:"identity,omitempty"`
	Refused  bool     `json:"refused,omitempty"`
}

// Field is one named value of a vendor's message.
type Field struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Vendor is data that no rule reads but people may: everything else a device says.
type Vendor struct {
	Name   string  `json:"name"`
	Fields []Field `json:"fields,omitempty"`
}

// Kind of each body.
func (*Fix) Kind() BodyKind            { return KindFix }
func (*Beacon) Kind() BodyKind         { return KindBeacon }
func (*AlcoholReading) Kind() BodyKind { return KindAlcohol }
func (*Transdermal) Kind() BodyKind    { return KindTransdermal }
func (*Tamper) Kind() BodyKind         { return KindTamper }
func (*Power) Kind() BodyKind          { return KindPower }
func (*Comms) Kind() BodyKind          { return KindComms }
func (*Alarm) Kind() BodyKind          { return KindAlarm }
func (*CheckIn) Kind() BodyKind        { return KindCheckIn }
func (*Vendor) Kind() BodyKind         { return KindVendor }

// observationJSON is the envelope; the body's fields stand beside it.
type observationJSON struct {
	ID       ObservationID `json:"id,omitzero"`
	Body     BodyKind      `json:"body"`
	At       time.Time     `json:"at,omitzero"`
	Device   DeviceID      `json:"device"`
	Seq      Opt[uint64]   `json:"seq,omitzero"`
	Part     uint16        `json:"part,omitempty"`
	DeviceAt time.Time     `json:"device_at,omitzero"`
	Received time.Time     `json:"received,omitzero"`
	Stored   bool          `json:"stored,omitempty"`
}

// MarshalJSON writes one flat object: "body" names the kind, and the body's own
// fields stand beside "at" and "device".
func (o Observation) MarshalJSON() ([]byte, error) {
	if o.Body == nil {
		return nil, errors.New("em: observation without a body")
	}
	env, err := json.Marshal(observationJSON{o.ID, o.Body.Kind(), o.At, o.Device, o.Seq, o.Part, o.DeviceAt, o.Received, o.Stored})
	if err != nil {
		return nil, err
	}
	body, err := json.Marshal(o.Body)
	if err != nil {
		return nil, err
	}
	if len(body) > 2 { // not "{}"
		env[len(env)-1] = ','
		env = append(env, body[1:]...)
	}
	return env, nil
}

// UnmarshalJSON reads what MarshalJSON writes.
func (o *Observation) UnmarshalJSON(b []byte) error {
	var env observationJSON
	if err := json.Unmarshal(b, &env); err != nil {
		return err
	}
	body := newBody(env.Body)
	if body == nil {
		return fmt.Errorf("em: observation: unknown body %q", env.Body)
	}
	if err := json.Unmarshal(b, body); err != nil {
		return fmt.Errorf("em: observation: %w", err)
	}
	*o = Observation{env.ID, env.Device, env.Seq, env.Part, env.DeviceAt.UTC(), env.At.UTC(), env.Received.UTC(), env.Stored, body}
	return nil
}
