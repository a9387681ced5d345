package bactrack

import "github.com/sargas-em/em/protocol"

// Complete puts the value of a characteristic into the line that carries it: of
// dialect C or M, whichever it can be read as. Those of dialect S begin as others do,
// and are left alone.
func (c Codec) Complete(copied []byte) (frame []byte, lacked string) {
	if len(copied) == 0 || overlap(copied, vioStart) || overlap(copied, lineStart) {
		return nil, ""
	}
	for _, verb := range []string{verbNotify, verbWrite} {
		for _, d := range []Dialect{DialectC, DialectM} {
			line, err := appendGATTValue([]byte(lineStart+lineVersion+" "), d, verb, copied)
			if err != nil {
				return nil, ""
			}
			line = endLine(line, 0)
			if m, err := c.Decode(line); err == nil {
				if _, raw := m.(*protocol.Raw); !raw {
					return line, "the line that carries a value of dialect " + string(d)
				}
			}
		}
	}
	return nil, ""
}
