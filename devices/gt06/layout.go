package gt06

import (
	"fmt"
	"strings"
	"sync"

	"github.com/sargas-em/em/protocol/layout"
)

// Layout describes the frames; see package layout.
func (Codec) Layout() *layout.Layout { return frames() }

// frames says of frames what Decode reads in them; a test holds the two together.
var frames = sync.OnceValue(func() *layout.Layout {
	return layout.Must(layout.Description{
		Name:  Name,
		Title: "GT06",
		Start: "in(be16(0), 0x7878, 0x7979)",
		Frames: []layout.Frame{
			{If: "be16(0) == 0x7878 && be16(2) == 0x0D01 && be16(13) == 0x0D0A && be16(16) != 0x0D0A", Size: "15"},
			{If: "be16(0) == 0x7878 && byte(2) >= 5 && be16(byte(2)+3) == 0x0D0A", Size: "byte(2) + 5"},
			{If: fmt.Sprintf("be16(0) == 0x7979 && be16(2) >= 5 && be16(2) <= %d && be16(be16(2)+4) == 0x0D0A", MaxFrame), Size: "be16(2) + 6"},
			// A position without serial, and the answer to one: a time may have 0D 0A in it.
			{If: "be16(0) == 0x7878 && be16(2) == 0x1210 && be16(22) == 0x0D0A", Size: "24"},
			{If: "be16(0) == 0x7878 && byte(2) == 0 && in(byte(3), 0x10, 0x17, 0x69) && be16(10) == 0x0D0A", Size: "12"},
			// A Wi-Fi frame without serial, in whose addresses 0D 0A may stand.
			{If: beginsWiFi + "byte(10 + 7*byte(2)) > 0 && be16(14 + 7*byte(2) + 5*byte(10 + 7*byte(2))) == 0x0D0A", Size: "16 + 7*byte(2) + 5*byte(10 + 7*byte(2))"},
			{If: beginsWiFi + "byte(10 + 7*byte(2)) == 0 && be16(11 + 7*byte(2)) == 0x0D0A", Size: "13 + 7*byte(2)"},
			{If: beginsWiFi + "byte(10 + 7*byte(2)) == 0 && be16(14 + 7*byte(2)) == 0x0D0A", Size: "16 + 7*byte(2)"},
			{If: "be16(0) == 0x7878", Size: `find('\r\n', 4) + 2`},
			{If: "be16(0) == 0x7979", Size: `find('\r\n', 5) + 2`},
		},
		Fields: []layout.Node{
			layout.Let("long", "be16(0) == 0x7979"),
			layout.Let("head", "if(long, 4, 3)"),
			layout.Let("type", "byte(head)"),
			layout.Let("length", "if(long, be16(2), byte(2))"),
			layout.Let("bare", bareExpr),
			layout.Let("behind", "if(bare, 2, 6)"),
			layout.If("!long && be16(0) != 0x7878 || size < head + 1 + behind || be16(size-2) != 0x0D0A", layout.Fail()),
			layout.Uint("start", 2).Names(map[int64]string{0x7878: "short frame", 0x7979: "long frame"}),
			layout.Switch(
				layout.Case("long",
					layout.Uint("length", 2).Expect("size - 6"),
					layout.Uint("type", 1).Hex().Names(typeNames(true)).Title()),
				layout.Else(
					layout.Uint("length", 1).Expect("if(bare, length, size - 5)"),
					layout.Uint("type", 1).Hex().Names(typeNames(false)).Title()),
			),
			layout.Sub("left - behind", payload()),
			layout.If("!bare",
				layout.Uint("serial", 2),
				layout.Check("crc", layout.X25, "2", "pos")),
			layout.Lit("stop", trailer),
		},
	})
})

// beginsWiFi is whether what comes may be a Wi-Fi frame, and none that answers one.
const beginsWiFi = "be16(0) == 0x7878 && in(byte(3), 0x17, 0x69) && !(byte(2) == 0 && be16(10) == 0x0D0A) && "

