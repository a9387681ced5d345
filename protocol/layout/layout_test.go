package layout_test

import (
	"encoding/hex"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/sargas-em/em/protocol/layout"
	"github.com/sargas-em/em/protocol/wire"
)

// beta is the dialect of the package comment.
func beta() layout.Description {
	return layout.Description{
		Name: "beta", Title: "Beta",
		Start:  "be16(0) == 0xBE7A",
		Frames: []layout.Frame{{If: "be16(0) == 0xBE7A", Size: "byte(2) + 5"}},
		Fields: []layout.Node{
			layout.Lit("start", "\xBE\x7A"),
			layout.Uint("length", 1).Expect("size - 5"),
			layout.Sub("left - 2",
				layout.Uint("type", 1).Hex().Names(map[int64]string{1: "login", 2: "fix"}).Title(),
				layout.Switch(
					layout.Case("type == 1", layout.Digits("imei", 8).Skip(1)),
					layout.Case("type == 2",
						layout.Unix("time"),
						layout.Uint("latitude", 4).Signed().Scale(1e7, 7).Unit("°"),
						layout.Uint("longitude", 4).Signed().Scale(1e7, 7).Unit("°")),
				),
				layout.Rest("tail"),
			),
			layout.Check("crc", layout.X25, "2", "pos"),
		},
	}
}

func Example() {
	l, err := layout.New(beta())
	if err != nil {
		fmt.Println(err)
		return
	}
	frame, _ := hex.DecodeString("be7a0d02" + "69b52b2d" + "2098a140" + "f0f15dc0" + "07" + "beef")
	fmt.Println(l.Info(frame))
	for _, s := range l.Dissect(frame) {
		fmt.Println(strings.TrimSpace(fmt.Sprintf("%2d +%d %-9s %s %s", s.Offset, s.Len, s.Name, s.Value, s.Note)))
	}
	// Output:
	// fix
	// 0 +2 start
	// 2 +1 length    13 WRONG, expected 14
	// 3 +1 type      fix
	// 4 +4 time      2026-03-14T09:32:29
	// 8 +4 latitude  54.6873664°
	// 12 +4 longitude -25.2617280°
	// 16 +1 tail      07
	// 17 +2 crc       0xBEEF WRONG, expected 0xE389   CRC-16/X-25
}

func ExampleLayout_Lua() {
	l := layout.Must(beta())
	script := l.Lua(5099) // write it to beta.lua, and run tshark -X lua_script:beta.lua -r capture.pcapng
	fmt.Println(strings.Contains(script, `name="beta"`), strings.Contains(script, "port=5099"))
	// Output: true true
}

// spans writes what a description tells of bytes: offset+length name=value (note).
func spans(t *testing.T, frame string, nodes ...layout.Node) string {
	t.Helper()
	l, err := layout.New(layout.Description{Name: "x", Title: "X", Start: "0", Fields: nodes})
	if err != nil {
		t.Fatal(err)
	}
	all := l.Dissect([]byte(frame))
	checkCover(t, all, len(frame))
	var text []string
	for _, s := range all {
		one := fmt.Sprintf("%d+%d %s=%s", s.Offset, s.Len, s.Name, s.Value)
		if s.Note != "" {
			one += " (" + s.Note + ")"
		}
		text = append(text, one)
	}
	return strings.Join(text, "; ")
}

// checkCover: every byte is in exactly one span, in order, and none is empty.
func checkCover(t *testing.T, all []wire.Span, size int) {
	t.Helper()
	pos := 0
	for _, s := range all {
		if s.Offset != pos || s.Len <= 0 || s.Name == "" {
			t.Errorf("span %+v, expected one at %d", s, pos)
		}
		pos += s.Len
	}
	if pos != size {
		t.Errorf("spans %+v cover %d of %d bytes", all, pos, size)
	}
}

