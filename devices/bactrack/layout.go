package bactrack

import (
	"fmt"
	"sync"

	"github.com/sargas-em/em/protocol/layout"
)

// Layout describes the frames of dialect V and the lines of the tunnel, with what
// they carry; see package layout.
func (Codec) Layout() *layout.Layout { return frames() }

// frames says of frames what Decode reads in them; a test holds the two together.
var frames = sync.OnceValue(func() *layout.Layout {
	return layout.Must(layout.Description{
		Name:  dialectWord,
		Title: "BACtrack",
		Start: "be16(0) == 0x1002 || starts('EMTUN/')",
		Frames: []layout.Frame{
			{If: "be16(0) == 0x1002 && byte(2) > 0 && be16(byte(2) + 4) == 0x1017", Size: "byte(2) + 6"},
			{If: "starts('EMTUN/')", Size: `find('\r\n') + 2`},
		},
		Fields: []layout.Node{
			layout.Switch(layout.Case("starts('EMTUN/')", tunnelLine()), layout.Else(vioFrame())),
		},
	})
})

// tunnelLine is a line of the tunnel.
func tunnelLine() layout.Node {
	verb := func(v string, nodes ...layout.Node) layout.Node { return layout.Case("verb == '"+v+"'", nodes...) }
	late := layout.Seq(
		layout.Word("time", ' '),
		layout.Word("seq", ' '),
		layout.Let("verb", "'notify'"),
		layout.Switch(
			layout.Case("find(':') >= 0", layout.Word("dialect", ':'), values()),
			layout.Else(layout.Unhex(vioFrame()))))
	return layout.Seq(
		layout.Lit("start", lineStart),
		layout.Word("version", ' ').Expect("'1'"),
		layout.Sub(fmt.Sprintf("left - %d", lineTail),
			layout.Word("verb", ' ').Title(),
			layout.Switch(
				verb(verbHello, layout.Word("dialect", ' '), layout.Word("identity", ' '), layout.Text("mode", "left")),
				verb(verbResult, late),
				verb(verbLate, late),
				verb(verbWrite, layout.Word("dialect", ' '), values()),
				verb(verbNotify, layout.Word("dialect", ' '), values()),
				verb(verbOK, layout.Text("seq", "left")),
				verb(verbNo, layout.Text("reason", "left")),
				layout.Else(layout.Text("text", "left")))),
		layout.Lit("mark", "*"),
		layout.Check("xor", layout.Xor8, "0", "pos - 1").InHex(),
		layout.Lit("end", lineEnd),
	)
}

// values is a value of a Bluetooth characteristic, in hexadecimal digits.
func values() layout.Node {
	return layout.Unhex(layout.Switch(
		layout.Case("dialect == 'm'", mobileValue()),
		layout.Case("dialect == 'c'", c6Value()),
		layout.Case("dialect == 's'", skynValue()),
	))
}

func named[T interface {
	~uint8
	fmt.Stringer
}](n int) map[int64]string {
	names := map[int64]string{}
	for i := range n {
		names[int64(i)] = T(i).String()
	}
	return names
}

// concentration is one in 1/10,000 % BAC.
func concentration() layout.Node { return layout.Uint("bac", 2).Scale(10_000, bacScale).Unit(" % BAC") }

func extra() layout.Node { return layout.Rest("extra") }

// vioFrame is a frame of dialect V.
func vioFrame() layout.Node {
	is := func(command int, nodes ...layout.Node) layout.Node {
		return layout.Case(fmt.Sprintf("command == %d", command), nodes...)
	}
	return layout.Seq(
		layout.If("be16(pos) != 0x1002", layout.Fail()),
		layout.Lit("start", vioStart),
		layout.Uint("length", 1).Expect("size - 6"),
		layout.If("length == 0", layout.Fail()),
		layout.Uint("command", 1).Hex().Title().Names(map[int64]string{
			cmdID: "id request", cmdStatus: "status request", cmdError: "error request", cmdSetting: "setting request", cmdSettingWrite: "setting write",
			cmdControl: "control", replyID: "id", replyStatus: "status", replyError: "error", replySetting: "setting",
			replySettingWritten: "setting written", replyButton: "button", replyControl: "control reply",
		}),
		layout.Sub("length - 1", layout.Switch(
			is(cmdSetting, layout.Uint("param", 1)),
			is(cmdSettingWrite, layout.Uint("param", 1), layout.Rest("value")),
			is(cmdControl, layout.Uint("action", 1).Names(named[VioAction](len(vioActions)))),
			is(replyID, layout.Uint("hardware", 1), layout.Uint("hardware version", 1), layout.Uint("software", 1), layout.Uint("software version", 1), extra()),
			is(replyStatus,
				layout.Bits("battery and state", 1, layout.Part{From: 4, Count: 4, Label: "battery", Unit: "/15"}, layout.Part{Count: 4, Names: named[VioState](16)}),
				layout.Uint("heat count", 1), concentration().LE(), extra()),
			is(replyError, layout.Uint("code", 1).Names(named[VioErrorCode](256)), layout.Uint("info", 1), extra()),
			is(replySetting, layout.Uint("param", 1), layout.Rest("value")),
			is(replySettingWritten, layout.Rest("data")),
			is(replyButton, layout.Rest("data")),
			is(replyControl, layout.Rest("data")),
			layout.Case("!in(command, 0x70, 0x71, 0x72)", layout.Rest("payload")),
		)),
		layout.Check("xor", layout.Xor8, "2", "pos"),
		layout.Lit("end", vioEnd),
	)
}