// bareExpr says what isBare does; the Wi-Fi frame's number of cells is at
// 10 + 7 * length.
const bareExpr = `!long && (size != length + 5 || size < 10) && (
	type == 1 && (length == 13 && size == 15 || length == 1 && size == 6)
	|| type == 0x10 && (length == 18 && size == 24 || length == 0 && size == 12)
	|| in(type, 0x17, 0x69) && (length == 0 && be16(10) == 0x0D0A && size == 12
		|| !(length == 0 && be16(10) == 0x0D0A) && size > max(10 + 7*length, 11) && (
			byte(10 + 7*length) > 0 && size == 16 + 7*length + 5*byte(10 + 7*length)
			|| byte(10 + 7*length) == 0 && (size == 13 + 7*length || size == 16 + 7*length && be16(11 + 7*length) != 0x0D0A))))`

// typeNames are the kinds of messages by their type.
func typeNames(long bool) map[int64]string {
	names := map[int64]string{
		typeLogin: "login", typeStatus: "status", typeHeartbeat: "heartbeat", typeReply: "reply", 0x19: "lbs alarm", 0xA5: "lbs alarm",
		typeTime: "time", typeAddressReply: "address reply", typeHeard: "scan", typeInfo: "info", typeCommand: "command", typeDriving: "driving alarm",
		typeWiFi: "wifi", typeModular: "modular", typeReplyLong: "reply", typeMultimedia: "multimedia",
		typePhoneCell4: "phone query", typeOBD: "obd", typeOBD2: "obd", typeSerial: "serial data", typePeripheral: "peripheral", typePicture: "picture",
	}
	for _, p := range positionTypes {
		names[int64(p.code)] = p.name
	}
	for code, name := range unread {
		if names[int64(code)] == "" {
			names[int64(code)] = name
		}
	}
	for code := range int64(0x100) {
		if code != 0x19 && code != 0x24 && isScan(Header{Code: byte(code), Long: long}, 0) {
			names[code] = (&Scan{Header: Header{Code: byte(code), Long: long}}).Type()
		}
	}
	return names
}

// payload is what stands between type and serial.
func payload() layout.Node {
	return layout.Seq(
		layout.Let("n", "left"),
		layout.Let("full", "n + 5"), // the length that goes with it
		layout.Let("position", positionExpr),
		layout.Switch(
			layout.Case("n == 0"),
			layout.Case("bare && type == 1 || position == 0 && type == 1", login()),
			layout.Case("bare && size == 12", layout.Clock("time").BCD()),
			layout.Case("bare && type != 0x10", bareWiFi()),
			layout.Case("position", position()),
			layout.Case("in(type, 0x18, 0x1E, 0x24, 0x28, 0x2C, 0x2E, 0xA1) || type == 0xA2 && n >= 102 || type == 0x19 && n >= 18", scan()),
			layout.Case("long && in(type, 0x32, 0x33)", station()),
			layout.Case("type == 0xF3 && !long && n > 7 && n & 7 == 7", heard()),
			layout.Case(fmt.Sprintf("!long && (type == 0x17 && n == %d || type == 0xA7 && n >= %d)", phoneCellLen, phoneCell4Len),
				layout.Let("counted", "0"), layout.Let("wide", "type == 0xA7"), layout.Let("cid4", "0"), layout.Let("mnc2", "0"),
				cell(), layout.Text("phone", fmt.Sprint(phoneLen)), layout.Uint("language", 2)),
			layout.Case(fmt.Sprintf("long && in(type, 0x66, 0x8C) && n >= %d", obdLen),
				layout.Clock("time"), layout.Uint("acc", 1),
				layout.Sub(fmt.Sprintf("left - %d", placeLen), layout.While("left > 0", layout.Text("value", "min(left, until(',') + 1)"))),
				place(true, true)),
			layout.Case("long && type == 0x9B", layout.Uint("kind", 1).Hex(), layout.Rest("data")),
			layout.Case(fmt.Sprintf("long && type == 0xF2 && n >= %d", peripheralLen), layout.Unix("time"), layout.Rest("data")),
			layout.Case(fmt.Sprintf("!long && type == 0xA3 && n == %d", stepsLen), layout.Bytes("unknown", "9"), layout.Uint("steps", 4)),
			layout.Case(fmt.Sprintf("!long && type == 0x35 && n == %d", pictureLen), picture()),
			layout.Case("type == 0x13", status()),
			layout.Case("type == 0x23", gk310()),
			layout.Case("in(type, 0x19, 0xA5)",
				layout.Let("counted", "0"), layout.Let("wide", "type == 0xA5"), layout.Let("cid4", "0"), layout.Let("mnc2", "0"),
				cell(), state(true)),
			layout.Case("type == 0x15", flaggedText(), layout.If("left >= 2", layout.Uint("language", 2))),
			layout.Case("type == 0x21 && long", layout.Uint("server flag", 4), layout.Uint("encoding", 1),
				layout.Switch(layout.Case("encoding != 1", layout.UTF16("text", "left")), layout.Else(layout.Text("text", "left")))),
			layout.Case("type == 0x8A && n == 6", layout.Clock("time")),
			layout.Case("type == 0x97", flaggedText()),
			layout.Case("type == 0x94", info()),
			layout.Case("type == 0x70 && long", modules()),
			layout.Case("type == 0x80", flaggedText(), layout.If("left == 2", layout.Uint("language", 2))),
			layout.Case("type == 0x95", driving()),
			layout.Else(layout.Rest("payload")),
		),
		layout.Rest("tail"),
	)
}

