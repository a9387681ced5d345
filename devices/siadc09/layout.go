package siadc09

import (
	"fmt"
	"strings"
	"sync"

	"github.com/sargas-em/em/protocol/layout"
)

// Layout describes the frames; see package layout.
func (Codec) Layout() *layout.Layout { return frames() }

// frames says of frames what Decode reads in them; a test holds the two together.
// What is encrypted is one field: a layout has no keys.
var frames = sync.OnceValue(func() *layout.Layout {
	const (
		inDigits = "byte(9) == 0x22"
		inBytes  = "byte(7) == 0x22 && byte(3) == 0x30"
	)
	head := func(check ...layout.Node) layout.Node {
		return layout.Sub("left - 1", append(check, message())...)
	}
	return layout.Must(layout.Description{
		Name:  Name,
		Title: "SIA DC-09",
		// One more LF may stand in front.
		Start: "byte(0) == 0x0A && (" + inDigits + " || " + inBytes + " || byte(1) == 0x0A && in(0x22, byte(10), byte(8)))",
		Frames: []layout.Frame{
			{If: "starts('\\nSR') && byte(7) == 0x4C || starts('\\n\"ACK\"\\r')", Size: "find('\\r') + 1"},
			{If: "byte(0) == 0x0A && " + inDigits, Size: "if(find('\\n', 9, find('\\r', 9)) < 0, find('\\r', 9) + 1, 0)"},
			{If: "byte(0) == 0x0A && " + inBytes, Size: "if(find('\\n', 7, find('\\r', 7)) < 0, find('\\r', 7) + 1, 0)"},
		},
		Between: "\r", // a frame begins with LF
		Fields: []layout.Node{
			layout.Lit("start", "\n"),
			layout.If("size < 2 || byte(size - 1) != 0x0D", layout.Fail()),
			layout.Switch(
				layout.Case("starts('SR')", layout.Sub("left - 1", poll())),
				layout.Case("starts('\"ACK\"')", layout.Text("answer to a poll", "5").Title()),
				layout.Case(inDigits, head(layout.Check("check code", layout.ARC, "9", "size - 1").InHex(), layout.Text("length", "4").Hex().Expect("left - 4"))),
				layout.Case(inBytes, head(layout.Check("check code", layout.ARC, "7", "size - 1"), layout.Text("length", "4").Hex().Expect("left - 4"))),
				layout.Else(layout.Fail()),
			),
			layout.Lit("end", "\r"),
		},
	})
})

// poll is what stands behind the LF of a Poll.
func poll() layout.Node {
	blanks := layout.Text("blanks", "max(run(' '), 1)")
	return layout.Seq(
		layout.Text("start of a poll", "2").Title(),
		layout.Text("receiver", "4"),
		layout.Lit("line sign", "L"),
		layout.Text("line", "4"),
		blanks,
		layout.Text("account", "until(' [')"),
		blanks,
		layout.Lit("bracket", "[ID"),
		layout.Text("identity", "8"),
		layout.Lit("bracket", "]"),
	)
}

const (
	decimal = "0123456789"
	hexa    = decimal + "ABCDEFabcdef"
	small   = "abcdefghijklmnopqrstuvwxyz"
	capital = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	marks   = "/^*|"
)

