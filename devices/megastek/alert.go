package megastek

import (
	"strings"

	"github.com/sargas-em/em"
)

// alerts are the known texts, in lower case and without spaces, with what they
// say; nil for a routine report. A Power gets the state of the battery added.
var alerts = map[string]func(text string) em.Body{
	"":                 routine,
	"timer":            routine,
	"store":            routine,
	"dist":             routine,
	"nil-alarms":       routine,
	"beltoff":          func(text string) em.Body { return &em.Tamper{What: em.TamperStrap, Code: text} },
	"belton":           func(text string) em.Body { return &em.Tamper{What: em.TamperStrap, Cleared: true, Code: text} },
	"gpscut":           func(text string) em.Body { return &em.Tamper{What: em.TamperOther, Code: text} },
	"sos":              alarm(em.AlarmSOS),
	"help":             alarm(em.AlarmSOS),
	"overspeed":        alarm(em.AlarmOverspeed),
	"vib":              alarm(em.AlarmVibration),
	"hit":              alarm(em.AlarmVibration),
	"movein":           alarm(em.AlarmFenceIn),
	"moveout":          alarm(em.AlarmFenceOut),
	"pwon":             power(em.PowerOn),
	"poweron":          power(em.PowerOn),
	"restart":          power(em.PowerOn),
	"poweroff":         power(em.PowerOff),
	"lowbattery":       power(em.PowerLow),
	"psd":              power(em.PowerCut),
	"psr":              power(em.PowerRestored),
	"lowextvol":        lowExternal,
	"lowexternvoltage": lowExternal,
}

func routine(string) em.Body { return nil }

func alarm(what em.AlarmKind) func(string) em.Body {
	return func(text string) em.Body { return &em.Alarm{What: what, Code: text} }
}

func power(event em.PowerEvent) func(string) em.Body {
	return func(string) em.Body { return &em.Power{Event: event} }
}

// lowExternal: a supply is there, but weak.
func lowExternal(string) em.Body {
	return &em.Power{Event: em.PowerLow, External: em.Some(true)}
}

// alertBody returns what an alert text says, nil for a routine report. Case and
// spaces do not matter; a fence of the device has its number or name between
// "geo" and "in" or "out".
func alertBody(text string) em.Body {
	key := strings.ReplaceAll(strings.ToLower(text), " ", "")
	if f, ok := alerts[key]; ok {
		return f(text)
	}
	if strings.HasPrefix(key, "geo") {
		switch {
		case strings.HasSuffix(key, "in"):
			return &em.Alarm{What: em.AlarmFenceIn, Code: text}
		case strings.HasSuffix(key, "out"):
			return &em.Alarm{What: em.AlarmFenceOut, Code: text}
		}
	}
	return &em.Alarm{What: em.AlarmOther, Code: text}
}

// alertOf returns the text that says b, as the devices write it; ok is false
// where none does. A Power without an event is a routine report.
func alertOf(b em.Body) (text string, ok bool) {
	switch b := b.(type) {
	case *em.Tamper:
		switch {
		case b.What == em.TamperStrap && b.Cleared:
			return "Belt On", true
		case b.What == em.TamperStrap:
			return "Belt Off", true
		case b.What == em.TamperOther && !b.Cleared:
			return "GPS cut", true
		}
	case *em.Alarm:
		if b.What == em.AlarmOther {
			a, ok := alertBody(b.Code).(*em.Alarm)
			return b.Code, ok && a.What == em.AlarmOther && clean(b.Code, fieldSigns) == nil && len(b.Code) <= 32
		}
		text, ok = map[em.AlarmKind]string{
			em.AlarmSOS: "SOS", em.AlarmOverspeed: "OverSpeed", em.AlarmVibration: "VIB",
			em.AlarmFenceIn: "Geo In", em.AlarmFenceOut: "Geo Out",
		}[b.What]
	case *em.Power:
		text, ok = map[em.PowerEvent]string{
			em.PowerNone: "Timer", em.PowerOn: "PW ON", em.PowerOff: "PowerOff", em.PowerLow: "Low Battery",
			em.PowerCut: "PSD", em.PowerRestored: "PSR",
		}[b.Event]
	}
	return text, ok
}
