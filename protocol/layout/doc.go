// Package layout describes the frames of a dialect as data: which fields there
// are, in what order, what they mean, and on what it depends which come. One
// description gives the annotated dump of a frame (Dissect) and a dissector for
// Wireshark and tshark (Lua), which show the same fields, at the same bytes, with
// the same names and values. Decoding stays Go code of its own; tests hold it and
// the layout together.
//
// # A description
//
// Nodes are read front to back. A frame of a mark, a length, a type, a payload by
// type and a check code is
//
//	layout.New(layout.Description{
//		Name: "beta", Title: "Beta",
//		Start:  "be16(0) == 0xBE7A",
//		Frames: []layout.Frame{{If: "be16(0) == 0xBE7A", Size: "byte(2) + 5"}},
//		Fields: []layout.Node{
//			layout.Lit("start", "\xBE\x7A"),
//			layout.Uint("length", 1).Expect("size - 5"),
//			layout.Sub("left - 2",
//				layout.Uint("type", 1).Hex().Names(map[int64]string{1: "login", 2: "fix"}).Title(),
//				layout.Switch(
//					layout.Case("type == 1", layout.Digits("imei", 8).Skip(1)),
//					layout.Case("type == 2",
//						layout.Unix("time"),
//						layout.Uint("latitude", 4).Signed().Scale(1e7, 7).Unit("°"),
//						layout.Uint("longitude", 4).Signed().Scale(1e7, 7).Unit("°")),
//				),
//				layout.Rest("tail"),
//			),
//			layout.Check("crc", layout.X25, "2", "pos"),
//		},
//	})
//
// Fields of text between separators are Word; what stands between escapes or as
// hexadecimal digits is read by the nodes of Unescape and Unhex.
//
// # Ranges
//
// The frame is a range, and each Sub is one within it. A field that does not fit
// into what is left of its range, and Fail, end the range: the rest of it is a span
// "unparsed", and reading goes on behind the range. So put what has a length of its
// own into a Sub, and what comes behind it is shown of broken frames too. What the
// nodes of a range leave is "unparsed" as well. There are no empty spans: fields
// without bytes are not shown.
//
// # Expressions
//
// Lengths, conditions and expected values are expressions over whole numbers, up to
// 2^53, and texts:
//
//	|| && == != < <= > >= + - * / % & >> ! ( )   as in Go; true is 1
//	17, 0x11, 'text', '\r\n'
//	pos, left, size       the next byte's offset, bytes left in the range, length of the frame
//	byte(i)               the byte at offset i; be16, le16, be32 and le32 likewise; -1 outside of the frame
//	find('x'), find('x', i)  the offset of a text in the range from pos, or from i; -1 for none
//	find('x', i, j)       the same of a text that ends before j
//	findfold('x', i, j)   find where capital letters are taken for small ones
//	count('x')            how often it is in what is left of the range
//	run('0123456789')     how many bytes of what is left stand before another than these
//	until('xy')           how many stand before the first of these
//	outside('xy')         until, but for those between double quotes, as in JSON
//	starts('x')           whether what is left begins with it
//	trimmed(v)            where the range ends without the bytes v at its end
//	date(i)               whether the six bytes at i are a Clock
//	decimal(i, j)         the number that the digits from offset i to j are, with blanks around, or -1
//	dec(v), hex(v)        the number that a text of up to nine digits is, or -1
//	len(v), min(a, b), max(a, b), if(c, a, b)
//	in(v, a, b, …)        whether v is one of the others
//	word                  a variable
//
// A field whose name is a word (letters, digits, _) sets the variable of that name;
// others do by Let. The variable of a Uint up to 4 bytes and of Bits is a number,
// that of Word, Text and Digits a text. It keeps its value until another field sets
// it, also between the turns of a Repeat; before, it is 0. / and % of or by what is
// below zero are 0, & is of 32 bits. Where a number is wanted a text is 0.
//
// # What is shown
//
// A span's Value is what the bytes say: a number with its unit, a name, a text as it
// stands. Its Note is what that means: "54.687200°" of degrees and minutes, "SOS" of
// an alarm, and of a check "OK   CRC-16/X-25" or "WRONG, expected …". Text is UTF-8;
// control characters and bytes that are no text are shown as \xNN. Of long data the
// first 32 bytes are shown, of Hidden data none.
//
// # Limits
//
// Nodes are a tree that New checks, so that no frame can make a walk endless: loops
// end where they take no bytes. Dissect never fails, and never looks at a clock.
package layout
