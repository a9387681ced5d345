package alcoholuart

import (
	"fmt"

	"github.com/sargas-em/em"
)

// Unit is the unit of an Upload's numbers.
type Unit uint8

// Units.
const (
	PPM Unit = 3 // parts per million by volume
	PPB Unit = 4 // parts per billion by volume
)

// String returns "ppm", "ppb" or the number.
func (u Unit) String() string {
	switch u {
	case PPM:
		return "ppm"
	case PPB:
		return "ppb"
	}
	return fmt.Sprintf("unit 0x%02X", uint8(u))
}

// Upload is what a module that was not told otherwise sends every second
// (module → host). Modules for other gases than ethanol are unsupported.
type Upload struct {
	Unit          Unit
	Decimals      uint8  // of both numbers, 5 at most
	Concentration uint16 // see Value
	FullScale     uint16 // the most that the module measures
}

// Value returns the concentration in Unit.
func (m *Upload) Value() em.Decimal {
	return em.Decimal{Coef: int64(m.Concentration), Scale: m.Decimals}
}

// Full returns the full scale in Unit.
func (m *Upload) Full() em.Decimal {
	return em.Decimal{Coef: int64(m.FullScale), Scale: m.Decimals}
}

// Reply answers a Read (module → host).
type Reply struct {
	Mass          uint16 // bytes 2 and 3: µg/m³ on modules for other gases, 0 for ethanol
	Reserved      uint16 // bytes 4 and 5
	Concentration uint16 // ppb
}

// Read asks for a Reply (host → module).
type Read struct {
	Reserved [5]byte // zeros
}

// Mode is how a module speaks.
type Mode uint8

// Modes.
const (
	ModeUpload Mode = 0x40 // every second
	ModeAnswer Mode = 0x41 // when it is asked
)

// SetMode changes how the module speaks (host → module).
type SetMode struct {
	Mode     Mode
	Reserved [4]byte // zeros
}

// Type of each message.
func (*Upload) Type() string  { return "upload" }
func (*Reply) Type() string   { return "reply" }
func (*Read) Type() string    { return "read" }
func (*SetMode) Type() string { return "set mode" }
