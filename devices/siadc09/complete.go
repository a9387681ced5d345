package siadc09

import "bytes"

// Complete puts back LF and CR, which programs that print a frame a line leave out.
func (Codec) Complete(copied []byte) (frame []byte, lacked string) {
	text := bytes.Trim(copied, "\r\n")
	if len(text) == 0 || bytes.ContainsAny(text, "\r\n") || len(copied) > 1 && copied[0] == '\n' && copied[len(copied)-1] == '\r' {
		return nil, ""
	}
	return append(append([]byte{'\n'}, text...), '\r'), "LF and CR"
}