// The texts are worked out by hand.
func TestFields(t *testing.T) {
	named := map[int64]string{7: "seven", -2: "two below"}
	for _, c := range []struct {
		name, frame string
		nodes       []layout.Node
		want        string
	}{
		{"big-endian", "\x01\x02\x03", []layout.Node{layout.Uint("a", 2), layout.Uint("b", 1)}, "0+2 a=258; 2+1 b=3"},
		{"little-endian", "\x01\x02\x03", []layout.Node{layout.Uint("a", 3).LE()}, "0+3 a=197121"},
		{"eight bytes", "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFE", []layout.Node{layout.Uint("a", 8)}, "0+8 a=18446744073709551614"},
		{"two's complement", "\xFE\x07", []layout.Node{layout.Uint("a", 1).Signed().Names(named), layout.Uint("b", 1).Names(named)}, "0+1 a=two below; 1+1 b=seven"},
		{"sign bit", "\x80\x05\x80\x00", []layout.Node{layout.Uint("a", 2).SignBit().Scale(10, 1).Unit(" °C"), layout.Uint("b", 2).SignBit().Scale(10, 1)}, "0+2 a=-0.5 °C; 2+2 b=0.0"},
		{"hex and binary", "\x0A\x0A", []layout.Node{layout.Uint("a", 1).Hex(), layout.Uint("b", 1).Binary()}, "0+1 a=0x0A; 1+1 b=00001010"},
		{"scaled", "\x05\xDE\x07\x13", []layout.Node{layout.Uint("lat", 4).Scale(1_800_000, 6).Unit("°")}, "0+4 lat=54.687157°"},
		{"single", "\x42\x5A\xBF\xFC", []layout.Node{layout.Float("a", 4, 4)}, "0+4 a=54.6875"},
		{"double", "\x00\x00\x00\x00\x00\x00\xF8\x7F", []layout.Node{layout.Float("a", 8, 4).LE()}, "0+8 a=NaN"},
		{"bits", "\xD4\x7B", []layout.Node{layout.Bits("w", 2, layout.Part{Count: 10, Unit: "°"}, layout.Part{From: 10, Names: map[int64]string{1: "north"}},
			layout.Part{From: 11, Names: map[int64]string{0: ""}}, layout.Part{From: 12, Count: 4, Signed: true, Label: "n", Div: 2, Decimals: 1})},
			"0+2 w=123°, north, n -2.5"},
		{"digits", "\x09\x90\x00\x1F", []layout.Node{layout.Digits("a", 2).Skip(1), layout.Digits("b", 2).Trim('f').Drop(0)}, "0+2 a=990; 2+2 b=001"},
		{"clock", "\x1A\x02\x1D\x00\x00\x00\x18\x02\x1D\x17\x3B\x3B", []layout.Node{layout.Clock("a"), layout.Clock("b")}, "0+6 a=1a021d000000; 6+6 b=2024-02-29T23:59:59"},
		{"clock of decimals", "\x26\x03\x14\x09\x26\x53", []layout.Node{layout.Clock("a").BCD()}, "0+6 a=2026-03-14T09:26:53"},
		{"no clock of decimals", "\x2A\x03\x14\x09\x26\x53", []layout.Node{layout.Clock("a").BCD()}, "0+6 a=2a0314092653"},
		{"seconds", "\x7F\xFF\xFF\xFF", []layout.Node{layout.Unix("a")}, "0+4 a=2038-01-19T03:14:07"},
		{"seconds, little-endian", "\x00\x00\x00\x80", []layout.Node{layout.Unix("a").LE()}, "0+4 a=2038-01-19T03:14:08"},
		{"bytes", strings.Repeat("\xAB", 33), []layout.Node{layout.Rest("a")}, "0+33 a=" + strings.Repeat("ab", 32) + "… (33 bytes)"},
		{"text", "a\x00\r\n\xC3\xA4\xFF\xE2\x80\xAE", []layout.Node{layout.Text("a", "left")}, `0+10 a=a\x00\r\nä\xFF\xE2\x80\xAE`},
		{"filled text", "ab\x00\x00", []layout.Node{layout.Text("a", "4").Trim(0).Meanings(map[string]string{"ab": "so"})}, "0+4 a=ab (so)"},
		{"UTF-16", "\x4E\x2D\xD8\x3D\xDE\x00\xD8\x00", []layout.Node{layout.UTF16("a", "left")}, "0+8 a=中😀\uFFFD"},
		{"words", "ab,,c", []layout.Node{layout.Word("a", ','), layout.Word("b", ','), layout.Word("c", ','), layout.Word("d", ',')}, "0+3 a=ab; 3+1 b=; 4+1 c=c"},
		{"date", "140326,092653.123,310226", []layout.Node{layout.Word("a", ',').Date("DDMMYY"), layout.Word("b", ',').Date("hhmmss"), layout.Word("c", ',').Date("DDMMYY")},
			"0+7 a=140326 (2026-03-14); 7+11 b=092653.123 (09:26:53); 18+6 c=310226"},
		{"date with a century", "20260314,19990101,00000101", []layout.Node{layout.Word("a", ',').Date("CCYYMMDD"), layout.Word("b", ',').Date("CCYYMMDD"), layout.Word("c", ',').Date("CCYYMMDD")},
			"0+9 a=20260314 (2026-03-14); 9+9 b=19990101 (1999-01-01); 18+8 c=00000101 (0000-01-01)"},
		{"time with signs", "09:26:53,03-14-2026;09-26:53,03-14-2026", []layout.Node{layout.Word("a", ';').Date("hh:mm:ss,MM-DD-CCYY"), layout.Word("b", ';').Date("hh:mm:ss,MM-DD-CCYY")},
			"0+20 a=09:26:53,03-14-2026 (2026-03-14T09:26:53); 20+19 b=09-26:53,03-14-2026"},
		{"date and time", "260314092653", []layout.Node{layout.Word("a", ',').Date("YYMMDDhhmmss")}, "0+12 a=260314092653 (2026-03-14T09:26:53)"},
		{"degrees", "5441.2320,N,516.782,W", []layout.Node{layout.DegMin("lat", ','), layout.DegMin("lng", ',')},
			"0+10 lat=5441.2320; 10+2 lat hemisphere=N (54.687200°); 12+8 lng=516.782; 20+1 lng hemisphere=W (-5.279700°)"},
		{"no degrees", "x,N,12,", []layout.Node{layout.DegMin("lat", ','), layout.DegMin("lng", ',')}, "0+2 lat=x; 2+2 lat hemisphere=N; 4+3 lng=12"},
		{"literal", "\r\n\r\r", []layout.Node{layout.Lit("a", "\r\n"), layout.Lit("b", "\r\n")}, "0+2 a=; 2+2 b=0d0d (WRONG, expected 0d0a)"},
		{"check code", "123456789\x90\x6E", []layout.Node{layout.Text("a", "9"), layout.Check("c", layout.X25, "0", "pos")}, "0+9 a=123456789; 9+2 c=0x906E (OK   CRC-16/X-25)"},
		{"check code in digits", "1234567893e", []layout.Node{layout.Text("a", "9"), layout.Check("c", layout.Xor8, "0", "pos").InHex()}, "0+9 a=123456789; 9+2 c=3e (WRONG, expected 31   XOR-8)"},
		{"expected", "\x05\x06", []layout.Node{layout.Uint("a", 1).Expect("5"), layout.Uint("b", 1).Hex().Expect("a")}, "0+1 a=5; 1+1 b=0x06 (WRONG, expected 0x05)"},
		{"expected digits", "0120014014001x", []layout.Node{layout.Text("a", "3").Expect("12"), layout.Text("b", "3").Expect("21"), layout.Text("c", "2").Expect("6"), layout.Text("d", "3").Hex().Expect("0xFF"), layout.Text("e", "2").Hex().Expect("1"), layout.Text("f", "1").Expect("0-1")},
			"0+3 a=012; 3+3 b=001 (WRONG, expected 021); 6+2 c=40 (WRONG, expected 6); 8+3 d=140 (WRONG, expected 0FF); 11+2 e=01; 13+1 f=x (WRONG)"},
		{"milliseconds", "1773480413999,7258118400000,7258118400001,x", []layout.Node{layout.Word("a", ',').UnixMilli(), layout.Word("b", ',').UnixMilli(), layout.Word("c", ',').UnixMilli(), layout.Word("d", ',').UnixMilli()},
			"0+14 a=1773480413999 (2026-03-14T09:26:53); 14+14 b=7258118400000 (2200-01-01T00:00:00); 28+14 c=7258118400001; 42+1 d=x"},
		{"parts of digits", "140736414711817,9223372036854775807,9223372036854775808", []layout.Node{
			layout.Word("a", ',').Parts(layout.Part{From: 45, Count: 15, Unit: " s", Div: 0.1}, layout.Part{From: 30, Count: 15, Names: map[int64]string{0x7FFF: "never"}}, layout.Part{Count: 15}),
			layout.Word("b", ',').Parts(layout.Part{From: 62}, layout.Part{From: 40, Count: 24}), layout.Word("c", ',').Parts(layout.Part{From: 62})},
			"0+16 a=140736414711817 (30 s, never, 9); 16+20 b=9223372036854775807 (1, 8388607); 36+19 c=9223372036854775808"},
		{"expected text", "ab", []layout.Node{layout.Text("a", "2").Expect("'xy'")}, "0+2 a=ab (WRONG, expected xy)"},
		{"too short", "\x01", []layout.Node{layout.Uint("a", 2), layout.Uint("b", 1)}, "0+1 unparsed=01"},
		{"range", "\x02abcd", []layout.Node{layout.Uint("n", 1), layout.Sub("n", layout.Text("a", "1")), layout.Text("b", "1"), layout.Fail(), layout.Text("c", "1")},
			"0+1 n=2; 1+1 a=a; 2+1 unparsed=62; 3+1 b=c; 4+1 unparsed=64"},
		{"range too long", "\x09abcd", []layout.Node{layout.Uint("n", 1), layout.Sub("n", layout.Text("a", "1"))}, "0+1 n=9; 1+4 unparsed=61626364"},
		{"list", "\x01\x02ab\x07\x01c\x09", []layout.Node{layout.While("left >= 2", layout.Uint("tag", 1), layout.Uint("n", 1), layout.Sub("n", layout.Text("v", "left")))},
			"0+1 tag=1; 1+1 n=2; 2+2 v=ab; 4+1 tag=7; 5+1 n=1; 6+1 v=c; 7+1 unparsed=09"},
		{"repeat", "abcd", []layout.Node{layout.Repeat("3", layout.Text("a", "1"), layout.Repeat("9999999999", layout.Text("z", "0"))), layout.While("1", layout.Text("b", "0"))}, "0+1 a=a; 1+1 a=b; 2+1 a=c; 3+1 unparsed=64"},
		{"escapes", "\x7D\x02b\x7D\x01", []layout.Node{layout.Unescape([]layout.Escape{{"\x7D\x01", "\x7D"}, {"\x7D\x02", "\x7E"}, {"\x7D", ""}}, layout.Uint("a", 1).Hex(), layout.Text("b", "1"), layout.Bytes("c", "left"))},
			"0+2 a=0x7E; 2+1 b=b; 3+2 c=7d"},
		{"bad escape", "\x7D\x03b", []layout.Node{layout.Unescape([]layout.Escape{{"\x7D\x01", "\x7D"}, {"\x7D", ""}}, layout.Rest("a"))}, "0+3 unparsed=7d0362"},
		{"digits inside", "0102ff.", []layout.Node{layout.Sub("6", layout.Unhex(layout.Uint("a", 2), layout.Check("c", layout.Xor8, "0", "pos"))), layout.Text("b", "1")}, "0+4 a=258; 4+2 c=0xFF (WRONG, expected 0x03   XOR-8); 6+1 b=."},
		{"no digits", "0x", []layout.Node{layout.Unhex(layout.Rest("a"))}, "0+2 unparsed=3078"},
	} {
		if got := spans(t, c.frame, c.nodes...); got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.name, got, c.want)
		}
	}
}

