package sample

import (
	"fmt"
	"strings"
	"sync"

	"github.com/sargas-em/em/protocol/layout"
)

// Layout describes the frames; see package layout.
func (Codec) Layout() *layout.Layout { return frames() }

// frames says of frames what Decode reads in them.
var frames = sync.OnceValue(func() *layout.Layout {
	const lineEnd = `find('\n')`
	var bodies []layout.Node
	for _, fields := range []string{
		"pos identity time latitude longitude stored", "strap identity time open", "alive identity",
		"ack time", "do number what", "done identity number ok",
	} {
		names := strings.Fields(fields)
		bodies = append(bodies, layout.Case("type == '"+names[0]+"'", layout.Words(',', names[1:]...)))
	}
	return layout.Must(layout.Description{
		Name:  "sample",
		Title: "Sample dialect",
		Start: "byte(0) == 0x23",
		Frames: []layout.Frame{
			{If: fmt.Sprintf("byte(0) == 0x23 && find('#', 1, %s) < 0 && %[1]s < %d", lineEnd, maxFrame), Size: lineEnd + " + 1"},
		},
		Between: "\r\n",
		Fields: []layout.Node{
			layout.Lit("start", "#"),
			layout.Sub("left - 5",
				layout.Word("type", ',').Title(),
				layout.Switch(bodies...),
				layout.Rest("data"),
			),
			layout.Lit("star", "*"),
			layout.Check("checksum", layout.Xor8, "1", "size - 5").InHex(),
			layout.Lit("end", "\r\n"),
		},
	})
})
