package r16h

import (
	"sync"

	"github.com/sargas-em/em/protocol/layout"
	"github.com/sargas-em/em/protocol/nmea"
)

// Layout describes the frames; see package layout.
func (Codec) Layout() *layout.Layout { return frames() }

// frames says of messages what Decode reads in them; a test holds the two together.
var frames = sync.OnceValue(func() *layout.Layout {
	begin := layout.Seq(
		nmea.Field("imei"),
		nmea.Field("real time or stored").Meanings(map[string]string{"R": "real time", "S": "stored"}),
		nmea.Field("date").Date("CCYYMMDD"),
		nmea.Field("time").Date("hhmmss"),
	)
	end := layout.Seq(
		nmea.Field("battery"),
		nmea.Field("strap").Meanings(map[string]string{"L": "locked", "R": "released"}),
		nmea.Field("alarm").Meanings(map[string]string{"SOS": "SOS", "LBT": "low battery", "ULK": "unlocked"}),
	)
	return layout.Must(layout.Description{
		Name:    name,
		Title:   "R16H",
		Start:   "starts('@LINK,') || starts('@GPSD,') || starts('@LBSD,')",
		Frames:  []layout.Frame{{If: "starts('@') && find('@', 1, find('$')) < 0", Size: "find('$') + 1"}},
		Between: "\r\n",
		Fields: []layout.Node{
			layout.Lit("start", "@"),
			layout.If("byte(size - 1) != 0x24", layout.Text("message", "left")), // no "$"
			layout.If("left > 0", layout.Sub("left - 1",
				nmea.Field("name").Title(),
				layout.Switch(
					layout.Case("name == 'LINK'", nmea.Field("imei")),
					layout.Case("name == 'GPSD'",
						begin,
						nmea.Field("latitude"), nmea.Field("latitude hemisphere"),
						nmea.Field("longitude"), nmea.Field("longitude hemisphere"),
						nmea.Field("speed"), nmea.Field("course"), nmea.Field("altitude"),
						end),
					layout.Case("name == 'LBSD'", begin, nmea.Field("cell"), nmea.Field("cell"), nmea.Field("cell"), end),
					layout.Else(layout.Text("data", "left")),
				),
				layout.If("left > 0", layout.Text("further fields", "left")),
			)),
			layout.Lit("end", "$"),
		},
	})
})
