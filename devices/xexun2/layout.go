package xexun2

import (
	"sync"

	"github.com/sargas-em/em/protocol/layout"
)

// Layout describes the frames; see package layout.
func (Codec) Layout() *layout.Layout { return frames() }

// frames says of messages what Decode reads in them; a test holds the two together.
var frames = sync.OnceValue(func() *layout.Layout {
	return layout.Must(layout.Description{
		Name:   name,
		Title:  "Xexun",
		Start:  "be16(0) == 0xFAAF",
		Frames: []layout.Frame{{If: "be16(0) == 0xFAAF", Size: `find('\xFA\xAF', 2) + 2`}},
		Fields: []layout.Node{
			layout.If("be16(0) != 0xFAAF", layout.Fail()),
			layout.Lit("start", flag),
			layout.If("size < 4 || be16(size-2) != 0xFAAF", layout.Fail()),
			layout.Sub("left - 2", layout.Unescape(
				[]layout.Escape{{Coded: escFlag, Plain: flag}, {Coded: escEsc, Plain: escape}, {Coded: escape}, {Coded: flag}},
				layout.Uint("type", 2).Hex().Names(map[int64]string{int64(KindCommand): "command", int64(KindReport): "report"}).Title(),
				layout.Uint("serial", 2).Hex(),
				layout.Digits("imei", len(IMEI{})).Drop(1),
				layout.Bits("attributes", 2, layout.Part{Count: 10, Label: "payload"}, layout.Part{From: 10, Count: 6, Label: "flags"}),
				layout.Check("crc", layout.Fold16, "16", "size"),
				layout.Switch(
					layout.Case("type == 7", layout.Text("text", "left")),
					layout.Case("left == 1 && byte(pos) == 1", layout.Uint("received", 1)),
					layout.Case("type == 0x14", records()),
					layout.Else(layout.Rest("payload")),
				),
				layout.Rest("further bytes"),
			)),
			layout.Lit("end", flag),
		},
	})
})

func records() layout.Node {
	return layout.Seq(
		layout.Uint("records", 1),
		layout.Let("lengths", "pos"),
		layout.Repeat("records", layout.Uint("record length", 2)),
		layout.Let("i", "0"),
		layout.Repeat("records", layout.Sub("be16(lengths + 2*i)", record()), layout.Let("i", "i + 1")),
	)
}

func record() layout.Node {
	known := "mask & 4 == 0 && (mask & 2 == 0 || positioning & 16 == 0)" // as Has of a Record says
	has := func(bit, also string, nodes ...layout.Node) layout.Node {
		return layout.If("mask & "+bit+" != 0 && "+also, nodes...)
	}
	return layout.Seq(
		layout.Uint("index", 1),
		layout.Unix("time"),
		layout.Uint("csq", 1),
		layout.Uint("battery", 2),
		layout.Uint("mask", 1).Binary(),
		has("1", "1", layout.Uint("alarm", 4).Binary()),
		has("2", "1", positioning()),
		has("8", known, layout.Bytes("fingerprint", "4")),
		has("16", known, layout.Bytes("version", "20"), layout.Bytes("imsi", "8"), layout.Bytes("iccid", "10")),
		has("32", known, layout.Bytes("parameters", "12")),
		layout.Rest("tail"),
	)
}

func positioning() layout.Node {
	has := func(bit string, nodes ...layout.Node) layout.Node {
		return layout.If("positioning & "+bit+" != 0", nodes...)
	}
	known := func(bit string, nodes ...layout.Node) layout.Node {
		return layout.If("positioning & 16 == 0 && positioning & "+bit+" != 0", nodes...)
	}
	gnss := func(width, decimals int) layout.Node {
		return layout.Seq(layout.Float("longitude", width, decimals).DegMin(), layout.Float("latitude", width, decimals).DegMin())
	}
	satellites := layout.Uint("satellites", 1)
	level := layout.Uint("level", 1).Signed().Unit(" dBm")
	motion := layout.Seq(layout.Uint("speed", 2).Scale(10, 1).Unit(" km/h"), layout.Uint("course", 2).Scale(10, 1).Unit("°"))
	return layout.Seq(
		layout.Uint("positioning", 1).Binary(),
		has("1", satellites, gnss(4, 4)),
		has("2", layout.Uint("access points", 1).Let("n"), layout.Repeat("n", layout.Bytes("mac", "6"), level)),
		has("4", layout.Uint("cells", 1),
			layout.Repeat("cells", layout.Uint("mcc", 2), layout.Uint("mnc", 2), layout.Uint("lac", 4), layout.Uint("cid", 4), level)),
		has("8", layout.Uint("ranges", 1), layout.Repeat("ranges", layout.Bytes("time of flight", "12"))),
		known("32", motion),
		known("64", satellites, gnss(8, 8)),
		known("128", layout.Uint("modules", 2), layout.Sub("modules", layout.While("left > 0",
			layout.Text("module", "1"),
			layout.Uint("module length", 2).Let("n"),
			layout.Sub("n",
				layout.If("module == 'G' && left == 27", gnss(8, 8), layout.Uint("valid", 1), satellites, layout.Uint("snr", 1), motion, layout.Float("altitude", 4, 1)),
				layout.Rest("module data"))))),
	)
}
