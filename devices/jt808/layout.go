package jt808

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/sargas-em/em/protocol/layout"
)

// Layout describes the frames; see package layout.
func (Codec) Layout() *layout.Layout { return frames() }

// among is an expression for whether v is one of values.
func among(v string, values []string) string {
	var parts []string
	for some := range slices.Chunk(values, 60) { // "in" takes no more than some hundred
		parts = append(parts, "in("+v+", "+strings.Join(some, ", ")+")")
	}
	return "(" + strings.Join(parts, " || ") + ")"
}

// frames says of frames what Decode reads in them; a test holds the two together.
var frames = sync.OnceValue(func() *layout.Layout {
	names := map[int64]string{}
	var codes []string
	var kept []string // as they are
	for _, t := range typeNames {
		names[int64(t.code)] = t.name
		codes = append(codes, fmt.Sprint(t.code))
		if unread(t.code) || t.code == typeVendorData {
			kept = append(kept, fmt.Sprint(t.code))
		}
	}
	escapes := func(alt bool) []layout.Escape {
		if alt {
			return []layout.Escape{{Coded: "\xE6\x01", Plain: "\xE6"}, {Coded: "\xE6\x02", Plain: "\xE7"}, {Coded: "\xE6"},
				{Coded: "\x3E\x01", Plain: "\x3E"}, {Coded: "\x3E\x02", Plain: "\x3D"}, {Coded: "\x3E"}, {Coded: "\x3D"}, {Coded: "\xE7"}}
		}
		return []layout.Escape{{Coded: "\x7D\x01", Plain: "\x7D"}, {Coded: "\x7D\x02", Plain: "\x7E"}, {Coded: "\x7D"}, {Coded: "\x7E"}}
	}
	content := layout.Seq(
		layout.Uint("type", 2).Hex().Names(names).Title(),
		layout.Let("compact", "in(type, 0x5501, 0x5502, 0x4401)"),
		layout.Uint("attributes", 2).Hex().Expect(`attributes & 0xFC00 + left - 3
			- if(attributes & 0x4000 != 0, 11, if(alt, 7, 6)) - if(compact, 1, 2) - if(attributes & 0x2000 != 0, 4, 0)`),
		layout.Let("wide", "attributes & 0x4000 != 0"),
		layout.Switch(
			layout.Case("wide", layout.Uint("version", 1), layout.Digits("terminal", 10)),
			layout.Case("alt", layout.Digits("terminal", 7)),
			layout.Else(layout.Digits("terminal", 6)),
		),
		layout.Switch(layout.Case("compact", layout.Uint("serial", 1)), layout.Else(layout.Uint("serial", 2))),
		layout.If("attributes & 0x2000 != 0", layout.Uint("parts", 2), layout.Uint("part", 2)),
		layout.Sub("left - 1", layout.Switch(
			layout.Case("attributes & 0x2000 != 0", layout.Rest("part of the body")),
			layout.Case("!"+among("type", codes), layout.Rest("body")),
			layout.Case("attributes & 0x1C00 != 0 && !compact || "+among("type", kept), layout.Rest("data")),
			layout.Else(bodies(), layout.Rest("tail")),
		)),
		layout.Check("checksum", layout.Xor8, "0", "pos"),
	)
	framed := func(alt bool, sign string) layout.Node {
		return layout.Seq(
			layout.Lit("flag", sign),
			layout.Sub("left - 1", layout.Unescape(escapes(alt), content)),
			layout.Lit("flag", sign),
		)
	}
	lineEnd := `until(')` // of a line in parentheses: or what stands in none
	for c := range 256 {
		if c < ' ' || c >= flag {
			lineEnd += fmt.Sprintf(`\x%02x`, c)
		}
	}
	lineEnd += "')"
	return layout.Must(layout.Description{
		Name:   Name,
		Title:  "JT/T 808",
		Start:  "byte(0) == 0x7E || byte(0) == 0xE7",
		Shared: sharedFlags,
		Frames: []layout.Frame{
			{If: "byte(0) == 0x7E", Size: `if(find('\x7E', 1) == 1, 0, find('\x7E', 1) + 1)`},
			{If: "byte(0) == 0xE7 && " + among("be16(1)", codes), Size: `find('\xE7', 1) + 1`},
			{If: fmt.Sprintf("byte(0) == 0x28 && %s < %d && byte(%[1]s) == 0x29 && find('(', 1, %[1]s) < 0", lineEnd, maxLine), Size: lineEnd + " + 1"},
		},
		Fields: []layout.Node{
			layout.Let("alt", "byte(0) == 0xE7"),
			layout.Switch(
				layout.Case("starts('(') && byte(size-1) == 0x29", layout.Lit("start", "("), layout.Text("line", "left - 1"), layout.Lit("end", ")")),
				layout.Case("size < 2 || byte(0) != byte(size-1)", layout.Fail()),
				layout.Case("alt", framed(true, "\xE7")),
				layout.Case("byte(0) == 0x7E", framed(false, "\x7E")),
			),
		},
	})
})

