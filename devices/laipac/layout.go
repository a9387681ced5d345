package laipac

import (
	"sync"

	"github.com/sargas-em/em/protocol/layout"
	"github.com/sargas-em/em/protocol/nmea"
)

// Layout describes the frames; see package layout.
func (Codec) Layout() *layout.Layout { return frames() }

// frames says of sentences what Decode reads in them; a test holds the two together.
var frames = sync.OnceValue(func() *layout.Layout {
	fields := func(names ...string) layout.Node { return layout.Words(',', names...) }
	sentence := func(name string, nodes ...layout.Node) layout.Node {
		return layout.Case("sentence == '"+name+"'", nodes...)
	}
	return layout.Must(layout.Description{
		Name:    name,
		Title:   "Laipac",
		Start:   "starts('$AV') || starts('$EAV') || starts('$ECHK,')",
		Frames:  []layout.Frame{{If: "starts('$') && find('$', 1, find('*')) < 0", Size: "find('*') + 3"}},
		Between: "\r\n",
		Fields: []layout.Node{
			layout.Lit("start", "$"),
			layout.Let("end", "find('*')"),
			layout.If("end < 0", layout.Fail()),
			layout.Sub("end - pos",
				nmea.Field("sentence").Title(),
				layout.Switch(
					sentence("AVRMC", report()),
					sentence("AVSYS", fields("unit", "firmware", "serial", "memory")),
					sentence("EAVSYS", fields("unit", "iccid", "phone", "owner", "firmware")),
					sentence("ECHK", fields("unit")),
					sentence("EAVACK", fields("event", "check")),
					sentence("AVCFG", fields("password", "code")),
					sentence("AVREQ", fields("password", "mode")),
					sentence("AVRESET", fields("unit", "password")),
					layout.Else(layout.Text("data", "left")),
				),
				layout.While("left > 0", nmea.Field("extra")),
			),
			layout.Lit("star", "*"),
			layout.Check("checksum", layout.Xor8, "1", "end").InHex(),
		},
	})
})

// report is what stands behind AVRMC.
func report() layout.Node {
	return layout.Seq(
		nmea.Field("unit"),
		nmea.Field("time").Date("hhmmss"),
		nmea.Field("status").Meanings(map[string]string{
			"A": "fix", "R": "last fix, sent again", "P": "parked", "V": "no fix",
			"a": "fix, waits for an ack", "r": "last fix, sent again, waits for an ack", "p": "parked, waits for an ack", "v": "no fix, waits for an ack",
		}),
		layout.DegMin("latitude", ','),
		layout.DegMin("longitude", ','),
		nmea.Field("speed"), nmea.Field("course"),
		nmea.Field("date").Date("DDMMYY"),
		nmea.Field("event").Meanings(map[string]string{
			"3": "SOS", "4": "fence out", "5": "power cut", "6": "overspeed", "7": "fence out", "8": "vibration", "H": "power off",
			"S": "tamper", "T": "tamper", "X": "fence in", "Y": "towing", "Z": "low battery",
		}),
		nmea.Field("battery"), nmea.Field("mileage"), nmea.Field("gps on"), nmea.Field("analog 1"), nmea.Field("analog 2"),
		nmea.Field("cell"), nmea.Field("network"),
	)
}
