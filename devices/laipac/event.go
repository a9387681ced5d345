package laipac

import "github.com/sargas-em/em"

// eventBody returns what an event code says, nil for a routine report; volts go
// with a power event. The table is that of the sources, see the package comment.
func eventBody(code string, volts em.Opt[float64]) em.Body {
	switch code {
	case "", "0", "a": // a: periodic, sent without a network
		return nil
	case "3":
		return &em.Alarm{What: em.AlarmSOS, Code: code}
	case "4", "7":
		return &em.Alarm{What: em.AlarmFenceOut, Code: code}
	case "5":
		return &em.Power{Event: em.PowerCut, Volts: volts}
	case "6":
		return &em.Alarm{What: em.AlarmOverspeed, Code: code}
	case "8":
		return &em.Alarm{What: em.AlarmVibration, Code: code}
	case "H":
		return &em.Power{Event: em.PowerOff, Volts: volts}
	case "T":
		return &em.Tamper{What: em.TamperStrap, Code: code}
	case "S":
		return &em.Tamper{What: em.TamperOther, Code: code}
	case "X":
		return &em.Alarm{What: em.AlarmFenceIn, Code: code}
	case "Y":
		return &em.Alarm{What: em.AlarmMoved, Code: code}
	case "Z":
		return &em.Power{Event: em.PowerLow, Volts: volts}
	}
	if v, ok := inputs(code); ok {
		return v
	}
	return &em.Alarm{What: em.AlarmOther, Code: code}
}

// inputs returns the state of the inputs that the codes A to D and O to R tell:
// the letter's distance from A, or from O, has input 1 in bit 0 and input 2 in
// bit 1; O to R mean that input 3 is on.
func inputs(code string) (*em.Vendor, bool) {
	if len(code) != 1 {
		return nil, false
	}
	bits, third := code[0]-'A', "0"
	if code[0] >= 'O' {
		bits, third = code[0]-'O', "1"
	}
	if bits > 3 {
		return nil, false
	}
	bit := func(n byte) string { return string('0' + bits>>n&1) }
	return &em.Vendor{Name: "inputs", Fields: []em.Field{{Name: "input1", Value: bit(0)}, {Name: "input2", Value: bit(1)}, {Name: "input3", Value: third}}}, true
}

// codeOf returns the event code that says b, or "" where none does.
func codeOf(b em.Body) string {
	switch b := b.(type) {
	case *em.Tamper:
		switch {
		case b.Cleared:
		case b.What == em.TamperStrap:
			return "T"
		case b.What == em.TamperOther:
			return "S"
		}
	case *em.Alarm:
		switch b.What {
		case em.AlarmSOS:
			return "3"
		case em.AlarmVibration:
			return "8"
		case em.AlarmOverspeed:
			return "6"
		case em.AlarmFenceIn:
			return "X"
		case em.AlarmFenceOut:
			return "4"
		case em.AlarmMoved:
			return "Y"
		case em.AlarmOther:
			if a, ok := eventBody(b.Code, em.Opt[float64]{}).(*em.Alarm); ok && a.What == em.AlarmOther && len(b.Code) == 1 {
				return b.Code
			}
		}
	case *em.Power:
		switch b.Event {
		case em.PowerNone:
			return "0"
		case em.PowerLow:
			return "Z"
		case em.PowerCut:
			return "5"
		case em.PowerOff:
			return "H"
		}
	}
	return ""
}

// ReleaseCode returns the code of the Release that an event waits for; empty
// where it waits for none.
func ReleaseCode(event string) string {
	switch event {
	case "3":
		return "d"
	case "M":
		return "m"
	case "S", "T":
		return "t"
	case "X", "4":
		return "x"
	case "Y":
		return "y"
	case "Z":
		return "z"
	}
	return ""
}