func TestExpressions(t *testing.T) {
	for expr, want := range map[string]int64{
		"1 + 2*3 - 4 - 1": 2, "(1+2)*3": 9, "-3 + 5": 2, "!0 + !7": 1, "7/2*2 + 7%4": 9, "7/0 + 7%0 + (0-7)/2": 0,
		"0x1234 & 0xFF": 0x34, "0xF000 & 0x1000 != 0": 1, "0x1234 >> 8": 0x12, "1 >> 32": 0, "1 < 2 && 2 <= 2 || 0": 1, "3 > 4 || 3 >= 4": 0,
		"'a' == 'a'": 1, "'a' == 0": 0, "'a' != 'b'": 1, "'a' + 1": 1, "in(3, 1, 2, 3)": 1, "in('b', 'a')": 0,
		"if(2 > 1, 5, 6)": 5, "min(2, 3) + max(2, 3)": 5, "len('abc')": 3, "dec('042')": 42, "hex('Ff')": 255, "dec('4x')": -1, "hex('1234567890')": -1, "dec('')": -1,
		"byte(0)": 'a', "be16(1)": 0x622C, "le16(1)": 0x2C62, "be32(1)": 0x622C632C, "le32(0)": 0x632C6261, "byte(6)": -1, "be32(3)": -1, "byte(0-1)": -1,
		"find(',')": 2, "find(',', 3)": 4, "find('x')": -1, "find(',', 99)": -1, "find(',', 3, 5)": 4, "find(',', 3, 4)": -1, "find(',', 0, 99)": 2, "count(',')": 2, "run('ab')": 2, "run('x')": 0, "run('abcd,')": 6, "until('c,')": 2, "until('a')": 0, "until('x')": 6, "starts('ab')": 1, "starts('abcdefgh')": 0, "trimmed(0x64)": 5, "trimmed(0)": 6,
		"find('C')": -1, "findfold('C')": 3, "findfold('C', 4)": -1, "outside('c')": 3, "outside('x')": 6, "decimal(0, 2)": -1, "decimal(0 - 1, 2)": -1, "decimal(3, 99)": -1,
		"pos": 0, "left": 6, "size": 6, "date(0)": 0, "date(99)": 0, `find('\x2c')`: 2, "unset": 0,
	} {
		got := spans(t, "ab,c,d", layout.If("0", layout.Let("unset", "1")), layout.Let("v", expr), layout.If("v == 0-1", layout.Let("v", "1000000")), layout.Text("n", "6").Expect("if(v == "+fmt.Sprint(map[bool]int64{true: 1000000, false: want}[want == -1])+", n, 'no')"))
		if want := "0+6 n=ab,c,d"; got != want {
			t.Errorf("%s: %s", expr, got)
		}
	}
}

