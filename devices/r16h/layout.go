package r16h

import (
	"sync"

	"github.com/sargas-em/em/protocol/layout"
)

// Layout describes the frames; see package layout.
func (Codec) Layout() *layout.Layout { return frames() }

// frames says of messages what Decode reads in them; a test holds the two together.
var frames = sync.OnceValue(func() *layout.Layout {
	begin := layout.Seq(
		field("imei"),
		field("real time or stored").Meanings(map[string]string{"R": "real time", "S": "stored"}),
		field("date").Date("CCYYMMDD"),
		field("time").Date("hhmmss"),
	)
	end := layout.Seq(
		field("battery"),
		field("strap").Meanings(map[string]string{"L": "locked", "R": "released"}),
		field("alarm").Meanings(map[string]string{"SOS": "SOS", "LBT": "low battery", "ULK": "unlocked"}),
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
				field("name").Title(),
				layout.Switch(
					layout.Case("name == 'LINK'", field("imei")),
					layout.Case("name == 'GPSD'",
						begin,
						field("latitude"), field("latitude hemisphere"),
						field("longitude"), field("longitude hemisphere"),
						field("speed"), field("course"), field("altitude"),
						end),
					layout.Case("name == 'LBSD'", begin, field("cell"), field("cell"), field("cell"), end),
					layout.Else(layout.Text("data", "left")),
				),
				layout.If("left > 0", layout.Text("further fields", "left")),
			)),
			layout.Lit("end", "$"),
		},
	})
})

func field(name string) layout.Node { return layout.Word(name, ',') }