func picture() layout.Node {
	return layout.Seq(
		layout.Clock("time"), layout.Uint("kind", 1).Hex(),
		layout.Uint("latitude", 4).Scale(degree, 6).Unit("°"), layout.Uint("longitude", 4).Scale(degree, 6).Unit("°"),
		layout.Uint("camera", 1), layout.Uint("source", 1), layout.Uint("format", 1),
		layout.Uint("size", 4), layout.Uint("picture", 4).Hex(),
	)
}

func login() layout.Node {
	return layout.Seq(
		imei(),
		layout.If("left >= 2", layout.Uint("model", 2).Hex()),
		layout.If("left >= 2", layout.Bits("time zone, language", 2,
			layout.Part{From: 4, Count: 12, Label: "hours.minutes", Div: 100, Decimals: 2},
			layout.Part{From: 3, Names: map[int64]string{0: "east", 1: "west"}},
			layout.Part{Count: 3, Label: "language"})),
	)
}

func imei() layout.Node { return layout.Digits("imei", imeiLen).Skip(1) }

// flaggedText is a length that counts a server flag and a text.
func flaggedText() layout.Node {
	return layout.Seq(
		layout.Uint("text length", 1).Let("length"),
		layout.If("length < 4", layout.Fail()),
		layout.Uint("server flag", 4),
		layout.Text("text", "length - 4"),
	)
}

// positionExpr says which payloads positionLayout and mayBePosition take.
var positionExpr = sync.OnceValue(func() string {
	var any []string
	for _, p := range positionTypes {
		any = append(any, fmt.Sprint(p.code))
	}
	return fmt.Sprintf(`long && n >= 18 && in(type, %s) && !in(type, 0x32, 0x17, 0x24, 0x34, 0x36, 0xA2)
		|| !long && (in(type, 0x12, 0x22, 0x16, 0x26, 0x27, 0x10, 0x11, 0x2D, 0x31, 0x37, 0x32, 0xA0, 0x2A)
			|| type == 0x24 && full == 0x2E || type == 0x17 && full == 0x28 || type == 0x36 && full == 0x35 || type == 0x34 && full == 0x3C
			|| type == 0x1A && n >= 18 || type == 0xA2 && n >= %d && n < %d || in(type, 0xA3, 0xA4) && n >= %[2]d
			|| in(type, 0x21, 0x36, 0x38) && n >= 18 && date(pos) && be16(pos+16) & 0x1000 != 0 && be32(pos+7) <= %[4]d && be32(pos+11) <= %[5]d)`,
		strings.Join(any, ", "), wideAlarmLen, wideScanLen, 90*degree, 180*degree)
})()