// The functions that look at more than bytes.
func TestTextExpressions(t *testing.T) {
	for _, c := range []struct {
		frame, expr string
		want        int64
	}{
		{`{"a":"b&\"&"}&`, "outside('&')", 13},
		{`{"a&}`, "outside('&')", 5},
		{`\"&"`, "outside('&')", 4},
		{"Ab: 017 ;", "decimal(3, find(';'))", 17},
		{"Ab: 017 ;", "decimal(3, 3)", -1},
		{"Ab: 017 ;", "decimal(2, 6)", -1},
		{"Ab: 017 ;", "findfold('B:')", 1},
		{"Ab: 017 ;", "findfold('aB:', 0, 3)", 0},
		{"Ab: 017 ;", "findfold('aB:', 0, 2)", -1},
	} {
		got := spans(t, c.frame, layout.If(fmt.Sprintf("%s == %d", strings.Replace(c.expr, "-1", "0-1", 1), c.want), layout.Text("right", "left")))
		if c.want < 0 {
			got = spans(t, c.frame, layout.If(c.expr+" < 0", layout.Text("right", "left")))
		}
		if !strings.Contains(got, " right=") {
			t.Errorf("%s of %s is not %d", c.expr, c.frame, c.want)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	for name, n := range map[string]layout.Node{
		"no such function":        layout.Bytes("a", "sqrt(4)"),
		"open bracket":            layout.Bytes("a", "(4"),
		"open text":               layout.Bytes("a", "'x"),
		"too much":                layout.Bytes("a", "4 5"),
		"nothing":                 layout.Bytes("a", ""),
		"number too large":        layout.Bytes("a", "99999999999999999999"),
		"arguments":               layout.Bytes("a", "min(1)"),
		"find without a text":     layout.Bytes("a", "find(3)"),
		"unset variable":          layout.Bytes("a", "length"),
		"no name":                 layout.Uint("", 1),
		"width":                   layout.Uint("a", 9),
		"float":                   layout.Float("a", 3, 1),
		"signed bytes":            layout.Bytes("a", "1").Signed(),
		"names of text":           layout.Text("a", "1").Names(map[int64]string{1: "x"}),
		"variable of eight bytes": layout.Uint("a", 8).Let("b"),
		"variable's name":         layout.Uint("a", 1).Let("b c"),
		"date form":               layout.Word("a", ',').Date("yyyy"),
		"parts of digits":         layout.Text("a", "1").Parts(layout.Part{From: 40, Count: 25}),
		"milliseconds":            layout.Uint("a", 4).UnixMilli(),
		"outside of nothing":      layout.Bytes("a", "outside(left)"),
		"parts":                   layout.Bits("a", 1, layout.Part{From: 8}),
		"no parts":                layout.Bits("a", 1),
		"no literal":              layout.Lit("a", ""),
		"sum":                     layout.Check("a", "CRC-32", "0", "pos"),
		"escape":                  layout.Unescape([]layout.Escape{{"", "x"}}, layout.Rest("a")),
		"switch":                  layout.Switch(layout.Rest("a")),
		"within":                  layout.Sub("1", layout.While("1", layout.Bytes("a", "??"))),
		"digits":                  layout.Digits("a", 2).Skip(5),
	} {
		if _, err := layout.New(layout.Description{Name: "x", Start: "0", Fields: []layout.Node{n}}); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, err := layout.New(layout.Description{Name: "X y", Start: "0"}); err == nil {
		t.Error("a name that is none")
	}
}

// FuzzDissect: every byte is in exactly one span, whatever the bytes are; nothing
// panics; the same bytes give the same.
func FuzzDissect(f *testing.F) {
	l := layout.Must(layout.Description{Name: "fuzz", Start: "0", Fields: []layout.Node{
		layout.Uint("kind", 1),
		layout.Switch(
			layout.Case("kind == 0", layout.While("left > 0", layout.Uint("n", 1), layout.Sub("n", layout.Uint("a", 2).LE().Signed(), layout.Float("b", 4, 3), layout.Unix("c")))),
			layout.Case("kind == 1", layout.Unescape([]layout.Escape{{"\x7D\x01", "\x7D"}, {"\x7D\x02", "\x7E\x7E"}, {"\x7F", ""}}, layout.Uint("n", 1), layout.Repeat("n", layout.Word("a", ','), layout.DegMin("b", ';')))),
			layout.Case("kind == 2", layout.Sub("find(',') - pos", layout.Unhex(layout.Unescape([]layout.Escape{{"ab", "c"}}, layout.Clock("a").BCD(), layout.Text("t", "left")))), layout.UTF16("u", "left / 2")),
			layout.Case("kind == 3", layout.While("1", layout.Repeat("4000000000", layout.Bits("w", 1, layout.Part{Count: 8, Signed: true, Div: 3, Decimals: 2})), layout.Text("x", "byte(pos)"))),
			layout.Case("kind == 4", layout.Sub("outside('&')", layout.Text("q", "findfold('ab') - pos").Parts(layout.Part{From: 44, Count: 20}), layout.Word("m", ',').UnixMilli()), layout.Text("e", "left").Hex().Expect("decimal(1, find('&'))")),
			layout.Else(layout.Digits("d", 3).Skip(1).Trim('f'), layout.Check("s", layout.Fold16, "be16(pos)", "be32(1)"), layout.Bytes("z", "be32(pos) * be32(pos)")),
		),
		layout.Check("c", layout.ARC, "0", "pos").InHex(),
	}})
	for _, seed := range []string{"", "\x00\x02ab\x0Aaaaaaaaaaa", "\x015\x7D\x01,\x7D\x02;5441.2,N;", "\x0230616263\x7D,abcdef", "\x03\xFF\x00\x01", "\x09\x12\x3F\x00\x00\x01", "\x04140736414711817AB,1773480413000,\"&\"&12"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, frame []byte) {
		all := l.Dissect(frame)
		checkCover(t, all, len(frame))
		for i, s := range l.Dissect(frame) {
			if s != all[i] {
				t.Errorf("%+v and %+v", all[i], s)
			}
		}
	})
}

// A number that rounds to nothing has no sign, and what is none says so.
func TestFloats(t *testing.T) {
	for bits, want := range map[uint32]string{
		0x80000000: "0.00", 0xBA83126F: "0.00", 0xFF800000: "Inf", 0x7FC00000: "NaN", math.Float32bits(1e10): "10000000000.00", 0x00000001: "0.00",
	} {
		frame := string([]byte{byte(bits >> 24), byte(bits >> 16), byte(bits >> 8), byte(bits)})
		if got := spans(t, frame, layout.Float("a", 4, 2)); got != "0+4 a="+want {
			t.Errorf("%08X: %s, want %s", bits, got, want)
		}
	}
}

// A secret is shown nowhere.
func TestHidden(t *testing.T) {
	if got := spans(t, "key=secret", layout.Text("key", "4"), layout.Rest("value").Hidden()); !strings.Contains(got, "4+6 value=6 bytes, not shown") {
		t.Error(got)
	}
	if _, err := layout.New(layout.Description{Name: "x", Title: "X", Start: "0", Fields: []layout.Node{layout.Text("key", "4").Hidden()}}); err == nil {
		t.Error("a hidden text is taken")
	}
}
