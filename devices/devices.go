// Package devices lists the dialects that the SDK speaks.
package devices

import (
	"github.com/sargas-em/em/devices/alcoholuart"
	"github.com/sargas-em/em/devices/bactrack"
	"github.com/sargas-em/em/devices/eview"
	"github.com/sargas-em/em/devices/gt06"
	"github.com/sargas-em/em/devices/jt808"
	"github.com/sargas-em/em/devices/laipac"
	"github.com/sargas-em/em/devices/megastek"
	"github.com/sargas-em/em/devices/r16h"
	"github.com/sargas-em/em/devices/rftrack"
	"github.com/sargas-em/em/devices/sanav"
	"github.com/sargas-em/em/devices/siadc09"
	"github.com/sargas-em/em/devices/watch3g"
	"github.com/sargas-em/em/devices/xexun2"
	"github.com/sargas-em/em/protocol"
)

// All returns every device, in alphabetical order. Each call returns a new slice.
func All() []protocol.Device {
	return []protocol.Device{
		alcoholuart.Device(),
		bactrack.Device(),
		eview.Device(),
		gt06.Device(),
		jt808.Device(),
		laipac.Device(),
		megastek.Device(),
		r16h.Device(),
		rftrack.Device(),
		sanav.Device(),
		siadc09.Device(),
		bactrack.Skyn(),
		watch3g.Device(),
		xexun2.Device(),
	}
}