func position() layout.Node {
	only := func(firmware string, nodes ...layout.Node) layout.Node {
		return layout.Case("firmware == '"+firmware+"'", nodes...)
	}
	flags := layout.Bits("status", 1, statusParts...)
	supply, battery := layout.Uint("supply", 2).Scale(100, 2).Unit(" V"), layout.Uint("battery", 2).Scale(100, 2).Unit(" V")
	mileage := layout.Uint("mileage", 4).Unit(" m")
	card := layout.Seq(
		layout.Uint("card length", 1).Let("card_length"),
		layout.If("left >= card_length + 2", layout.Text("card", "card_length"), layout.Uint("card alarm", 1), layout.Uint("card swiped", 1)),
	)
	return layout.Seq(
		layout.Let("firmware", `if(long, '',
			if(type == 0x12, if(full == 0x21, 'Benway', if(full == 0x24, 'VXT01', if(full == 0x27 && !date(pos), 'IMEI', if(full == 0x29, 'Wetrust',
				if(full == 0x2B, 'S5', if(full >= 0x71, 'card', '')))))),
			if(type == 0x16 && full == 0x24, 'VXT01',
			if(type == 0x16 && full == 0x26 || type == 0x22 && full == 0x2F, 'Seeworld',
			if(type == 0x22 && full == 0x3C && !date(pos) || type == 0x36 && full == 0x35, 'LW',
			if(type == 0x31 && full == 0x2A || type == 0x32 && in(full, 0x27, 0x29), 'SL4X',
			if(type == 0x24, 'SR411', if(type == 0x17, 'RFID', if(type == 0x34, 'X1', '')))))))))`),
		layout.Let("counted", "in(type, 0x16, 0x26, 0x27, 0x32, 0xA2, 0xA3, 0xA4) && firmware != 'VXT01' || type == 0x22 && firmware == 'LW'"),
		layout.Let("wide", "in(type, 0xA0, 0xA2, 0xA3, 0xA4)"),
		layout.Let("cid4", "in(type, 0x11, 0x36) || in(firmware, 'Seeworld', 'SL4X', 'X1')"),
		layout.Let("mnc2", "type == 0x11 || firmware == 'SL4X'"),
		layout.Let("stated", "in(type, 0x16, 0x26, 0x27, 0x32, 0xA2, 0xA3, 0xA4) && firmware != 'VXT01'"),
		layout.Switch(
			only("X1",
				layout.Uint("data, alarm", 4), gps(), layout.Uint("terminal", 2), mileage, cell(), layout.Uint("driver", 4),
				supply, battery, layout.Uint("ports", 4), layout.Uint("inputs", 1), layout.Uint("outputs", 1),
				layout.Let("i", "0"),
				layout.While("i < ((ports >> 20) & 15) && left >= 2", layout.Uint("analog", 2).Scale(100, 2), layout.Let("i", "i + 1"))),
			layout.Else(
				layout.If("firmware == 'IMEI'", imei()),
				layout.If("type == 0x22 && firmware == 'LW'", layout.Uint("unknown", 1), imei(), layout.Clock("time")),
				gps(),
				layout.If("!in(type, 0x10, 0x34, 0x21, 0x1A) && left >= if(counted, 1, 8 + mnc2 + if(wide, 7, cid4))", positionCell()),
				layout.If("stated && left >= 5", state(true)),
				layout.If("in(type, 0x22, 0x2D, 0x31, 0x37, 0xA0) && firmware != 'LW' && left >= 3",
					layout.Uint("acc", 1), layout.Uint("reason", 1), layout.Uint("re-upload", 1).Notes(map[int64]string{1: "from memory"}),
					layout.If("in(type, 0x31, 0x37) && left >= 4 || left == 4 || left == 6",
						mileage, layout.If("left >= 2", layout.Uint("altitude", 2).Signed().Unit(" m")))),
				layout.Switch(
					layout.Case(`left < if(firmware == 'Benway', 2, if(in(firmware, 'VXT01', 'SR411'), 5, if(firmware == 'card', 7, if(firmware == 'RFID', 8,
						if(firmware == 'Wetrust', 9, if(firmware == 'S5' || firmware == 'Seeworld' && type == 0x22, 12,
						if(firmware == 'LW', if(type == 0x22, 13, 10), 0)))))))`),
					only("VXT01", flags, supply, signal(), layout.Uint("alarm extension", 1)),
					only("S5", flags, supply, signal(), alarm(), layout.Uint("oil", 2),
						layout.Uint("temperature", 1).SignBit().Unit(" °C"), layout.Uint("mileage", 4).Scale(0.1, 0).Unit(" m")),
					only("Benway", layout.Bits("inputs", 2,
						layout.Part{From: 15, Label: "ignition"}, layout.Part{From: 14, Label: "input 2"},
						layout.Part{From: 12, Count: 2, Names: map[int64]string{0: "analog 0.1", 1: "temperature °C", 2: "analog 1", 3: "temperature °C"}},
						layout.Part{Count: 10, Label: "value"})),
					only("card", mileage, card),
					only("Wetrust", mileage, card, layout.If("left >= 2", layout.Uint("driving time", 2).Unit(" s"))),
					layout.Case("firmware == 'Seeworld' && type == 0x22", mileage, layout.Uint("travel time", 4),
						layout.Uint("temperature", 2).SignBit().Scale(100, 2).Unit(" °C"), layout.Uint("humidity", 2).Scale(100, 2).Unit(" %")),
					layout.Case("firmware == 'SL4X' && type == 0x32 && left >= 2", layout.Uint("altitude", 2).Signed().Unit(" m")),
					only("SR411", layout.Uint("acc", 1), supply, battery),
					only("RFID", layout.Bytes("rfid", "8")),
					only("LW",
						layout.If("type == 0x36", layout.Bytes("unknown", "6")),
						layout.Uint("unknown", 1), supply, layout.Uint("battery", 1).Scale(10, 1).Unit(" V"),
						layout.If("type == 0x22", layout.Bytes("unknown", "5"), layout.Uint("engine time", 4).Unit(" min"))),
				),
			),
		),
	)
}

