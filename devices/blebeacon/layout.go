package blebeacon

import (
	"sync"

	"github.com/sargas-em/em/protocol/layout"
)

// described says of payloads what Parse reads in them; a test holds the two together.
var described = sync.OnceValue(func() *layout.Layout {
	uuid := layout.Bytes("UUID", "16")
	numbers := layout.Seq(layout.Uint("major", 2), layout.Uint("minor", 2))
	tx := func(name string) layout.Node { return layout.Uint(name, 1).Signed().Unit(" dBm") }
	near, antenna := tx("power at 1 m"), tx("power at the antenna")
	company := layout.Uint("company", 2).LE().Hex().Names(map[int64]string{0x004C: "Apple"})
	format := layout.Uint("format", 2).Hex().Names(map[int64]string{0x0215: "iBeacon", 0xBEAC: "AltBeacon"})
	frame := func(kind string, nodes ...layout.Node) layout.Node {
		return layout.Case("frame == "+kind, nodes...)
	}
	return layout.Must(layout.Description{
		Name:   "blebeacon",
		Title:  "BLE beacon",
		Start:  "0",
		Within: "btcommon.eir_ad.advertising_data",
		Fields: []layout.Node{layout.While("left > 0",
			layout.Uint("length", 1),
			layout.If("length == 0", layout.Rest("behind the end")),
			layout.Sub("length",
				layout.Uint("type", 1).Hex().Names(map[int64]string{typeNameShort: "short name", typeName: "name", typeServiceData: "service data", typeMaker: "maker's data"}),
				layout.Switch(
					layout.Case("type == 0x08 || type == 0x09", layout.Text("name", "left")),
					layout.Case(`type == 0xFF && starts('\x4c\x00\x02\x15')`, company, format, uuid, numbers, near),
					layout.Case("type == 0xFF && left >= 4 && be16(pos + 2) == 0xBEAC", company, format, uuid, numbers, near,
						layout.If("left > 0", layout.Uint("maker's own", 1))),
					layout.Case(`type == 0x16 && starts('\xaa\xfe') && left >= 3 && in(byte(pos + 2), 0, 0x10, 0x20, 0x30)
						&& !(byte(pos + 2) == 0x20 && left > 3 && byte(pos + 3) != 0)`,
						layout.Uint("service", 2).LE().Hex().Names(map[int64]string{0xFEAA: "Eddystone"}),
						layout.Uint("frame", 1).Hex().Names(map[int64]string{0: "UID", 0x10: "URL", 0x20: "TLM", 0x30: "EID"}),
						layout.Switch(
							frame("0x00", antenna, layout.Bytes("namespace", "10"), layout.Bytes("instance", "6"), layout.If("left == 2", layout.Bytes("reserved", "2"))),
							frame("0x10", antenna, layout.Uint("scheme", 1).Hex().Names(schemeNames()), layout.Text("address", "left")),
							frame("0x20", layout.Uint("version", 1), layout.Uint("battery", 2).Unit(" mV"), layout.Uint("temperature", 2).Signed().Scale(256, 2).Unit(" °C"),
								layout.Uint("count", 4), layout.Uint("uptime", 4).Scale(10, 1).Unit(" s")),
							frame("0x30", antenna, layout.Bytes("ephemeral identity", "8")))),
					layout.Else(layout.Rest("data")),
				),
				layout.Rest("end of the structure"),
			),
		)},
	})
})

// Layout describes payloads: what Dissect tells of them, and the script that makes
// Wireshark tell it of those in captures of Bluetooth.
func Layout() *layout.Layout { return described() }

func schemeNames() map[int64]string {
	names := map[int64]string{}
	for i, s := range schemes {
		names[int64(i)] = s
	}
	return names
}
