package scaffold

import (
	"github.com/sargas-em/em"
	"github.com/sargas-em/em/protocol/wire"
)

// Tamper tells that something was opened: the strap, or the case. FlagOn: it is
// closed again.
type Tamper struct {
	Head
	Stamp
}

// Type returns "tamper".
func (*Tamper) Type() string { return "tamper" }

func (m *Tamper) payload(dst []byte) []byte { return m.append(dst) }

func (m *Tamper) observe() (Stamp, em.Body) {
	return m.Stamp, &em.Tamper{What: opened, Cleared: m.on()}
}

func readTamper(h Head, c *wire.Cursor) message { return &Tamper{h, stamp(c)} }