// gps is the block that begins with a time.
func gps() layout.Node { return layout.Seq(layout.Clock("time"), place(true, true)) }

func place(satellites, speed bool) layout.Node {
	nodes := []layout.Node{
		layout.Uint("latitude", 4).Scale(degree, 6).Unit("°"),
		layout.Uint("longitude", 4).Scale(degree, 6).Unit("°"),
	}
	if satellites {
		nodes = append([]layout.Node{layout.Bits("satellites", 1, layout.Part{Count: 4})}, nodes...)
	}
	if speed {
		nodes = append(nodes, layout.Uint("speed", 1).Unit(" km/h"))
	}
	return layout.Seq(append(nodes, layout.Bits("course, flags", 2,
		layout.Part{Count: 10, Unit: "°"},
		layout.Part{From: 10, Names: map[int64]string{0: "south", 1: "north"}},
		layout.Part{From: 11, Names: map[int64]string{0: "east", 1: "west"}},
		layout.Part{From: 12, Names: map[int64]string{0: "no fix", 1: "fixed"}},
		layout.Part{From: 14, Count: 2, Names: map[int64]string{0: "", 2: "", 1: "ACC off", 3: "ACC on"}}))...)
}

// network is country and network of a cell.
func network() layout.Node {
	return layout.Seq(
		layout.Bits("mcc", 2, layout.Part{Count: 15}, layout.Part{From: 15, Names: map[int64]string{0: "", 1: "MNC of two bytes"}}),
		layout.Switch(
			layout.Case("mcc >= 0x8000 || mnc2", layout.Uint("mnc", 2)),
			layout.Else(layout.Uint("mnc", 1)),
		),
	)
}

