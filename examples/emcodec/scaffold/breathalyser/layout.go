//go:build overlay

package scaffold

import (
	"fmt"
	"strings"
	"sync"

	"github.com/sargas-em/em/protocol/layout"
)

// Layout describes the frames, for dumps and for Wireshark; see package layout.
func (Codec) Layout() *layout.Layout { return frames() }

// frames says of frames what read reads in them: change the two together.
var frames = sync.OnceValue(func() *layout.Layout {
	const lineEnd = `until('\r\n')` // which is waited for
	var fields []layout.Node
	for _, k := range kinds {
		fields = append(fields, layout.Case("type == '"+strings.ToUpper(k.name)+"'", k.fields...))
	}
	return layout.Must(layout.Description{
		Name:  name,
		Title: title,
		Start: "byte(0) == 0x24 && byte(" + lineEnd + " - 3) == 0x2A",
		Frames: []layout.Frame{{
			If:   fmt.Sprintf("byte(0) == 0x24 && %s <= %d && byte(%[1]s) >= 0 && find('$', 1, %[1]s) < 0", lineEnd, maxFrame),
			Size: lineEnd,
		}},
		Between: "\r\n",
		Fields: []layout.Node{
			layout.Lit("start", start),
			layout.Sub("left - 3",
				layout.Word("type", ',').Title(),
				layout.Word("identity", ','),
				layout.Word("serial", ','),
				layout.Switch(fields...),
				layout.While("left > 0", layout.Word("fields", ',')),
			),
			layout.Lit("star", "*"),
			layout.Check("check", layout.Xor8, "1", "size - 3").InHex(),
		},
	})
})

// stamped is the fields of a Stamp, and those behind it.
func stamped(names ...string) []layout.Node {
	return []layout.Node{layout.Words(',', append([]string{"time", "flags"}, names...)...)}
}
