package sanav

import (
	"fmt"
	"sync"

	"github.com/sargas-em/em/protocol/layout"
	"github.com/sargas-em/em/protocol/nmea"
)

// Layout describes the frames; see package layout.
func (Codec) Layout() *layout.Layout { return frames() }

// frames says of frames what Decode reads in them; a test holds the two together.
var frames = sync.OnceValue(func() *layout.Layout {
	head := "run('0123456789') == 15 && byte(15) == 0x2C && be16(16) == 0x2447"
	line := "run('" // of what is printable; its end is waited for
	for c := ' '; c <= '~'; c++ {
		line += fmt.Sprintf(`\x%02x`, c)
	}
	line += "')"
	begins := "(" + head + " || starts('imei') || starts('" + cota + "')"
	for _, reply := range []string{"setup ok", "setup fail", "command error"} {
		begins += " || findfold('" + reply + "', 0, " + line + ") >= 0"
	}
	begins += ")"
	// The first of the places where another report begins inside the line, or its end.
	whole := line
	for _, again := range []string{"find('imei=', 1, " + line + ")", "find('imei:', 1, " + line + ")", "find(',$G', 17, " + line + ") - 15"} {
		whole = "min(" + whole + ", if(" + again + " > 0, " + again + ", " + line + "))"
	}
	return layout.Must(layout.Description{
		Name:  name,
		Title: "SANAV",
		Start: "starts('imei=') || starts('imei:') || starts('GET /') && find('?imei=') >= 0 || " + head,
		Frames: []layout.Frame{ // by numbers, for which bytes are waited
			{If: "byte(0) == 0x47 && be32(0) == 0x47455420 || byte(0) == 0x48 && be32(0) == 0x48545450", Size: `find('\r\n\r\n') + 4`},
			{If: "byte(0) == 0x23", Size: "if(find('*', 0, " + line + ") >= 0, find('*') + 1, " + line + " + 0 * byte(" + line + "))"},
			{If: "byte(0) >= 0x20 && byte(0) <= 0x7E && byte(" + line + ") >= 0 && " + begins, Size: whole},
		},
		Between: "\r\n",
		Fields: []layout.Node{
			layout.Switch(
				layout.Case(head, report()),
				layout.Case("starts('GET /')", request()),
				layout.Case("starts('HTTP/1.')",
					layout.Lit("http", http), layout.Text("minor version", "1"), layout.Lit("status", " 200"),
					text("headers")),
				layout.Case("starts('#')",
					layout.Lit("start", "#"),
					layout.Sub("left - (byte(size - 1) == 0x2A)",
						nmea.Field("username"), nmea.Field("password"), nmea.Field("function").Title(),
						layout.While("left > 0", nmea.Field("argument"))),
					layout.Lit("end", "*")),
				layout.Case("starts('"+cota+"')",
					layout.Lit("start", cota), nmea.Field("function").Title(),
					layout.While("left > 0", nmea.Field("argument"))),
				layout.Case("starts('imei')", legacy()),
				layout.Else(layout.Text("reply", "min(left, 100)").Title(), text("reply")),
			),
			layout.If("left > 0", layout.Text("end", "left")),
		},
	})
})

// text is all that is left, in parts that Wireshark shows whole.
func text(name string) layout.Node {
	return layout.While("left > 0", layout.Text(name, "min(left, 100)"))
}

// separator is the comma behind a sentence, which one without a star has taken.
func separator() layout.Node {
	return layout.If("left > 0 && rmc_star >= 0", layout.Lit("separator", ","))
}

func report() layout.Node {
	nodes := []layout.Node{
		nmea.Layout(), separator(),
		nmea.Field("event").Meanings(map[string]string{"AUTO": "periodic", "ST": "strap", "TT": "tamper switch of the home unit"}).Title(),
	}
	for _, n := range []string{
		"bracelet", "reserved", "reserved", "reserved", "counter", "csq", "battery", "gps sensitivity", "hdop",
		"mcc", "mnc", "lac", "cid", "level",
	} {
		nodes = append(nodes, nmea.Field(n))
	}
	nodes = append(nodes, layout.While("left > 0", nmea.Field("neighbour")))
	return layout.Seq(
		layout.Text("imei", "15"), layout.Lit("separator", ","),
		layout.Switch(
			layout.Case("byte(pos + 3) == 0x52 && be16(pos + 4) == 0x4D43", nodes...),
			layout.Else(layout.Text("sentence", "min(left, 7)").Title(), text("data")),
		),
	)
}

// request is a GET with a report in it.
func request() layout.Node {
	return layout.Seq(
		layout.Lit("method", "GET "),
		layout.Let("line", `if(find('\r\n') >= 0, find('\r\n'), size)`),
		layout.Let("question", "find('?', pos, line)"),
		layout.Let("version", "find(' "+http+"', pos, line)"),
		layout.Switch(
			layout.Case("question < 0 || version < question", text("target")),
			layout.Else(
				layout.Text("path", "question - pos"),
				layout.Lit("query", "?"),
				layout.Sub("version - pos", legacy(), layout.If("left > 0", layout.Text("end", "left"))),
				text("headers"),
			),
		),
	)
}

// legacy is "imei=…&rmc=" or "imei:…rmc:", a sentence and fields.
func legacy() layout.Node {
	return layout.Seq(
		layout.Let("colon", "starts('imei:')"),
		layout.Let("middle", "if(colon, find('rmc:', pos + 5), find('&', pos + 5))"),
		layout.If("colon", layout.Lit("start", "imei:")),
		layout.If("!colon", layout.Lit("start", "imei=")),
		layout.If("middle < 0", text("imei")),
		layout.Text("imei", "middle - pos"),
		layout.Switch(
			layout.Case("!colon && !starts('&rmc=')",
				layout.Lit("separator", "&"),
				layout.Text("key", "min(left, until('=') + 1)"), text("data")),
			layout.Else(
				layout.If("colon", layout.Lit("rmc", "rmc:")),
				layout.If("!colon", layout.Lit("rmc", "&rmc=")),
				nmea.Layout(), separator(),
				layout.While("left > 0", nmea.Field("field")),
			),
		),
	)
}
