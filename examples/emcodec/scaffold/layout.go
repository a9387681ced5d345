package scaffold

import (
	"fmt"
	"sync"

	"github.com/sargas-em/em/protocol/layout"
)

// Layout describes the frames, for dumps and for Wireshark; see package layout.
func (Codec) Layout() *layout.Layout { return frames() }

// frames says of frames what read reads in them: change the two together.
var frames = sync.OnceValue(func() *layout.Layout {
	const begins = "byte(0) == 0xA5 && byte(1) == 0x5A"
	names := map[int64]string{}
	var payloads []layout.Node
	for _, k := range kinds {
		names[int64(k.code)] = k.name
		payloads = append(payloads, layout.Case(fmt.Sprintf("type == %d", k.code), k.fields...))
	}
	return layout.Must(layout.Description{
		Name:   name,
		Title:  title,
		Start:  begins,
		Frames: []layout.Frame{{If: fmt.Sprintf("%s && byte(2) >= %d && byte(2) <= %d", begins, leastBody, mostBody), Size: fmt.Sprintf("byte(2) + %d", overhead)}},
		Fields: []layout.Node{
			layout.Lit("start", start),
			layout.Uint("length", 1).Expect(fmt.Sprintf("size - %d", overhead)),
			layout.Sub("left - 2",
				layout.Uint("type", 1).Hex().Names(names).Title(),
				layout.Digits("identity", 8).Skip(1),
				layout.Uint("serial", 2),
				layout.Switch(payloads...),
				layout.Rest("payload"),
			),
			layout.Check("check", layout.X25, fmt.Sprint(len(start)), "pos"),
		},
	})
})

// stamped is the fields of a Stamp, and what stands behind it.
func stamped(fields ...layout.Node) []layout.Node {
	return append([]layout.Node{layout.Unix("time"), layout.Uint("flags", 1).Hex()}, fields...)
}
