package megastek

import (
	"sync"

	"github.com/sargas-em/em/protocol/layout"
	"github.com/sargas-em/em/protocol/nmea"
)

// Layout describes the frames; see package layout.
func (Codec) Layout() *layout.Layout { return frames() }

// The places of a Report with its length and of the older forms, as expressions:
// the length that it tells, and where the end of the older forms is searched from.
const (
	told       = "(1000 * (byte(0) - 0x30) + 100 * (byte(1) - 0x30) + 10 * (byte(2) - 0x30) + byte(3) - 0x30 + 4)"
	behindName = "if(byte(0) == 0x4C, 6, 3)"
	behindID   = "(" + behindName + " + if(byte(" + behindName + ") == 0x2C, 0, 18))"
)

// frames says of frames what Decode reads in them; a test holds the two together.
var frames = sync.OnceValue(func() *layout.Layout {
	older := "starts('STX') || starts('LOGSTX')"
	return layout.Must(layout.Description{
		Name:  name,
		Title: "Megastek",
		Start: "starts('$MGV') || " + older + " || starts('cmd=aid;') || run('0123456789') == 4 && be32(4) == 0x244D4756",
		Frames: []layout.Frame{ // by numbers, for which bytes are waited
			{If: "byte(0) >= 0x30 && byte(0) <= 0x39 && be32(4) == 0x244D4756", Size: alone("if(find(';!', 0, "+told+") >= 0, find(';!') + 2, "+told+")", "5", "$MGV")},
			{If: "byte(0) == 0x24 && be32(0) == 0x244D4756", Size: alone(`(until('!\r\n') + (byte(until('!\r\n')) == 0x21))`, "4", "$MGV")},
			{If: "byte(0) == 0x53 && be16(1) == 0x5458 || byte(0) == 0x4C && be32(0) == 0x4C4F4753 && be16(4) == 0x5458", Size: alone(`if(find('\n', `+behindID+", find(';', "+behindID+`)) >= 0, find('\n', `+behindID+"), find(';', "+behindID+") + 3)", behindName, "$MGV", "STX")},
			{If: "byte(0) == 0x63 && be32(0) == 0x636D643D && be32(4) == 0x6169643B", Size: alone(`if(find('\r', 0, find('\n')) >= 0, find('\r'), find('\n'))`, "8", "$MGV", "STX")},
		},
		Between: "\r\n!",
		Fields: []layout.Node{
			layout.Switch(
				layout.Case(older, olderForms()),
				layout.Case("starts('cmd=aid;')", layout.Rest("assistance request").Hidden()), // a password is in it
				layout.Else(report()),
			),
			layout.If("left > 0", layout.Text("end", "left")),
		},
	})
})

// alone is the size of a frame, or 0 where another one starts in it from there on.
func alone(size, from string, starts ...string) string {
	all := size
	for _, s := range starts {
		all = "if(find('" + s + "', " + from + ", " + size + ") >= 0, 0, " + all + ")"
	}
	return all
}

// list is fields one after the other.
func list(names ...string) layout.Node { return layout.Words(',', names...) }

func cellFields() layout.Node { return list("mcc", "mnc", "lac", "cid") }