func gbk(name, size string) layout.Node {
	return layout.Text(name, size).Trim(0).Charset("ENC_GB18030", fromGBK)
}

// counted is text with a byte of its length in front.
func counted(name string) layout.Node {
	return layout.Seq(layout.Uint(name+" length", 1).Let("n"), gbk(name, "n"))
}

// vendorText is text in one of three forms.
func vendorText(size string) layout.Node {
	return layout.Sub(size, layout.Switch(
		layout.Case("left >= 2 && left % 2 == 0 && byte(pos) == 0", layout.UTF16("text", "left")),
		layout.Else(gbk("text", "left")),
	))
}

func clock() layout.Node { return layout.Clock("time").BCD() }

// bodies are the bodies of the types that are known.
func bodies() layout.Node {
	type node = layout.Node
	is := func(types string, nodes ...node) node { return layout.Case("in(type, "+types+")", nodes...) }
	u8 := func(name string) node { return layout.Uint(name, 1) }
	u16 := func(name string) node { return layout.Uint(name, 2) }
	answered := layout.Uint("answered type", 2).Hex()
	ids := func(maker, model, terminal string) node {
		return layout.Seq(gbk("maker", maker), gbk("model", model), gbk("terminal id", terminal))
	}
	return layout.Switch(
		is("0x0100", u16("province"), u16("city"), layout.Switch(
			layout.Case("wide && left + 4 >= 76", ids("11", "30", "30")),
			layout.Case("left + 4 >= 37", ids("5", "20", "7")),
			layout.Else(ids("5", "8", "7"))),
			u8("plate colour"), gbk("plate", "left")),
		is("0x0102", layout.Switch(
			layout.Case("wide && left > 0 && 36 + byte(pos) <= left", u8("code length").Let("n"), gbk("code", "n"), gbk("imei", "15"), gbk("software", "20")),
			layout.Else(gbk("code", "left")))),
		is("0x0002", layout.If("left == 3", u8("battery"), u8("signal"), u8("status"))),
		is("0x0003, 0x0109, 0x0004"),
		is("0x0200", layout.Sub("left", report())),
		is("0x0201, 0x0500", u16("answered serial"), layout.Sub("left", report())),
		is("0x0800, 0x0801", layout.Uint("media", 4), u8("kind"), u8("format"), u8("event"), u8("camera"),
			layout.If("type == 0x0801", layout.Uint("alarm", 4).Hex(), place(), layout.Rest("data"))),
		is("0x8800", layout.Uint("media", 4), layout.If("left > 0", u8("parts"), layout.Repeat("parts", u16("part")))),
		is("0x8004", clock()),
		is("0x0704", u16("reports"), u8("kind"), layout.Repeat("reports", counting(2, "be16(pos)"))),
		is("0x0210", layout.Switch(
			layout.Case("left == 7", u8("battery"), clock()),
			layout.Else(layout.While("left > 0", counting(1, "byte(pos)"))))),
		is("0x5501, 0x5502", compactReport()),
		is("0x0107", u16("kind"), layout.Switch(layout.Case("wide", ids("11", "30", "30")), layout.Else(ids("5", "20", "7"))),
			layout.Digits("iccid", 10), counted("hardware"), counted("firmware"), u8("gnss"), u8("radio")),
		is("0x0702", u8("status"), clock(), layout.If("status == 1 && left > 0", u8("result"), layout.If("result == 0",
			counted("name"), gbk("certificate", "20"), counted("issuer"), layout.Digits("expiry", 4)))),
		is("0x0900, 0x8900", u8("kind"),
			layout.If(fmt.Sprintf("kind == %d && left >= 25", kindTags), place(), u8("unknown")),
			layout.If(fmt.Sprintf("kind == %d && left >= 21 && (byte(pos + 6) == 0 || left >= 27)", kindPlug), plug()),
			layout.Rest("data")),
		is("0x6006", u8("encoding"), vendorText("left")),
		is("0x1300", u16("answered serial"), vendorText("left")),
		is("0x0701", layout.Uint("length", 4), vendorText("length")),
		is("0x8109", u16("year"), u8("month"), u8("day"), u8("hour"), u8("minute"), u8("second")),
		is("0x0001, 0x8001", u16("answered serial"), answered, u8("result")),
		is("0x8100", u16("answered serial"), u8("result"), gbk("code", "left")),
		is("0x4401", answered, u8("result")),
		is("0x0005, 0x8003", u16("first serial"), layout.Switch(layout.Case("wide", u16("parts")), layout.Else(u8("parts"))), layout.Repeat("parts", u16("part"))),
		is("0x0104, 0x8103", layout.If("type == 0x0104", u16("answered serial")), u8("parameters"), layout.Repeat("parameters",
			layout.Uint("parameter id", 4).Hex(), u8("length"), layout.Bytes("value", "length"))),
		is("0x8105", u8("command"), gbk("arguments", "left")),
		is("0x8300", u8("flags"), layout.If("wide", u8("kind")), gbk("text", "left")),
		is("0x0310", u8("settings"), layout.Repeat("settings", layout.Uint("setting", 1).Hex(), u8("length"), layout.Bytes("value", "length"))),
	)
}