// area is place and number of a cell.
func area() layout.Node {
	return layout.Switch(
		layout.Case("wide", layout.Uint("lac", 4), layout.Uint("cell", 8)),
		layout.Case("cid4", layout.Uint("lac", 2), layout.Uint("cell", 4)),
		layout.Else(layout.Uint("lac", 2), layout.Uint("cell", 3)),
	)
}

// cell is a cell as the variables counted, wide, cid4 and mnc2 say.
func cell() layout.Node {
	return layout.Seq(
		layout.Let("block", "1"),
		layout.If("counted", layout.Uint("cell block length", 1).Let("block")),
		layout.If("block > 0", network(), area()),
	)
}

// positionCell is a cell with what the length of its block counts beyond it.
func positionCell() layout.Node {
	return layout.Seq(
		layout.Let("from", "pos"),
		cell(),
		layout.Let("used", "pos - from"),
		layout.Let("keep", "if(stated, 5, 0)"),
		layout.If("counted", layout.Bytes("rest of the cell block", `if(block == 0, if(left >= 45 + keep, 45, if(left >= 8 + keep, 8, 0)),
			if(block > used && block - used <= left - keep, block - used, 0))`)),
	)
}

// statusParts are the bits of State.Flags.
var statusParts = []layout.Part{
	{From: 0, Names: map[int64]string{0: "not armed", 1: "armed"}},
	{From: 1, Names: map[int64]string{0: "", 1: "ACC on"}},
	{From: 2, Names: map[int64]string{0: "", 1: "charging"}},
	{From: 3, Count: 3, Names: map[int64]string{0: ""}, Label: "alarm class"},
	{From: 6, Names: map[int64]string{0: "", 1: "GPS on"}},
	{From: 7, Names: map[int64]string{0: "", 1: "relay cut"}},
}

func state(language bool) layout.Node {
	levels := map[int64]string{}
	for v := range int64(0x100) {
		if l := (&State{Voltage: byte(v)}).level(); l.OK {
			levels[v] = fmt.Sprintf("%.0f %%", 100*l.V)
		}
	}
	nodes := []layout.Node{layout.Bits("status", 1, statusParts...), layout.Uint("voltage", 1).Names(levels), signal(), alarm()}
	if language {
		nodes = append(nodes, layout.Uint("language", 1))
	}
	return layout.Seq(nodes...)
}

func signal() layout.Node { return layout.Uint("signal", 1) }

func alarm() layout.Node {
	names := map[int64]string{}
	for code := range int64(0x100) {
		if n := alarmName(uint16(code)); n != "" {
			names[code] = n
		}
	}
	return layout.Uint("alarm", 1).Hex().Notes(names)
}

func status() layout.Node {
	obd := layout.Seq(
		layout.Bits("status", 1, statusParts...),
		layout.Bits("signal", 2, layout.Part{Count: 5}, layout.Part{From: 5, Count: 5, Label: "satellites"}, layout.Part{From: 10, Count: 5, Label: "and"}),
		alarm(), layout.Uint("language", 1),
		layout.Uint("battery", 1).Unit(" %"), layout.Uint("working mode", 1), layout.Uint("supply", 2).Scale(100, 2).Unit(" V"),
		layout.If("full == 0x13", layout.Bytes("unknown", "3"), layout.Uint("temperature", 2).Signed().Scale(10, 1).Unit(" °C")),
	)
	return layout.Switch(
		layout.Case("!long && in(full, 0x13, 0x15)", obd),
		layout.Case("n == 4", state(false)),
		layout.Case("byte(pos + 3) == 0xF0", state(false), layout.Uint("supply", 1).Scale(10, 1).Unit(" V")),
		layout.Else(state(true)),
	)
}

