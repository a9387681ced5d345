package gt06_test

import (
	"encoding/hex"
	"strings"
	"testing"

	"github.com/sargas-em/em/devices/gt06"
	"github.com/sargas-em/em/protocol/codectest"
)

// What a capture has beside whole frames in order.
func TestCapture(t *testing.T) {
	// The sums are worked out here, so that a case is about its payload.
	frame := func(long bool, kind byte, payload string) string {
		p, err := hex.DecodeString(strings.ReplaceAll(payload, " ", ""))
		if err != nil {
			t.Fatal(err)
		}
		b := []byte{'x', 'x', byte(len(p) + 5)}
		if long {
			b = []byte{'y', 'y', 0, byte(len(p) + 5)}
		}
		b = append(append(append(b, kind), p...), 0, 7)
		sum := x25(b[2:])
		return hex.EncodeToString(append(b, byte(sum>>8), byte(sum), '\r', '\n'))
	}
	const (
		gps   = "1a030e09141e c9 05de0760 02b653e4 12 150f"
		cell2 = "00f6 01 1234 004567"
		cell4 = "00f6 01 00001234 000000004567890a"
		state = "44 06 04 01 02"
	)
	loginFrame, statusFrame := frame(false, 1, "0990000000000017"), frame(false, 0x13, state)
	codectest.Captures(t, gt06.Device(), codectest.Hex(t, loginFrame), codectest.Hex(t, statusFrame), [2]string{"login", "status"}, map[string][]string{
		"nothing":                           {""},
		"short and long mixed":              {frame(true, 0x94, "0004e2") + frame(false, 0x12, gps+cell2) + frame(true, 0x8C, "1a030e09141e 01 34333d31"+gps[12:]), "info", "position 0x12", "obd"},
		"CR LF between frames":              {"0d0a" + frame(false, 0x12, gps+cell2) + "0d0a", "junk", "position 0x12", "junk"},
		"text in front":                     {hex.EncodeToString([]byte("+CIPSEND: 12 x")) + frame(false, 0x12, gps+cell2), "junk", "position 0x12"},
		"zeros between":                     {frame(false, 0x12, gps+cell2) + "0000000000" + frame(false, 0x12, gps+cell2), "position 0x12", "junk", "position 0x12"},
		"a frame that lost its end":         {frame(false, 0x12, gps+cell2)[:40] + frame(false, 0x12, gps+cell2), "junk", "position 0x12"},
		"an identity that was changed":      {strings.Replace(loginFrame, "0990000000000017", "0123456789012345", 1), "wrong check code"},
		"IMEI of 16 digits":                 {frame(false, 1, "8990000000000017"), "login"},
		"IMEI with a letter":                {frame(false, 1, "0990000000f00017"), "bad imei"},
		"login with a model alone":          {frame(false, 1, "0990000000000017 3604"), "login"},
		"network code of two bytes":         {frame(false, 0x12, gps+"80f6 0001 1234 004567"), "position 0x12"},
		"cell of four bytes":                {frame(false, 0x12, gps+"00f6 01 1234 00004567"), "position 0x12"},
		"no cell":                           {frame(false, 0x12, gps), "position 0x12"},
		"alarm with and without state":      {frame(false, 0x16, gps+"09"+cell2+state) + frame(false, 0x16, gps+"09"+cell2), "position 0x16", "position 0x16"},
		"upload with and without mileage":   {frame(false, 0x22, gps+cell2+"010000") + frame(false, 0x22, gps+cell2+"01000000000102"), "position 0x22", "position 0x22"},
		"4G, each type":                     {frame(false, 0xA0, gps+cell4+"010000") + frame(false, 0xA4, gps+"10"+cell4+state) + frame(false, 0xA5, cell4+state), "position 0xA0", "position 0xA4", "lbs alarm"},
		"4G, network code of two bytes":     {frame(false, 0xA4, gps+"11 80f6 0001 00001234 000000004567890a"+state), "position 0xA4"},
		"status of four bytes":              {frame(false, 0x13, state[:11]), "status"},
		"status of six bytes":               {frame(false, 0x13, state+"03"), "status"},
		"status of two bytes":               {frame(false, 0x13, "4406"), "bad signal"},
		"position that was cut, right sum":  {frame(false, 0x12, "1a030e09141e c9 05de"), "bad latitude"},
		"types that nobody knows":           {frame(false, 0x7B, "01020304") + frame(true, 0xB4, "01020304"), "unsupported 0x7B", "unsupported 0xB4"},
		"a type in the other kind of frame": {frame(true, 0x12, gps+cell2) + frame(true, 0x13, state) + frame(false, 0x9B, "0102"), "position 0x12", "status", "unsupported 0x9B"},
		"CR LF inside":                      {frame(true, 0x9B, "03 3336 0d0a 0d0a"), "serial data"},
		"another dialect's frames":          {hex.EncodeToString([]byte("*HQ,990000000000017,V1#")) + frame(false, 0x13, state), "junk", "status"},
	})
}

// x25 is the check code bit by bit, as its definition has it.
func x25(b []byte) uint16 {
	c := uint16(0xFFFF)
	for _, v := range b {
		c ^= uint16(v)
		for range 8 {
			low := c & 1
			if c >>= 1; low != 0 {
				c ^= 0x8408
			}
		}
	}
	return ^c
}