// report is what a location is made of, as far as the range goes.
func report() layout.Node {
	// Whether what follows reads as items, each with a number that is not 0.
	fit := []layout.Node{layout.Let("at", "pos"), layout.Let("behind", "pos + left")}
	for range fixedBlock / 2 {
		fit = append(fit, layout.Let("at", "if(at >= 0 && at < behind, if(byte(at) != 0 && at + 2 <= behind && at + 2 + byte(at+1) <= behind, at + 2 + byte(at+1), 0-1), at)"))
	}
	return layout.Seq(
		layout.Uint("alarm", 4).Hex(),
		place(),
		layout.Switch(
			layout.Case(fmt.Sprintf("left == %d", fixedBlock), layout.Seq(fit...),
				layout.Switch(layout.Case("at == behind", items()), layout.Else(layout.Bytes("fixed block", "left")))),
			layout.Else(items()),
		),
		layout.Rest("tail"),
	)
}

// counting is a report of a batch, with a length of width bytes, which is size, in
// front. Unlike Decode it takes the lengths as they are.
func counting(width int, size string) layout.Node {
	return layout.Switch(
		layout.Case(fmt.Sprintf("left < %d || %s > left - %[1]d", width, size), layout.Rest("broken report")),
		layout.Else(
			layout.Uint("report length", width).Let("n"),
			layout.Sub("n", layout.Switch(layout.Case(fmt.Sprintf("left < %d", reportLen), layout.Rest("broken report")), layout.Else(report()))),
		),
	)
}

// place is where and when.
func place() layout.Node {
	return layout.Seq(
		layout.Uint("status", 4).Hex(),
		latitude(),
		longitude(),
		layout.Uint("altitude", 2).Signed().Unit(" m"),
		layout.Uint("speed", 2).Scale(10, 1).Unit(" km/h"),
		layout.Uint("course", 2).Unit("°"),
		clock(),
	)
}

// plug is the transparent data of a plug.
func plug() layout.Node {
	return layout.Seq(
		clock(),
		layout.Uint("from memory", 1).Let("stored"),
		layout.Bytes("data", "left - 12 - if(stored, 6, 0)"),
		layout.Uint("status", 4).Hex(), latitude(), longitude(),
		layout.If("stored", clock()),
	)
}

func latitude() layout.Node  { return layout.Uint("latitude", 4).Scale(1e6, 6).Unit("°") }
func longitude() layout.Node { return layout.Uint("longitude", 4).Scale(1e6, 6).Unit("°") }

