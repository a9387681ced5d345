package alcoholuart

import (
	"sync"

	"github.com/sargas-em/em/protocol/layout"
)

// Layout describes the frames; see package layout.
func (Codec) Layout() *layout.Layout { return frames() }

// frames says of frames what Decode reads in them; a test holds the two together.
var frames = sync.OnceValue(func() *layout.Layout {
	reserved := layout.Bytes("reserved", "left")
	return layout.Must(layout.Description{
		Name:   Name,
		Title:  "Alcohol sensor",
		Start:  "byte(0) == 0xFF && in(byte(1), 0x01, 0x17, 0x86)",
		Frames: []layout.Frame{{If: "byte(0) == 0xFF", Size: "9"}},
		Fields: []layout.Node{
			layout.If("size != 9", layout.Fail()),
			layout.Lit("start", "\xFF"),
			layout.Uint("type", 1).Hex().Names(map[int64]string{gasEthanol: "upload, ethanol", cmdRead: "reply", toModule: "to the module"}).Title(),
			layout.Sub("6", layout.Switch(
				layout.Case("type == 0x17",
					layout.Uint("unit", 1).Hex().Names(map[int64]string{int64(PPM): PPM.String(), int64(PPB): PPB.String()}),
					layout.Uint("decimals", 1), layout.Uint("concentration", 2), layout.Uint("full scale", 2)),
				layout.Case("type == 0x86", layout.Uint("mass", 2), layout.Uint("reserved", 2), layout.Uint("concentration", 2)),
				layout.Case("type == 1 && in(byte(2), 0x86, 0x78)",
					layout.Uint("command", 1).Names(map[int64]string{cmdRead: "read", cmdMode: "set mode"}).Title(),
					layout.If("command == 0x78", layout.Uint("mode", 1).Hex().Names(map[int64]string{int64(ModeUpload): "every second", int64(ModeAnswer): "when asked"})),
					reserved),
				layout.Else(layout.Rest("data")),
			)),
			layout.Check("checksum", layout.NegSum8, "1", "pos"),
		},
	})
})
