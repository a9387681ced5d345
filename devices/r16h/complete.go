package r16h

import "bytes"

// Complete puts back the sign of the end, which programs that print a frame a line
// leave out.
func (Codec) Complete(copied []byte) (frame []byte, lacked string) {
	text := bytes.Trim(copied, "\r\n")
	if len(text) == 0 || bytes.ContainsAny(text, "$\r\n") {
		return nil, ""
	}
	return append(bytes.Clone(text), '$'), "the $ at the end"
}
