package jt808

import (
	"bytes"

	"github.com/sargas-em/em/protocol/checksum"
)

// Complete puts back the escapes in a copy of one frame that has them undone, as
// programs write it that look behind the escapes: there a flag stands inside, or the
// check code is right as the bytes stand.
func (Codec) Complete(copied []byte) (frame []byte, lacked string) {
	n := len(copied)
	if n < 2 || copied[0] != flag || copied[n-1] != flag {
		return nil, ""
	}
	content := copied[1 : n-1]
	if checksum.Xor8(content) != 0 && bytes.IndexByte(content, flag) < 0 || bytes.IndexByte(content, flag) < 0 && bytes.IndexByte(content, 0x7D) < 0 {
		return nil, ""
	}
	return appendEscaped(nil, content, flag), "the escapes"
}