// items are the additional items, as far as they are whole.
func items() layout.Node {
	volts := func(width int, unit float64) layout.Node {
		return layout.Uint("voltage", width).Scale(unit, 3).Unit(" V")
	}
	level := layout.Uint("level", 1).Unit(" %")
	return layout.While("left >= 2 && byte(pos+1) + 2 <= left",
		layout.Uint("item", 1).Hex(),
		layout.Uint("length", 1),
		layout.Sub("length",
			layout.Switch(
				layout.Case("item == 0x01 && left == 4", layout.Uint("mileage", 4).Scale(10, 1).Unit(" km")),
				layout.Case("item == 0x02 && left == 2", layout.Uint("fuel", 2).Scale(10, 1).Unit(" l")),
				layout.Case("item == 0x03 && left == 2", layout.Uint("recorder speed", 2).Scale(10, 1).Unit(" km/h")),
				layout.Case("item == 0x04 && left == 2", layout.Uint("alarm to confirm", 2)),
				layout.Case("item == 0x06 && left == 2", layout.Uint("cabin temperature", 2).Signed().Unit(" °C")),
				layout.Case("item == 0x11 && in(left, 1, 5)", layout.Uint("place kind", 1), layout.If("left == 4", layout.Uint("place", 4))),
				layout.Case("item == 0x13 && left == 7", layout.Uint("route", 4), layout.Uint("travel time", 2).Unit(" s"), layout.Uint("result", 1)),
				layout.Case("item == 0x25 && left == 4", layout.Uint("signals", 4).Hex()),
				layout.Case("item == 0x2A && left == 2", layout.Uint("inputs", 2).Hex()),
				layout.Case("item == 0x2B && left == 4", layout.Uint("analog 1", 2), layout.Uint("analog 0", 2)),
				layout.Case("in(item, 0x06, 0xD4, 0xE1, 0xE9, 0xFE) && left == 1", level),
				layout.Case("item == 0x12 && left == 6", layout.Uint("fence kind", 1), layout.Uint("fence", 4),
					layout.Uint("direction", 1).Names(map[int64]string{0: "in", 1: "out"})),
				layout.Case("item == 0x30 && left == 1", layout.Uint("signal", 1)),
				layout.Case("item == 0x31 && left == 1", layout.Uint("satellites", 1)),
				layout.Case("item == 0x51 && left % 2 == 0", layout.While("left > 0", layout.Uint("temperature", 2).Signed().Scale(10, 1).Unit(" °C"))),
				layout.Case("item == 0x56 && in(left, 1, 2)", layout.Uint("level", 1).Scale(0.1, 0).Unit(" %")),
				layout.Case("item == 0x60 && left >= 2", layout.Uint("event", 2)),
				layout.Case("item == 0x68 && left == 2", layout.Uint("level", 2).Scale(100, 2).Unit(" %")),
				layout.Case("item == 0x69 && left == 2", volts(2, 100)),
				layout.Case("item == 0x82 && left == 2", volts(2, 10)),
				layout.Case("item == 0xDA && left == 3", layout.Uint("string cuts", 2), layout.Bits("string", 1,
					layout.Part{Names: map[int64]string{0: "string open", 1: "string closed"}},
					layout.Part{From: 2, Names: map[int64]string{0: "", 1: "motion"}}, layout.Part{From: 3, Names: map[int64]string{0: "", 1: "cover"}})),
				layout.Case("item == 0xE1 && left >= 12 && left % 8 == 4", layout.Uint("mcc", 2), layout.Uint("mnc", 2),
					layout.While("left > 0", layout.Uint("cell", 4), layout.Uint("lac", 2), layout.Bytes("rest of the cell", "2"))),
				layout.Case("item == 0xE3 && left >= 4", layout.Uint("kind", 1), level, volts(2, 100)),
				layout.Case("item == 0xE4 && left == 2", layout.Uint("charging", 1).Names(map[int64]string{0: "yes"}), level),
				layout.Case("item == 0xEB && starts('UTC')", layout.Text("time zone", "left")),
				layout.Case("in(item, 0xEC, 0xF4) && left % 7 == 0", layout.While("left > 0", layout.Bytes("mac", "6"), layout.Uint("rssi", 1).Signed().Unit(" dBm"))),
				layout.Case("item == 0xF1 && left == 4", volts(4, 1000)),
				layout.Case("item == 0xF7 && left == 6", volts(4, 1000), layout.Uint("charging", 1), level),
				layout.Case("item == 0xF8 && left == 2", layout.Uint("steps", 2)),
			),
			layout.Rest("value"),
		),
	)
}

// compactReport has its coordinates in decimal digits: degrees and 10^-4 minutes.
func compactReport() layout.Node {
	return layout.Seq(
		layout.Digits("time", 6).Date("DDMMYYhhmmss"),
		layout.Digits("latitude", 4).Coordinate(8),
		layout.Digits("longitude and flags", 5).Coordinate(9),
		layout.Digits("speed", 1),
		layout.Uint("course", 1).Scale(0.5, 0).Unit("°"),
		layout.Uint("signal", 1), layout.Uint("satellites", 1),
		layout.Uint("mileage", 4),
		layout.Uint("battery", 1).Unit(" %"),
		layout.Uint("cell", 4), layout.Uint("area", 2),
		layout.Uint("product", 1),
		layout.Uint("status", 2).Hex(), layout.Uint("alarm", 2).Hex(),
		items(),
	)
}
