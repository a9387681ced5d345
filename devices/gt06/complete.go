package gt06

import "bytes"

// Complete puts back the last byte, where a copy ends with the one before it: 0D 0A
// is the end of a line to programs that print frames.
func (Codec) Complete(copied []byte) (frame []byte, lacked string) {
	if headLen(copied) == 0 || copied[len(copied)-1] != trailer[0] {
		return nil, ""
	}
	return append(bytes.Clone(copied), trailer[1]), "the last byte, 0A"
}
