package rftrack

import (
	"fmt"
	"sync"

	"github.com/sargas-em/em/protocol/layout"
)

// Layout describes the frames; see package layout.
func (Codec) Layout() *layout.Layout { return frames() }

// frames says of frames what Decode reads in them; a test holds the two together.
var frames = sync.OnceValue(func() *layout.Layout {
	head := fmt.Sprintf(`find('\r\n\r\n', 0, %d)`, maxHead) // where its last line ends
	header := func(name string) string {
		return fmt.Sprintf(`findfold('\r\n%s:', 0, %s + 2)`, name, head)
	}
	behind := fmt.Sprintf("(%s + %d)", header("content-length"), len("\r\nContent-Length:"))
	length := fmt.Sprintf(`decimal(%s, find('\r', %[1]s))`, behind)
	bounded := fmt.Sprintf("%s >= 0 && %s >= 0 && %s < 0 && %s >= 0 && %[4]s <= %[5]d",
		head, header("content-length"), header("transfer-encoding"), length, maxBody)
	size := fmt.Sprintf("if(%s, %s + 4 + %s, 0)", bounded, head, length)
	return layout.Must(layout.Description{
		Name:  Name,
		Title: "RF-Track",
		Start: fmt.Sprintf("starts('%s%s ')", postStart, path),
		Frames: []layout.Frame{ // by numbers, for which bytes are waited
			{If: "byte(0) == 0x50 && be32(1) == 0x4F535420", Size: size},                                             // POST
			{If: "byte(0) == 0x48 && be32(0) == 0x48545450 && be32(4) == 0x2F312E31 && byte(8) == 0x20", Size: size}, // HTTP/1.1
		},
		Between: "\r\n",
		Fields: []layout.Node{
			layout.Let("head", head),
			layout.If("head < 0", layout.Fail()),
			layout.Sub("head + 2", startLine(), layout.While("left > 0", headerLine())),
			layout.Lit("end of the head", "\r\n"),
			layout.Switch(
				layout.Case("path == '"+path+"'", layout.While("left > 0",
					layout.Sub("if(in(byte(find('=') + 1), 0x7B, 0x5B), outside('&'), until('&'))", formField()),
					layout.If("left > 0", layout.Lit("separator", "&")))),
				layout.Else(layout.While("left > 0", layout.Text("body", "min(left, 100)"))), // Wireshark shows no more at once
			),
		},
	})
})

// line is one of the head, with its end.
func line(nodes ...layout.Node) layout.Node {
	return layout.Seq(layout.Sub(`find('\r\n') - pos`, nodes...), layout.Lit("end of the line", "\r\n"))
}

func startLine() layout.Node {
	return line(layout.Switch(
		layout.Case("starts('"+httpStart+"')", layout.Word("version", ' '), layout.Word("status", ' ').Title(), layout.Text("reason", "left")),
		layout.Else(layout.Word("method", ' '), layout.Word("path", ' ').Title(), layout.Text("version", "left")),
	))
}

func headerLine() layout.Node {
	return line(
		layout.If("find(':') < 0", layout.Fail()),
		layout.Let("length", "findfold('content-length:') == pos"),
		layout.Word("header", ':'),
		layout.Text("blanks", `run(' \t')`),
		layout.Switch(
			layout.Case("length", layout.Text("content length", "left").Expect("size - head - 4")),
			layout.Else(layout.Text("value", "left")),
		),
	)
}

// formField is the name of a field of a form and its value.
func formField() layout.Node {
	is := func(name string, value layout.Node) layout.Node { return layout.Case("field == '"+name+"'", value) }
	text := func(name string) layout.Node { return layout.Text(name, "left") }
	ago := func(label string, from uint8) layout.Part {
		return layout.Part{From: from, Count: 15, Label: label, Unit: " s", Div: 0.1, Names: map[int64]string{never: label + " never"}}
	}
	return layout.Seq(
		layout.Word("field", '='),
		layout.Switch(
			is("i", text("unit")),
			is("v", text("firmware")),
			is("t", text("time").UnixMilli()),
			is("id", text("bracelet")),
			is("rc", text("bracelet's code").Parts(layout.Part{From: 16, Count: 16, Label: "status"}, layout.Part{Count: 16, Label: "code"})),
			is("idt", text("bracelet's counters").Parts(ago("heartbeat", 45), ago("paired", 30), ago("unpaired", 15), ago("fourth", 0))),
			is("mt", text("movement").Parts(ago("unit", 0), ago("bracelet", 15))),
			is("bat", text("supply").Parts(layout.Part{Count: 8, Unit: " %"}, layout.Part{From: 8, Count: 4, Label: "plug"}, layout.Part{From: 12, Count: 4, Label: "charge"})),
			is("gps", object(
				key("a", "", member("accuracy")), key("x", "", member("longitude")), key("y", "", member("latitude")),
				key("z", "", member("altitude")), key("s", "", member("satellites")), key("t", "", member("fix time").UnixMilli()),
			)),
			is("gsm", object(
				key("b", "[", layout.Let("cells", "1")),
				layout.Case("starts(']')", layout.Text("sign", "1"), layout.Let("cells", "0")),
				layout.Case("cells", cases(key("c", "", member("cid")), key("l", "", member("lac")), key("b", "", member("level")))),
				key("c", "", member("mcc")), key("n", "", member("mnc")),
			)),
			is("wifi", object(key("m", "", member("mac")), key("l", "", member("rssi")), key("t", "", member("ssid")))),
			layout.Else(text("value")),
		),
	)
}

// percent are what JSON has of signs that stand percent-encoded.
func percent() (all []layout.Escape) {
	for _, c := range " \"[]{},:" {
		for _, form := range []string{"%%%02X", "%%%02x"} {
			all = append(all, layout.Escape{Coded: fmt.Sprintf(form, c), Plain: string(c)})
		}
	}
	return all
}

// object is a value of JSON, as it is or percent-encoded, of which known says some.
func object(known ...layout.Node) layout.Node {
	members := layout.Seq(layout.Let("cells", "0"), layout.While("left > 0", cases(known...)))
	return layout.Switch(
		layout.Case("starts('%')", layout.Unescape(percent(), members)),
		layout.Else(members),
	)
}

// cases are known ones, or a sign or a value of JSON.
func cases(known ...layout.Node) layout.Node {
	const signs = "run('{}[], ')"
	return layout.Switch(append(known,
		layout.Case(signs+" > 0", layout.Text("sign", signs)),
		layout.Else(layout.Text("value", "max(outside(',}]'), 1)")))...)
}

// key is a key of JSON, behind whose colon sign stands, and what follows.
func key(name, sign string, node layout.Node) layout.Node {
	text := `"` + name + `":` + sign
	return layout.Case("starts('"+text+"')", layout.Lit("key", text), node)
}

// member is the value of a member of an object.
func member(name string) layout.Node { return layout.Text(name, "outside(',}]')") }
