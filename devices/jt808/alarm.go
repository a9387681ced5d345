package jt808

import (
	"fmt"

	"github.com/sargas-em/em"
)

// profile says what the alarm bits of a model mean where they differ from the
// standard's.
type profile []alarmBit

type alarmBit struct {
	bit  uint8
	body em.Body // without Code
	name string
}

// standard is the table for all models without a profile of their own. 16 and 17
// are vendors' use of bits that the standard reserves.
var standard = profile{
	{0, &em.Alarm{What: em.AlarmSOS}, "SOS"},
	{1, &em.Alarm{What: em.AlarmOverspeed}, "overspeed"},
	{2, &em.Alarm{What: em.AlarmOther}, "fatigue"},
	{3, &em.Alarm{What: em.AlarmOther}, "danger"},
	{4, &em.Alarm{What: em.AlarmOther}, "GNSS fault"},
	{5, &em.Tamper{What: em.TamperOther}, "GNSS antenna cut"},
	{6, &em.Tamper{What: em.TamperOther}, "GNSS antenna shorted"},
	{7, &em.Power{Event: em.PowerLow}, "low battery"},
	{8, &em.Power{Event: em.PowerCut}, "power off"},
	{9, &em.Alarm{What: em.AlarmOther}, "display fault"},
	{10, &em.Alarm{What: em.AlarmOther}, "speech fault"},
	{11, &em.Alarm{What: em.AlarmOther}, "camera fault"},
	{15, &em.Alarm{What: em.AlarmVibration}, "vibration"},
	{16, &em.Tamper{What: em.TamperOther}, "tamper"},
	{17, &em.Tamper{What: em.TamperOther}, "tamper"},
	{18, &em.Power{Event: em.PowerLow}, "low battery"},
	{20, &em.Alarm{What: em.AlarmOther}, "fence"}, // in or out where item 12 says so
	{26, &em.Alarm{What: em.AlarmOther}, "stolen"},
	{28, &em.Alarm{What: em.AlarmMoved}, "illegal move"},
	{29, &em.Alarm{What: em.AlarmOther}, "collision"},
	{30, &em.Alarm{What: em.AlarmOther}, "rollover"},
}

// padlock is the table of electronic padlocks.
var padlock = profile{
	{0, &em.Tamper{What: em.TamperRemoval}, "removal"},
	{1, &em.Tamper{What: em.TamperOther}, "tamper"},
	{4, &em.Tamper{What: em.TamperRemoval}, "removal"},
}

// profileOf returns the table of a model.
func profileOf(model string) profile {
	switch model {
	case "G-360P", "G-508P":
		return padlock
	}
	return standard
}

const bitFence = 20

// bodies returns what the alarm bits mean. Bits that the table lacks are of kind
// other: unknown is not absent. fence, if given, says which way a fence was crossed.
func (p profile) bodies(bits uint32, fence em.AlarmKind) (list []em.Body) {
	for bit := range uint8(32) {
		if bits>>bit&1 != 0 {
			list = append(list, p.body(bit, fence))
		}
	}
	return list
}

func (p profile) body(bit uint8, fence em.AlarmKind) em.Body {
	code := fmt.Sprintf("alarm bit %d", bit)
	for _, r := range p {
		if r.bit != bit {
			continue
		}
		switch b := r.body.(type) {
		case *em.Tamper:
			return &em.Tamper{What: b.What, Code: code}
		case *em.Power:
			return &em.Power{Event: b.Event}
		case *em.Alarm:
			if bit == bitFence && fence != "" {
				return &em.Alarm{What: fence, Code: code}
			}
			return &em.Alarm{What: b.What, Code: code}
		}
	}
	return &em.Alarm{What: em.AlarmOther, Code: code}
}
