package watch3g

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/sargas-em/em/protocol/layout"
	"github.com/sargas-em/em/protocol/nmea"
)

// Layout describes the frames; see package layout.
func (Codec) Layout() *layout.Layout { return frames() }

// The places of a frame's head as expressions: behind the number and its star, of
// the content, and what the length in front of it says.
const (
	behindID = "(find('*', 4) + 1)"
	indexed  = "(byte(" + behindID + " + 4) == 0x2A && byte(" + behindID + " + 9) == 0x2A)"
	content  = "(" + behindID + " + if(" + indexed + ", 10, 5))"
)

var length = func() string {
	digit := func(back int) string {
		b := fmt.Sprintf("byte(%s - %d)", content, back)
		return fmt.Sprintf("if(%s >= 0x61, %[1]s - 0x57, if(%[1]s >= 0x41, %[1]s - 0x37, %[1]s - 0x30))", b)
	}
	return fmt.Sprintf("(4096 * %s + 256 * %s + 16 * %s + %s)", digit(5), digit(4), digit(3), digit(2))
}()

// frames says of frames what Decode reads in them; a test holds the two together.
var frames = sync.OnceValue(func() *layout.Layout {
	// is is what base asks, of a keyword that comes next.
	is := func(keywords ...string) string {
		var any []string
		for _, k := range keywords {
			next := fmt.Sprintf("byte(pos + %d)", len(k))
			any = append(any, fmt.Sprintf("starts('%s') && (left == %d || in(%s, 0x2C, 0x5F) || %[3]s >= 0x30 && %[3]s <= 0x39 || starts('%[1]sCUSTOMER'))", k, len(k), next))
		}
		return strings.Join(any, " || ")
	}
	// among is whether the keyword that was read is one of these.
	among := func(keywords []string) string { return "in(keyword, '" + strings.Join(keywords, "', '") + "')" }
	var anyCase []string
	for _, k := range slices.Sorted(maps.Keys(sensors)) {
		anyCase = append(anyCase, k, strings.ToUpper(k))
	}
	rest := func(name string) layout.Node { return layout.While("left > 0", nmea.Field(name)) }
	return layout.Must(layout.Description{
		Name:  name,
		Title: "Watch 3G",
		Start: "byte(0) == 0x5B && byte(3) == 0x2A && in(byte(" + content + " - 1), 0x2A)",
		Frames: []layout.Frame{
			{If: "byte(0) == 0x5B && byte(3) == 0x2A && find('[', " + content + ", find(']', " + content + ")) < 0", Size: "find(']') + 1"},
			// An opening bracket is in the content. Within the length there is another
			// closing one that goes with it, or the first is the end all the same.
			{
				If:   "byte(0) == 0x5B && byte(3) == 0x2A && find(']', find(']', " + content + ") + 1, " + content + " + " + length + " + 1) >= 0",
				Size: "find(']', find(']', " + content + ") + 1) + 1",
			},
			{If: "byte(0) == 0x5B && byte(3) == 0x2A", Size: "find(']') + 1"},
		},
		Between: "\r\n",
		Fields: []layout.Node{
			layout.Lit("start", "["),
			layout.If("size < 2 || byte(size - 1) != 0x5D", layout.Fail()),
			layout.Let("indexed", indexed),
			layout.Sub("left - 1",
				layout.Word("vendor", '*'),
				layout.Word("id", '*'),
				layout.If("indexed", layout.Word("index", '*')),
				layout.Text("length", "4").Hex().Expect("left - 5"), layout.Lit("star", "*"),
				layout.Switch(
					layout.Case("left == 2 && starts('AL') || left == 7 && starts('JXTKR,1')", layout.Text("content", "left").Title()),
					layout.Case(is("UD2", "UD", "AL", "WT"), nmea.Field("keyword").Title(), position(), rest("radio")),
					layout.Case(is("LK", "INIT"), nmea.Field("keyword").Title(), rest("field")),
					layout.Case(is("TKQ"), nmea.Field("keyword").Title()),
					layout.Case(is("TK", "JXTK"), nmea.Field("keyword").Title(), layout.Rest("sound")),
					layout.Else(
						nmea.Field("keyword").Title(),
						layout.Switch(
							layout.Case(among(anyCase), rest("value")),
							layout.Case(among(commands), rest("argument")),
							layout.Else(layout.While("left > 0", layout.Text("data", "min(left, 100)"))), // Wireshark shows no more at once
						)),
				),
				layout.If("left > 0", layout.Text("content", "left")),
			),
			layout.Lit("end", "]"),
		},
	})
})

// position is what stands behind UD and its like, up to the bits.
func position() layout.Node {
	return layout.Seq(
		nmea.Field("date").Date("DDMMYY"), nmea.Field("time").Date("hhmmss"),
		nmea.Field("status").Meanings(map[string]string{"A": "fix", "V": "no fix"}),
		nmea.Field("latitude"), nmea.Field("north or south"),
		nmea.Field("longitude"), nmea.Field("east or west"),
		nmea.Field("speed"), nmea.Field("course"), nmea.Field("altitude"),
		nmea.Field("satellites"), nmea.Field("gsm"), nmea.Field("battery"), nmea.Field("steps"), nmea.Field("tumbles"),
		nmea.Field("bits"),
	)
}
