package eview

import (
	"fmt"
	"math/bits"
	"sync"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/protocol/layout"
)

// Layout describes the frames; see package layout.
func (Codec) Layout() *layout.Layout { return frames() }

// frames says of frames what Decode reads in them, and of the records of data what
// the session does; a test holds them together.
var frames = sync.OnceValue(func() *layout.Layout {
	commands := map[int64]string{}
	var keys []layout.Node
	for command, name := range commandNames {
		if name == "" {
			continue
		}
		commands[int64(command)] = name
		names := map[int64]string{}
		for key := range int64(0x100) {
			if name := keyName(uint8(command), uint8(key)); name != "" {
				names[key] = name
			}
		}
		keys = append(keys, layout.If(fmt.Sprintf("command == %d", command), layout.Uint("key", 1).Hex().Names(names)))
	}
	return layout.Must(layout.Description{
		Name:   Name,
		Title:  "Eview",
		Start:  fmt.Sprintf("byte(0) == 0xAB && le16(2) > 0 && le16(2) <= %d", maxBody),
		Frames: []layout.Frame{{If: fmt.Sprintf("byte(0) == 0xAB && le16(2) > 0 && le16(2) <= %d", maxBody), Size: "le16(2) + 8"}},
		Fields: []layout.Node{
			layout.Lit("mark", "\xAB"),
			layout.Uint("properties", 1).Hex(),
			layout.Uint("length", 2).LE().Expect("size - 8"),
			layout.Check("crc", layout.XModem, "8", "size").LE(),
			layout.Uint("serial", 2).LE(),
			layout.If("properties & 0xE0 != 0", layout.Bytes("encrypted body", "left"), layout.Fail()),
			layout.Uint("command", 1).Hex().Names(commands).Title(),
			layout.If("!in(command, 1, 2, 3, 4, 0x7E, 0x7F)", layout.Rest("body")),
			layout.While("left > 0",
				layout.Uint("record length", 1).Let("length"),
				layout.If("length == 0", layout.Fail()),
				layout.Let("key", "byte(pos)"),
				layout.Seq(keys...),
				layout.Sub("length - 1",
					layout.If("command == 1", data()),
					layout.Rest("value"))),
		},
	})
})

// data is the value of a record of data.
func data() layout.Node {
	place := layout.Seq(
		layout.Uint("latitude", 4).LE().Signed().Scale(1e7, 7).Unit("°"),
		layout.Uint("longitude", 4).LE().Signed().Scale(1e7, 7).Unit("°"))
	hdop := layout.Uint("hdop", 2).LE().Scale(10, 1)
	altitude := layout.Uint("altitude", 2).LE().Signed().Unit(" m")
	rssi := layout.Uint("rssi", 1).Signed().Unit(" dBm")
	at := layout.Unix("time").LE()
	text := layout.Text("text", "left").Trim(0)
	cells := func(network, cell layout.Node) layout.Node {
		return layout.Seq(layout.Uint("mcc", 2).LE(), network, layout.While("left > 0", rssi, layout.Uint("lac", 2).LE(), cell))
	}
	mnc, wideMNC := layout.Uint("mnc", 1), layout.Uint("mnc", 2).LE()
	cid, wideCID := layout.Uint("cid", 2).LE(), layout.Uint("cid", 4).LE()
	yes := func(bit int, name string) layout.Part {
		return layout.Part{From: uint8(bit), Names: map[int64]string{0: "", 1: name}}
	}
	names := map[int]string{barkBit: "bark"}
	for _, a := range alarmBits {
		names[int(a.bit)] = alarmCode(a.bit)
		switch b := a.body.(type) {
		case *em.Power:
			names[int(a.bit)] = string(b.Event)
		case *em.Alarm:
			names[int(a.bit)] = string(b.What)
		}
	}
	var alarms []layout.Part
	for bit := range 32 {
		if names[bit] == "" {
			names[bit] = alarmCode(uint8(bit))
		}
		alarms = append(alarms, yes(bit, names[bit]))
	}
	return layout.Switch(
		layout.Case("key == 0x01", layout.Text("imei", "left")),
		layout.Case("key == 0x02", layout.Bits("alarm", 4, alarms...).LE(), layout.If("left >= 4", at)),
		layout.Case("key == 0x14", layout.Uint("level", 1).Unit(" %"), layout.Uint("voltage", 2).LE().Scale(1000, 3).Unit(" V")),
		layout.Case("key == 0x19", layout.While("left > 0", rssi, layout.Bytes("mac", "6"), layout.Uint("name length", 1).Let("n"), layout.Text("name", "n").Trim(0))),
		layout.Case("key == 0x20", place, layout.Uint("speed", 2).LE().Unit(" km/h"), layout.Uint("course", 2).LE().Unit("°"), altitude, hdop,
			layout.Uint("mileage", 4).LE().Unit(" m"), layout.Uint("satellites", 1)),
		layout.Case("key == 0x21", cells(mnc, cid)),
		layout.Case("key == 0x29", cells(mnc, wideCID)),
		layout.Case("key == 0x2B", cells(wideMNC, wideCID)),
		layout.Case("key == 0x22", layout.While("left > 0", rssi, layout.Bytes("mac", "6"))),
		layout.Case("in(key, 0x23, 0x26)", layout.Bytes("tag", "6"), layout.If("left >= 8", place, layout.If("key == 0x26", hdop, altitude)), text),
		layout.Case("key == 0x24", at, layout.Bits("flags", 4,
			yes(bits.TrailingZeros(statusCharging), "charging"), yes(bits.TrailingZeros(statusStored), "stored"), yes(bits.TrailingZeros(statusMotion), "motion"),
			layout.Part{From: 19, Count: 5, Label: "csq"}, layout.Part{From: 24, Count: 8, Label: "level", Unit: " %"}).LE()),
		layout.Case("key == 0x27", place, hdop, altitude, text),
		layout.Case("key == 0x28", tagHead(rssi), layout.If("flags & 0x80 != 0", place), layout.If("flags & 0x40 != 0", text)),
		layout.Case("key == 0x2C", tagHead(rssi), layout.Uint("battery", 1).Unit(" %"), layout.If("flags & 0x80 != 0", place),
			layout.If("flags & 0x40 != 0", layout.Uint("text length", 1).Let("n"), layout.Text("text", "n").Trim(0)),
			layout.If("left >= 2", layout.Uint("temperature", 2).LE().Signed().Scale(10, 1).Unit(" °C"))),
		layout.Case("key == 0x2A", layout.Uint("flags", 1).Hex(), layout.Bytes("mac", "6"), rssi, layout.If("flags & 0x80 != 0", place), layout.If("flags & 0x40 != 0", text)),
		layout.Case("in(key, 0x30, 0x37)", at, layout.Uint("count", 4).LE()),
		layout.Case("key == 0x31 && left % 8 == 0", layout.While("left > 0", at, layout.Uint("count", 4).LE())),
		layout.Case("in(key, 0x40, 0x41)", at, layout.Switch(
			layout.Case("left == 1", layout.Uint("count", 1)), layout.Case("left == 2", layout.Uint("count", 2).LE()), layout.Case("left == 4", layout.Uint("count", 4).LE()))),
	)
}

func tagHead(rssi layout.Node) layout.Node {
	return layout.Seq(layout.Uint("flags", 1).Hex(), layout.Bytes("tag", "6"), rssi, layout.Uint("rssi at 1 m", 1).Signed().Unit(" dBm"))
}
