package siadc09

import "github.com/sargas-em/em"

// Meaning returns what a SIA code says, nil where no rule reads it: TA, TT, XS
// (tamper), ES (enclosure), XQ (jamming) with their restorals TR, EJ and XH; PA
// (panic); AT and AR (mains); YT and XT (battery of the unit, of a transmitter)
// with their restorals YR and XR; UY and UJ (a transmitter, named by the address,
// missing and back); RP (test).
func Meaning(code, address string) em.Body {
	switch code {
	case "TA", "TT", "XS":
		return &em.Tamper{What: em.TamperOther, Code: code}
	case "TR":
		return &em.Tamper{What: em.TamperOther, Cleared: true, Code: code}
	case "ES":
		return &em.Tamper{What: em.TamperCase, Code: code}
	case "EJ":
		return &em.Tamper{What: em.TamperCase, Cleared: true, Code: code}
	case "XQ":
		return &em.Tamper{What: em.TamperJamming, Code: code}
	case "XH":
		return &em.Tamper{What: em.TamperJamming, Cleared: true, Code: code}
	case "PA":
		return &em.Alarm{What: em.AlarmSOS, Code: code}
	case "AT":
		return &em.Power{Event: em.PowerCut, External: em.Some(false)}
	case "AR":
		return &em.Power{Event: em.PowerRestored, External: em.Some(true)}
	case "YT", "XT":
		return &em.Power{Event: em.PowerLow}
	case "YR", "XR":
		return &em.Power{Event: em.PowerGood}
	case "UY", "UJ":
		if address != "" {
			return &em.Beacon{Beacon: address, Radio: "rf", Lost: code == "UY"}
		}
	case "RP":
		return &em.Comms{Event: em.CommsHeartbeat}
	}
	return nil
}

// restoral returns the code that ends what code began; empty where there is none.
func restoral(code string) string {
	switch code {
	case "TA", "TT":
		return "TR"
	case "ES":
		return "EJ"
	case "XQ":
		return "XH"
	case "AT":
		return "AR"
	case "YT":
		return "YR"
	case "XT":
		return "XR"
	case "UY":
		return "UJ"
	case "YC":
		return "YK"
	}
	return ""
}

// begins reports whether code begins something that rules read, or may begin it.
func begins(code string) bool { return restoral(code) != "" || code == "PA" || code == "RP" }

// sia returns the SIA code that means the same as the event; empty where none is
// known to.
func (r *rules) sia(e Event) string {
	if e.Qualifier == 0 {
		return e.Code
	}
	code := r.contactID[e.Code]
	if code == "" {
		switch e.Code {
		case "137", "144":
			code = "TA"
		case "301":
			code = "AT"
		case "302":
			code = "YT"
		case "344", "350", "354", "381":
			code = "YC"
		case "602":
			return "RP"
		}
	}
	if e.Qualifier == '3' {
		return restoral(code)
	}
	return code
}

// body returns what an event says to rules, with the event's own code; nil for
// nothing.
func (r *rules) body(e Event) em.Body {
	b := Meaning(r.sia(e), e.Address)
	switch b := b.(type) {
	case *em.Tamper:
		b.Code = e.Code
	case *em.Alarm:
		b.Code = e.Code
	}
	return b
}

// codeOf returns the code and the address that say b as it is; empty where none
// does.
func codeOf(b em.Body) (code, address string) {
	switch b := b.(type) {
	case *em.Tamper:
		switch b.What {
		case em.TamperOther:
			code = "TA"
		case em.TamperCase:
			code = "ES"
		case em.TamperJamming:
			code = "XQ"
		}
		if b.Cleared {
			code = restoral(code)
		}
		if b.Code != "" && b.Code != code {
			return "", ""
		}
	case *em.Alarm:
		if b.What == em.AlarmSOS && (b.Code == "" || b.Code == "PA") {
			code = "PA"
		}
	case *em.Power:
		if b.Level.OK || b.Volts.OK || b.Charging.OK {
			return "", ""
		}
		switch b.Event {
		case em.PowerLow:
			code = "YT"
		case em.PowerGood:
			code = "YR"
		case em.PowerCut:
			code = "AT"
		case em.PowerRestored:
			code = "AR"
		}
		if meant, ok := Meaning(code, "").(*em.Power); ok && b.External.OK && b.External != meant.External {
			return "", ""
		}
	case *em.Beacon:
		if b.Radio != "rf" || b.RSSI.OK || b.Beacon == "" || len(b.Beacon) > 8 {
			return "", ""
		}
		for i := range len(b.Beacon) {
			if !isDigit(b.Beacon[i]) {
				return "", ""
			}
		}
		code, address = "UJ", b.Beacon
		if b.Lost {
			code = "UY"
		}
	case *em.Comms:
		if b.Event == em.CommsHeartbeat && b.Text == "" && !b.Signal.OK && b.Cells == nil && b.WiFi == nil {
			code = "RP"
		}
	}
	return code, address
}
