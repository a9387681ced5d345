package main

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

// centerGarbage is how much garbage a center piles up at least. Go's own rule, as much
// as what lives, is for a center of some thousand people a collection a second under
// load, each of which looks at all of them: at 4,000 reports a second from 8,000
// devices a tenth of the processor. What lives of a larger center is more than this.
const centerGarbage = 256 << 20

// allowGarbage lets at least so many bytes of garbage pile up between two collections,
// from the next one on. Where more than half of that lives it is twice as much as lives,
// up to twice the least, and as much as lives where even that is more. It leaves GOGC
// alone where the operator has set it.
func allowGarbage(least uint64) {
	if os.Getenv("GOGC") != "" {
		return
	}
	watchCollection(least)
}

// watchCollection sets the percentage anew behind each collection: what it leaves is
// another each time, and a percentage that was meant for little would let much grow.
func watchCollection(least uint64) {
	collected := new([4]*byte) // by the next one
	runtime.AddCleanup(collected, func(least uint64) {
		lives := []metrics.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/gc/scan/stack:bytes"}}
		metrics.Read(lives)
		debug.SetGCPercent(gcPercent(lives[0].Value.Uint64()+lives[1].Value.Uint64(), least))
		watchCollection(least)
	}, least)
}

// gcPercent is the percentage by which so much garbage piles up on what lives.
func gcPercent(lives, least uint64) int {
	garbage := max(least, min(2*lives, 2*least), lives)
	return int(min(garbage*100/max(lives, 1), 10_000))
}
