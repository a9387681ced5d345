package gt06

import (
	"fmt"

	"github.com/sargas-em/em"
)

// An alarm byte becomes one observation. alarms is the family's table, with the
// body's kind of event and the name that people know.
type alarmRow struct {
	code uint16
	body em.Body // without Code
	name string
}

var alarms = [...]alarmRow{
	{0x01, &em.Alarm{What: em.AlarmSOS}, "SOS"},
	{0x02, &em.Power{Event: em.PowerCut}, "power cut"},
	{0x03, &em.Alarm{What: em.AlarmVibration}, "vibration"},
	{0x04, &em.Alarm{What: em.AlarmFenceIn}, "fence in"},
	{0x05, &em.Alarm{What: em.AlarmFenceOut}, "fence out"},
	{0x06, &em.Alarm{What: em.AlarmOverspeed}, "overspeed"},
	{0x09, &em.Alarm{What: em.AlarmVibration}, "vibration or towing"},
	{0x0C, &em.Tamper{What: em.TamperOther}, "tamper"},
	{0x0E, &em.Power{Event: em.PowerLow}, "low battery"},
	{0x0F, &em.Power{Event: em.PowerLow}, "low battery"},
	{0x11, &em.Power{Event: em.PowerOff}, "power off"},
	{0x13, &em.Tamper{What: em.TamperRemoval}, "disassembly"},
	{0x14, &em.Alarm{What: em.AlarmOther}, "door"},
	{0x18, &em.Tamper{What: em.TamperRemoval}, "removal"},
	{0x19, &em.Power{Event: em.PowerLow}, "internal battery low"},
	{0x23, &em.Alarm{What: em.AlarmFall}, "fall"},
	{0x25, &em.Tamper{What: em.TamperOther}, "tamper"},
	{0x30, &em.Tamper{What: em.TamperJamming}, "jamming"},
	{0x32, &em.Tamper{What: em.TamperRemoval}, "pulled out"},
	{0x33, &em.Alarm{What: em.AlarmOther}, "lock"},
	{0x34, &em.Alarm{What: em.AlarmOther}, "unlock"},
	{0x107, &em.Tamper{What: em.TamperJamming}, "jamming"},
	{0x10B, &em.Tamper{What: em.TamperJamming}, "jamming"},
}

func alarmRowOf(code uint16) *alarmRow {
	for i := range alarms {
		if alarms[i].code == code {
			return &alarms[i]
		}
	}
	return nil
}

// alarmName returns the name of an alarm, "" for no alarm and for unknown ones.
func alarmName(code uint16) string {
	if r := alarmRowOf(code); r != nil {
		return r.name
	}
	if code >= 0x26 && code <= 0x2C {
		return "driving"
	}
	return ""
}

// alarmCode returns the alarm of a state, with the extension that some types
// have; 0 is none.
func (s *State) alarmCode(h Header) uint16 {
	switch h.Code {
	case 0x27, 0xA3, 0xA4:
		return uint16(s.Alarm) | uint16(s.Language&0xF0)<<4
	case typeStatus:
		if s.Alarm == alarmIsSupply {
			return 0
		}
	}
	return uint16(s.Alarm)
}

// alarmBody returns what an alarm means. Alarms of a code that is not in the table
// are of kind other: unknown is not absent.
func alarmBody(code uint16) em.Body {
	text := fmt.Sprintf("0x%02X", code)
	r := alarmRowOf(code)
	if r == nil {
		return &em.Alarm{What: em.AlarmOther, Code: text}
	}
	switch b := r.body.(type) {
	case *em.Tamper:
		return &em.Tamper{What: b.What, Code: text}
	case *em.Power:
		return &em.Power{Event: b.Event}
	case *em.Alarm:
		return &em.Alarm{What: b.What, Code: text}
	}
	return nil
}

// classBody returns what the class in a status byte means; nil for none.
func classBody(flags byte) em.Body {
	text := fmt.Sprintf("class %d", flags>>3&7)
	switch flags >> 3 & 7 {
	case 0:
		return nil
	case 1:
		return &em.Alarm{What: em.AlarmVibration, Code: text}
	case 2:
		return &em.Power{Event: em.PowerCut}
	case 3:
		return &em.Power{Event: em.PowerLow}
	case 4:
		return &em.Alarm{What: em.AlarmSOS, Code: text}
	case 7:
		return &em.Tamper{What: em.TamperRemoval, Code: text}
	}
	return &em.Alarm{What: em.AlarmOther, Code: text} // 6 is a fence, which way is not said; 5 is unknown
}

// covers reports whether an alarm byte says what the class says too, or more
// exactly. A class without a meaning adds nothing to an alarm.
func covers(called, class em.Body) bool {
	switch class := class.(type) {
	case *em.Tamper:
		t, ok := called.(*em.Tamper)
		return ok && (t.What == class.What || t.What == em.TamperOther)
	case *em.Power:
		p, ok := called.(*em.Power)
		return ok && p.Event == class.Event
	case *em.Alarm:
		if class.What == em.AlarmOther {
			return called != nil
		}
		a, ok := called.(*em.Alarm)
		return ok && a.What == class.What
	}
	return false
}

// eventBody returns what the code of an event in a modular message means.
func eventBody(code byte) em.Body {
	text := fmt.Sprintf("event 0x%02X", code)
	switch code {
	case 0x12:
		return &em.Tamper{What: em.TamperRemoval, Code: text}
	case 0x23:
		return &em.Tamper{What: em.TamperOther, Code: text}
	case 0x1A:
		return &em.Power{Event: em.PowerLow}
	case 0x21:
		return &em.Power{Event: em.PowerCut}
	case 0x20:
		return &em.Alarm{What: em.AlarmVibration, Code: text}
	}
	return &em.Alarm{What: em.AlarmOther, Code: text} // 0x10 is a door
}

// powerBody returns what module 0x2B means; nil where it calls out nothing.
func powerBody(code byte) em.Body {
	switch code {
	case 0x11, 0x12:
		return &em.Power{Event: em.PowerLow}
	case 0x13:
		return &em.Power{Event: em.PowerCut}
	case 0x14:
		return &em.Tamper{What: em.TamperRemoval, Code: "power event 0x14"}
	}
	return nil
}

// drivingName says what an event of a driving alarm is.
func drivingName(code byte, positioned bool) string {
	switch {
	case code == 0x01 && positioned:
		return "SOS"
	case code == 0x01:
		return "general"
	case code == 0x80:
		return "vibration"
	case code == 0x87:
		return "overspeed"
	case code == 0x90:
		return "hard acceleration"
	case code == 0x91:
		return "hard braking"
	case code == 0x92:
		return "hard cornering"
	case code == 0x93:
		return "accident"
	}
	return "unknown"
}

func (m *Driving) body() em.Body {
	a := &em.Alarm{What: em.AlarmOther, Code: fmt.Sprintf("driving 0x%02X %s", m.Event, drivingName(m.Event, m.GPS.OK))}
	switch {
	case m.JC400: // the camera's codes are its own
		a.Code = fmt.Sprintf("camera 0x%02X", m.Event)
	case m.Event == 0x01 && m.GPS.OK:
		a.What = em.AlarmSOS
	case m.Event == 0x80:
		a.What = em.AlarmVibration
	case m.Event == 0x87:
		a.What = em.AlarmOverspeed
	}
	return a
}
