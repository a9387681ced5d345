package jt808

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"testing"

	"github.com/sargas-em/em/protocol/codectest"
)

// The codes were looked up outside of this package.
func TestGBK(t *testing.T) {
	for _, tt := range []struct{ text, code string }{
		{"", ""},
		{"A-00017", "412d3030303137"},
		{"京A00017", "bea9413030303137"},
		{"测试", "b2e2cad4"},
		{"丂", "8140"}, // the first code
		{"亊", "817e"}, // the last before the gap
		{"亐", "8180"}, // the first behind it
		{"啊阿", "b0a1b0a2"},
		{"，", "a3ac"},
		{"龥", "fd9b"},
	} {
		if got := fromGBK(codectest.Hex(t, tt.code)); got != tt.text {
			t.Errorf("%s is %q, want %q", tt.code, got, tt.text)
		}
		if got, ok := appendGBK(nil, tt.text); !ok || hex.EncodeToString(got) != tt.code {
			t.Errorf("%q is %x, %t, want %s", tt.text, got, ok, tt.code)
		}
	}
	for _, bad := range []string{"80", "b2", "b27f", "ff40", "b2ff", "b220"} {
		if got := fromGBK(codectest.Hex(t, bad)); got[:3] != "\uFFFD" {
			t.Errorf("%s is %q", bad, got)
		}
	}
	for _, text := range []string{"ž", "😀", "\uFFFD"} {
		if got, ok := appendGBK([]byte("x"), text); ok {
			t.Errorf("%q is %x", text, got)
		}
	}
}

// The table is what another implementation of GBK has.
func TestGBKTable(t *testing.T) {
	if sum := sha256.Sum256([]byte(gbkTable)); hex.EncodeToString(sum[:4]) != "1b62f384" {
		t.Errorf("the table's sum begins with %x", sum[:4])
	}
	for n := 0; n < len(gbkTable); n += 2 * 41 { // a search reads all that is before
		if r := rune(gbkTable[n])<<8 | rune(gbkTable[n+1]); r != 0 && gbkSearch(r) > n {
			t.Errorf("%q is found behind its place", r)
		}
	}
}

func TestVendorText(t *testing.T) {
	for name, tt := range map[string]struct{ code, want string }{
		"ascii":  {"4f4b0d0a", "OK"},
		"wide":   {"004f004b000d", "OK"},
		"utf-8":  {"e6b58b", "测"},
		"gbk":    {"b2e24f4b", "测OK"},
		"zeros":  {"4f4b0000", "OK"},
		"broken": {"ff", "\uFFFD"},
		"empty":  {"", ""},
	} {
		if got := fromVendor(codectest.Hex(t, tt.code)); got != tt.want {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
}

// The first is the worked value of the source.
func TestEscapes(t *testing.T) {
	for _, tt := range []struct{ wire, plain string }{
		{"7e307d02087d01557e", "7e307e087d557e"},
		{"e7e601e6023e013e02e7", "e7e6e73e3de7"},
		{"7ee73d3ee67e", "7ee73d3ee67e"},
	} {
		got, err := unescape(codectest.Hex(t, tt.wire), nil)
		if err != nil || hex.EncodeToString(got) != tt.plain {
			t.Errorf("%s is %x, %v, want %s", tt.wire, got, err, tt.plain)
		}
		if back := appendEscaped(nil, got[1:len(got)-1], got[0]); !bytes.Equal(back, codectest.Hex(t, tt.wire)) {
			t.Errorf("%s goes out as %x", tt.plain, back)
		}
	}
	for _, bad := range []string{"", "7e", "7e00", "7e7d7e", "7e7d037e", "7e007e007e", "e7e603e7", "e73de7", "e77e7e"} {
		if got, err := unescape(codectest.Hex(t, bad), nil); err == nil {
			t.Errorf("%s is %x", bad, got)
		}
	}
}