func gk310() layout.Node {
	return layout.Seq(
		layout.Bits("status", 1, statusParts...),
		layout.If("left >= 2", layout.Uint("battery", 2).Scale(100, 2).Unit(" V")),
		layout.If("left >= 1", signal()),
	)
}

// info is a kind and what it says; short frames have a supply voltage alone.
func info() layout.Node {
	return layout.Seq(
		layout.Let("kind", "0"),
		layout.Switch(
			layout.Case("long", layout.Uint("kind", 1).Hex()),
			layout.Case("left < 2", layout.Fail()),
		),
		layout.Switch(
			layout.Case("kind == 0 && left == 2", layout.Uint("supply", 2).Scale(100, 2).Unit(" V")),
			layout.Case("kind == 4", layout.Text("text", "left")),
			layout.Case("kind == 5 && left >= 7", layout.Clock("time"), layout.Bits("door", 1, layout.Part{Names: map[int64]string{0: "0", 1: "1"}})),
			layout.Case("kind == 0x0A && left >= 26", imei(), layout.Digits("imsi", 8).Skip(1), layout.Digits("iccid", 10).Trim('f')),
			layout.Case("kind == 0x0B && left == 1", layout.Uint("network", 1).Hex().Names(map[int64]string{0: "2G", 1: "4G"})),
			layout.Case("kind == 0x1B && left >= 6", layout.Bytes("data", "2"), layout.Bytes("rfid", "4")),
		),
		layout.Rest("data"),
	)
}

func modules() layout.Node {
	names := map[int64]string{}
	for id := range int64(0x100) {
		if n := moduleName(uint16(id)); n != "unknown" {
			names[id] = n
		}
	}
	const year2010, year2100 int64 = 1262304000, 4102444800
	return layout.While("left >= 4",
		layout.Uint("module", 2).Hex().Names(names),
		layout.Uint("module length", 2).Let("module_length"),
		layout.Sub("module_length",
			layout.Switch(
				layout.Case("module == 0x01 && left == 8", imei()),
				layout.Case("module == 0x03 && left == 10", layout.Digits("iccid", 10).Trim('f')),
				layout.Case("module == 0x11 && left >= 10", layout.Let("wide", "0"), layout.Let("cid4", "0"),
					layout.Uint("mcc", 2), layout.Uint("mnc", 2), area()),
				layout.Case("module == 0x18 && left >= 2", layout.Uint("battery", 2).Scale(100, 2).Unit(" V")),
				layout.Case("module == 0x28 && left >= 1", layout.Uint("hdop", 1).Scale(10, 1)),
				layout.Case("module == 0x2A && left >= 1", layout.Bits("inputs", 1, layout.Part{Count: 4, Label: "door"}, layout.Part{From: 4, Count: 4, Label: "tamper"})),
				layout.Case("module == 0x2C && left >= 4", layout.Unix("time")),
				layout.Case("module == 0x33 && left >= 18", layout.Unix("time"), layout.Uint("satellites", 1),
					layout.Uint("altitude", 2).Signed().Unit(" m"), place(false, true)),
				layout.Case("module == 0x34 && left >= 5", layout.Uint("event", 1).Hex(), layout.Switch(
					layout.Case(fmt.Sprintf("be32(pos) >= %d && be32(pos) < %d", year2010, year2100), layout.Unix("time")),
					layout.Else(layout.Unix("time").LE()))),
				layout.Case("module == 0x7F && left >= 6", layout.Bytes("tag", "6")),
				layout.Case("left == 4", layout.Uint("number", 4)),
			),
			layout.Rest("module data"),
		),
	)
}