// message is what stands between the length and the CR.
func message() layout.Node {
	is := func(ids ...string) string { return "in(identifier, '" + strings.Join(ids, "', '") + "')" }
	clear := []string{DCS, ContactID, Null, Ack, Nak, Duh, Rsp}
	var sealed []string
	for _, id := range clear {
		sealed = append(sealed, "*"+id)
	}
	// signed is a sign and the hexadecimal digits behind it.
	signed := func(name, sign string) layout.Node {
		return layout.If("starts('"+sign+"')", layout.Text(name, "run('"+sign+hexa+"')"))
	}
	stamp := layout.Text("time stamp", fmt.Sprint(len(stampLayout))).Date("hh:mm:ss,MM-DD-CCYY")
	return layout.Seq(
		layout.Lit("quote", `"`),
		layout.Word("identifier", '"').Title(),
		layout.Text("sequence number", "4"),
		signed("receiver", "R"),
		layout.If("starts('L')", layout.Text("line", "run('L"+hexa+"') - if(identifier == 'NAK' && run('L"+hexa+"') > 3 && find('"+noAccount+"[') == pos + run('L"+hexa+"') - 2, 2, 0)")),
		signed("account", "#"),
		layout.If("identifier == 'NAK' && starts('"+noAccount+"')", layout.Text("no account", "2")),
		layout.Lit("bracket", "["),
		layout.Switch(
			layout.Case(is(sealed...)+" && left <= 128", layout.Text(sealedName, "left")),
			layout.Case(is(sealed...), layout.Bytes(sealedName, "left")),
			layout.Case(is(clear...),
				layout.Sub("find(']') - pos",
					layout.Switch(
						layout.Case(is(DCS, ContactID), inData(),
							layout.Switch(layout.Case(is(ContactID), contactID()), layout.Else(codes()))),
						layout.Else(layout.Text("data", "left")))),
				layout.Lit("bracket", "]"),
				layout.While("starts('[')",
					layout.Lit("bracket", "["),
					layout.If("starts('H')", layout.Text("kind of extended data", "1")),
					layout.Text("extended data", "find(']') - pos").Date("hh:mm:ss,MM-DD-CCYY"),
					layout.Lit("bracket", "]")),
				layout.If("starts('_')", layout.Lit("stamp sign", "_"), stamp)),
			layout.Else(layout.While("left > 0", layout.Text("data", "min(left, 100)"))), // Wireshark shows no more at once
		),
	)
}

// inData is what data of events begin with.
func inData() layout.Node {
	return layout.Seq(
		layout.If("starts('#') && find('|') >= 0", layout.Text("account in the data", "find('|') - pos")),
		layout.If("starts('|')", layout.Lit("bar", "|")),
	)
}

func contactID() layout.Node {
	return layout.Seq(
		layout.Text("qualifier", "1").Meanings(map[string]string{"1": "new", "3": "restored", "6": "still so"}),
		layout.Text("event code", "3"),
		layout.Lit("blank", " "),
		layout.Text("group", "2"),
		layout.Lit("blank", " "),
		layout.Text("zone or user", "3"),
		layout.If("left > 0", layout.Text("end of the data", "left")),
	)
}

// codes are blocks of SIA codes.
func codes() layout.Node {
	age := layout.If("starts('N') || starts('O')", layout.Text("new or old", "1").Meanings(map[string]string{"N": "new", "O": "from memory"}))
	some := func(name, length string) layout.Node {
		return layout.If(length+" > 0", layout.Text(name, length))
	}
	quoted := func(sign string) layout.Node {
		return layout.Case("starts('"+sign+"')", layout.Text("text", "if(find('"+sign+"', pos + 1) < 0, left, find('"+sign+"', pos + 1) - pos + 1)"))
	}
	return layout.Seq(
		age,
		layout.While("left > 0", layout.Switch(
			layout.Case("starts('/')", layout.Lit("separator", "/")),
			quoted("^"), quoted("*"),
			layout.Case("starts('|N') || starts('|O')", layout.Lit("bar", "|"), age),
			layout.Case("starts('|')", layout.Text("text", "if(find('|', pos + 1) < 0, left, find('|', pos + 1) - pos)")),
			layout.Case("run('"+small+"') > 1", layout.Text("modifier", "2"), some("value", "until('"+marks+capital+"')")),
			layout.Case("run('"+capital+"') > 1", layout.Text("event code", "2"), some("address", "run('"+decimal+"')"), some("text", "until('"+marks+"')")),
			layout.Else(layout.Text("event code", "left")), // which is none
		)),
	)
}