// report is a Report, with or without its length.
func report() layout.Node {
	bits := "run('01') == 4 && until(',') == 4"
	return layout.Seq(
		layout.If("byte(0) >= 0x30 && byte(0) <= 0x39", layout.Text("length", "4").Expect("size - 4")),
		layout.Text("start", "4").Expect("'$MGV'").Title(),
		layout.Let("end", "size - 1 - (byte(size - 1) == 0x21)"),
		layout.If("end < pos || byte(end) != 0x3B", layout.Let("end", "size")),
		layout.Sub("end - pos",
			layout.Text("version", "3"), layout.Lit("comma", ","),
			layout.Switch(
				layout.Case("version == '"+version+"'",
					list("imei", "name"),
					nmea.Field("live or stored").Meanings(map[string]string{"R": "live", "S": "stored"}),
					nmea.Field("date").Date("DDMMYY"), nmea.Field("time").Date("hhmmss"),
					nmea.Field("status").Meanings(map[string]string{"A": "fix", "V": "no fix"}),
					layout.DegMin("latitude", ','), layout.DegMin("longitude", ','),
					list("field 10", "satellites", "field 12", "hdop", "speed", "course", "altitude", "odometer"),
					cellFields(), nmea.Field("gsm level"),
					layout.If("count(',') >= 11 && until(',') == 3 && run('0123456789') == 3 && byte(pos + 8) == 0x2C && in(byte(pos + 4), 0x30, 0x31) && in(byte(pos + 5), 0x30, 0x31) && in(byte(pos + 6), 0x30, 0x31) && in(byte(pos + 7), 0x30, 0x31)",
						nmea.Field("heart rate")),
					layout.Switch(
						layout.Case("until(',') == run(' ') || "+bits, list("inputs", "outputs", "adc 1", "adc 2", "adc 3")),
						layout.Else(list("heart rate", "steps", "activity", "light sleep", "deep sleep")),
					),
					list("temperature 1", "temperature 2", "rfid", "charging and belt", "battery"),
					nmea.Field("alert").Title(),
					layout.While("left > 0", nmea.Field("tail")),
				),
				layout.Else(layout.While("left > 0", layout.Text("data", "min(left, 100)"))), // Wireshark shows no more at once
			),
		),
	)
}

// olderForms is STX and STXPadded.
func olderForms() layout.Node {
	return layout.Seq(
		layout.If("starts('LOG')", layout.Lit("stored", "LOG")),
		layout.Let("begin", "pos"),
		layout.Text("start", "3").Title(),
		layout.Let("padded", "left > 0 && byte(pos) != 0x2C"),
		layout.Let("end", "find(';', pos + if(padded && left > 18, 18, 0))"),
		layout.If("end < 0", layout.Let("end", "size")),
		layout.Sub("end - pos",
			layout.Switch(
				layout.Case("padded", stxPadded()),
				layout.Else(stx()),
			),
			layout.If("left > 0", layout.Text("end", "left")),
		),
		layout.If("left > 0",
			layout.Lit("body end", ";"),
			layout.Switch(
				layout.Case("padded", layout.Check("checksum", layout.Xor8, "begin + 3", "end").InHex()),
				layout.Else(layout.Check("checksum", layout.Sum8, "begin", "end + 1").InHex()),
			),
		),
	)
}

func stx() layout.Node {
	return layout.Seq(
		layout.Lit("comma", ","), nmea.Field("id"), sentence(),
		layout.Let("fields", "count(',') + 1"),
		nmea.Field("fix").Meanings(map[string]string{"F": "fix", "L": "last known fix"}),
		nmea.Field("alert").Title(),
		layout.If("starts('imei:')", layout.Lit("imei key", "imei:")), nmea.Field("imei"),
		list("satellites", "altitude", "battery"),
		layout.If("fields > 11", nmea.Field("gap")),
		nmea.Field("charging"), cellFields(),
	)
}

func stxPadded() layout.Node {
	return layout.Seq(
		layout.Text("id", "16").Trim(' '),
		layout.Let("want", "end - pos - 2"),
		layout.Uint("marker", 1).Expect("2"),
		layout.Uint("length", 1).Expect("want"),
		sentence(),
		layout.Let("fields", "count(',') + 1"),
		cellFields(), list("gsm level", "battery", "flags", "inputs"),
		layout.Repeat("fields - 9", nmea.Field("value")),
		nmea.Field("alert").Title(),
	)
}

// sentence is the receiver's, with the comma behind it.
func sentence() layout.Node {
	return layout.Seq(nmea.Layout(), layout.If("rmc_star >= 0", layout.Lit("comma", ",")))
}