// mobileValue is a frame of dialect M; see readMobile.
func mobileValue() layout.Node {
	is := func(verb string, command int, nodes ...layout.Node) layout.Node {
		return layout.Case(fmt.Sprintf("verb == '%s' && command == %d", verb, command), nodes...)
	}
	return layout.Seq(
		layout.Lit("start", mobileStart),
		layout.Uint("command", 1).Hex().Title(),
		layout.Let("n", "trimmed(0) - 1 - pos"),
		layout.If(fmt.Sprintf("n < 0 || byte(trimmed(0) - 1) != %d", mobileEnd), layout.Fail()),
		layout.Let("data", fmt.Sprintf("if(n >= 2 || n == 1 && verb == 'write' && command == %d, n - 1, n)", mobileCmdUses)),
		layout.Let("from", "pos"),
		layout.Sub("data", layout.Switch(
			is(verbWrite, mobileCmdPower, layout.Uint("action", 1)),
			is(verbWrite, mobileCmdSetting, layout.Uint("setting", 1)),
			is(verbWrite, mobileCmdWrite, layout.Uint("setting", 1), layout.Uint("value", 1)),
			is(verbWrite, mobileCmdUses),
			is(verbNotify, mobileReplyStatus, layout.Uint("state", 1).Names(named[VioState](16)), concentration(), layout.Uint("left", 1).Unit(" s"), layout.Uint("uses", 2), extra()),
			is(verbNotify, mobileReplyError, layout.Uint("code", 1).Names(named[VioErrorCode](256)), layout.If("left > 0", layout.Uint("info", 1)), extra()),
			layout.Else(layout.Rest("data")))),
		layout.Switch(
			layout.Case("data == n"),
			layout.Case("data >= 2", layout.Check("xor", layout.Xor8, "from", "pos")),
			layout.Else(layout.Uint("spare", 1).Hex())),
		layout.Lit("end", string([]byte{mobileEnd})),
		layout.Rest("padding"),
	)
}

// c6Value is a value of dialect C; see readC6.
func c6Value() layout.Node {
	return layout.Seq(
		layout.Uint("code", 1).Hex().Title(),
		layout.Switch(
			layout.Case("verb == 'write' && code == 0x00", layout.Lit("start", "\x01")),
			layout.Case("verb == 'write' && code == 0x05", layout.Lit("uses", "\x0A")),
			layout.Case("verb == 'write' && code == 0x08"),
			layout.Case("verb == 'notify' && code == 0x80",
				layout.Uint("phase", 1).Names(named[C6Phase](256)), layout.Uint("left", 1).Unit(" s"),
				layout.If(fmt.Sprintf("phase == %d && left >= 2", C6Completed), layout.Uint("bac", 2).Scale(1000, 3).Unit(" % BAC")),
				layout.Rest("data")),
			layout.Case("verb == 'notify' && code == 0x81", layout.Uint("unknown", 1), concentration().LE(), extra()),
			layout.Case("verb == 'notify' && code == 0x85", layout.Uint("setting", 1).Hex(), layout.Switch(
				layout.Case("setting == 0x09", layout.Uint("unit", 1), extra()),
				layout.Case("setting == 0x0A", layout.Uint("count", 2).LE(), extra()))),
			layout.Case("verb == 'notify' && code == 0x88", millivolts(), extra()),
			layout.Else(layout.Rest("data"))),
	)
}

func millivolts() layout.Node { return layout.Uint("mV", 2).LE() }

// skynValue is a value of dialect S; see readSkyn.
func skynValue() layout.Node {
	at := layout.Unix("time").LE()
	count := layout.Uint("count", 4).LE()
	is := func(verb string, opcode int, nodes ...layout.Node) layout.Node {
		return layout.Case(fmt.Sprintf("verb == '%s' && opcode == %d", verb, opcode), nodes...)
	}
	records := layout.While("left >= 8", layout.Uint("record", 1).Names(map[int64]string{SkynChunk: "chunk", SkynSample: "sample", SkynEvent: "event", SkynVoltage: "voltage"}),
		layout.Switch(
			layout.Case("record == 0", layout.Uint("unknown", 1), at, layout.Uint("every", 2).LE().Unit(" s")),
			layout.Case("record == 1", layout.Uint("alcohol", 2), layout.Uint("unknown", 1), layout.Uint("temperature", 2).LE(), layout.Uint("motion", 2).LE()),
			layout.Case("record == 2", layout.Uint("unknown", 1), at, layout.Uint("event", 1).Hex(), layout.Uint("payload", 1)),
			layout.Else(layout.Bytes("data", "7"))))
	return layout.Seq(
		layout.Uint("opcode", 1).Hex().Title(),
		layout.Switch(
			is(verbWrite, skynSetTime, at),
			is(verbWrite, skynCalibration, layout.Uint("point", 1)),
			is(verbWrite, skynFetch, count),
			is(verbWrite, skynRealtime, layout.Uint("on", 1)),
			is(verbNotify, skynTimeReply, at),
			is(verbNotify, skynBatteryReply, millivolts(), extra()),
			is(verbNotify, skynCalibrationReply, layout.Uint("point", 1), layout.Uint("version", 2).LE(), layout.Uint("lsb", 2).LE(),
				layout.Float("concentration", 4, 4).LE(), at),
			is(verbNotify, skynCountReply, count),
			is(verbNotify, skynRecordsReply, records),
			is(verbNotify, skynRealtimeReply, records),
			layout.Case(fmt.Sprintf("verb == 'write' && in(opcode, %d, %d, %d, %d, %d, %d)", skynTime, skynBattery, skynDisconnect, skynCount, skynRewind, skynDiscard)),
			layout.Else(layout.Rest("data"))),
	)
}