func driving() layout.Node {
	event := func(positioned bool) layout.Node {
		names := map[int64]string{}
		for code := range int64(0x100) {
			if n := drivingName(byte(code), positioned); n != "unknown" {
				names[code] = n
			}
		}
		return layout.Uint("event", 1).Hex().Notes(names)
	}
	return layout.Switch(
		layout.Case("left < 17", layout.Clock("time"), event(false)),
		layout.Case("be16(pos) == 0xFFFF",
			layout.Uint("marker", 2).Hex(), layout.Uint("channel", 1), layout.Clock("time"), place(true, false),
			layout.Uint("unknown", 2), layout.Uint("unknown", 2), event(true), files()),
		layout.Else(layout.Clock("time"), place(false, false), event(true), files()),
	)
}

func files() layout.Node {
	return layout.If("left > 2", layout.Uint("unknown", 2), layout.Text("files", "left"))
}

func accessPoint() layout.Node {
	return layout.Seq(layout.Bytes("mac", "6"), layout.Uint("level", 1).Scale(-1, 0).Unit(" dBm"))
}

func scan() layout.Node {
	return layout.Seq(
		layout.Switch(layout.Case("type == 0x1E", gps()), layout.Else(layout.Clock("time"))),
		layout.Let("wanway", "type == 0x24 && left == 0x31 - 11"),
		layout.If("wanway", layout.Uint("timing advance", 1)),
		layout.Let("mnc2", "0"), layout.Let("wide", "in(type, 0xA1, 0xA2)"), layout.Let("cid4", "0"),
		network(),
		layout.Switch(
			layout.Case("wanway"),
			layout.Case("type == 0x19", layout.If("left > 0", layout.Uint("cells", 1),
				layout.Repeat("min(cells, left / 6)", area(), layout.Uint("level", 1)))),
			layout.Case("left >= 7 * if(wide, 13, 6) + 1",
				layout.Repeat("7", area(), layout.Uint("level", 1)),
				layout.Uint("timing advance", 1),
				layout.If("in(type, 0x18, 0x2C, 0xA2) && left > 0 && left != 2",
					layout.Uint("access points", 1).Let("aps"),
					layout.Repeat("min(aps, left / 7)", accessPoint()))),
		),
	)
}

func heard() layout.Node {
	return layout.Seq(
		layout.Clock("time"),
		layout.Uint("access points", 1).Let("aps"),
		layout.Repeat("min(aps, left / 8)", layout.Uint("mark", 2), layout.Bytes("mac", "6")),
	)
}

// part is what has a length in front; its nodes are read in what it counts.
func part(what string, nodes ...layout.Node) layout.Node {
	return layout.Seq(
		layout.Uint(what+" length", 1).Let("part"),
		layout.If("part > left", layout.Fail()),
		layout.Sub("part", append(nodes, layout.Rest("rest of the "+what))...),
	)
}

func station() layout.Node {
	return layout.Seq(
		layout.Let("counted", "1"), layout.Let("wide", "0"), layout.Let("cid4", "0"), layout.Let("mnc2", "0"),
		layout.Clock("time"),
		part("gps", layout.If("left >= 12", place(true, true))),
		layout.Let("from", "pos"),
		cell(),
		layout.If("block > 0",
			layout.If("block > pos - from", layout.Bytes("rest of the cell block", "block - (pos - from)")),
			layout.Uint("level", 1)),
		part("further cells", layout.Repeat("left / 6", area(), layout.Uint("level", 1))),
		part("access points", layout.Repeat("left / 7", accessPoint())),
		layout.Uint("status", 1).Hex(),
	)
}

// bareWiFi is what frames without serial hear; the frame's length counts the
// access points.
func bareWiFi() layout.Node {
	return layout.Seq(
		layout.Clock("time").BCD(),
		layout.Repeat("length", accessPoint()),
		layout.Uint("cells", 1),
		layout.If("cells > 0 || left >= 3",
			layout.Uint("mcc", 2), layout.Uint("mnc", 1),
			layout.Repeat("cells", layout.Uint("lac", 2), layout.Uint("cell", 2), layout.Uint("level", 1))),
	)
}
