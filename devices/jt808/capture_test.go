package jt808_test

import (
	"bytes"
	"encoding/hex"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/sargas-em/em/devices/jt808"
	"github.com/sargas-em/em/protocol"
	"github.com/sargas-em/em/protocol/codectest"
)

// What a capture has beside whole frames in order.
func TestCapture(t *testing.T) {
	of := func(code, serial uint16, body string) string { return hex.EncodeToString(frame(code, serial, body)) }
	ascii := func(s string) string { return hex.EncodeToString([]byte(s)) }
	location, heartbeat := of(0x0200, 7, report), of(0x0002, 8, "")
	back := slices.Concat(frame(0x0003, 2, ""), frame(0x0003, 3, "")) // a flag behind junk takes the first
	codectest.Captures(t, jt808.Device(), frame(0x0002, 1, ""), back, [2]string{"heartbeat", "logout"}, map[string][]string{
		"nothing":                        {""},
		"one behind the other":           {location + heartbeat + location, "location", "heartbeat", "location"},
		"one flag too many between":      {location + "7e" + heartbeat, "location", "heartbeat"},
		"flags alone":                    {"7e7e7e" + location + "7e7e" + heartbeat + "7e7e7e", "location", "heartbeat"},
		"one flag for two":               {location + heartbeat[2:] + location[2:] + heartbeat, "location", "heartbeat", "location", "heartbeat"},
		"one flag for two, then junk":    {location + heartbeat[2:] + ascii("OK\r\n") + location, "location", "heartbeat", "junk", "location"},
		"one flag for two, one broken":   {location + location[2:40] + "7e" + heartbeat[2:], "location", "junk", "heartbeat"},
		"one flag for two, changed":      {location + strings.Replace(location, "034275b5", "034275b6", 1)[2:] + heartbeat[2:], "location", "wrong check code", "heartbeat"},
		"one flag E7 for two":            {"e70002000099000000000017000884e7" + "0002000099000000000017000985e7", "heartbeat", "heartbeat"},
		"CR LF between":                  {location + "0d0a" + heartbeat, "location", "junk", "heartbeat"},
		"text in front":                  {ascii("CONNECT 9600\r\n") + location, "junk", "location"},
		"a line between":                 {location + ascii("(990000000017,1,001,BASE,2,TIME)") + heartbeat, "location", "base line", "heartbeat"},
		"a frame that lost its end":      {location[:40] + heartbeat, "junk", "heartbeat"},
		"a frame that lost its start":    {location[40:] + heartbeat, "junk", "heartbeat"},
		"a frame of which a part lacks":  {location[:40] + location[60:] + heartbeat, "junk", "heartbeat"},
		"a position that was changed":    {strings.Replace(location, "034275b5", "034275b6", 1), "wrong check code"},
		"a length that is wrong":         {"7e0200001d99000000001700070000000000000002034275b50181bca4007000b4010f260314172653147e", "bad attributes"},
		"the framing with E7":            {"e70002000099000000000017000884e7", "heartbeat"},
		"header of 2019":                 {"7e0004400001000000009900000000170068a37e", "server time request"},
		"a part":                         {"7e020020029900000000170003000200010909ae7e", "part"},
		"a number that is not decimal":   {"7e0002000035f4c1d28e6b0003367e", "heartbeat"},
		"odd bytes behind the items":     {of(0x0200, 7, report+"30011f0009"), "location"},
		"an item that is cut":            {of(0x0200, 7, report+"01040000"), "location"},
		"a report that is cut":           {of(0x0200, 7, report[:40]), "bad course"},
		"a batch whose report is cut":    {of(0x0704, 7, "000101001c"+report[:40]), "bad report"},
		"a batch of more than it has":    {of(0x0704, 7, "000201001c"+report), "batch"},
		"a batch of none that is whole":  {of(0x0704, 7, "000201000300000000020000"), "bad alarm"},
		"a plate in GBK":                 {of(0x0100, 7, "000b0065"+strings.Repeat("00", 32)+"02bea941303030313700"), "register"},
		"a text that is no GBK":          {of(0x0100, 7, "000b0065"+strings.Repeat("ff", 40)), "register"},
		"a registration that is cut":     {of(0x0100, 7, "000b0065"+strings.Repeat("00", 8)), "bad model"},
		"types of the standard":          {of(0x0700, 7, "00") + of(0x0901, 8, "00000000") + of(0x8104, 9, ""), "driving record", "compressed data", "ask parameters"},
		"types of video and alarms":      {of(0x1003, 7, "00") + of(0x1210, 8, "00") + of(0x9208, 9, ""), "sound and picture properties", "alarm's files", "ask alarm's files"},
		"a driver as of 2011":            {of(0x0702, 7, "034a2e52"+strings.Repeat("39", 60)+"0441424344") + heartbeat, "driver", "heartbeat"},
		"attributes that are cut":        {of(0x0107, 7, "000741424344450000") + heartbeat, "attributes", "heartbeat"},
		"types that nobody knows":        {of(0x0F01, 7, "00") + of(0x8F01, 7, "00"), "unsupported 0x0F01", "unsupported 0x8F01"},
		"frames of another dialect":      {ascii("*HQ,990000000017,V1#") + location, "junk", "location"},
		"a flag that nothing came after": {location + "7e", "location"},
	})
}

// Frames between flags, of which some are shared and some come twice or oftener, all
// come out, however the stream is cut.
func TestSharedFlags(t *testing.T) {
	const seed = 20260314
	rnd := rand.New(rand.NewPCG(seed, 1))
	for round := range 200 {
		stream := []byte{0x7E}
		var want [][]byte
		for serial := range uint16(12) {
			f := frame(0x0002, serial, "")
			if rnd.IntN(2) == 0 {
				f = frame(0x0200, serial, report)
			}
			want = append(want, f)
			stream = append(stream, f[1:]...)
			stream = append(stream, bytes.Repeat([]byte{0x7E}, rnd.IntN(4))...)
		}
		var got [][]byte
		s := protocol.NewSplitter(jt808.Device())
		for rest := stream; len(rest) > 0; {
			n := 1 + rnd.IntN(min(len(rest), 80))
			s.Write(rest[:n])
			rest = rest[n:]
			for {
				f, _, ok, err := s.Next()
				if err != nil {
					t.Fatalf("seed %d, round %d: %v", seed, round, err)
				}
				if !ok {
					break
				}
				got = append(got, bytes.Clone(f))
			}
		}
		if !slices.EqualFunc(got, want, bytes.Equal) {
			t.Fatalf("seed %d, round %d: %x gives %x, want %x", seed, round, stream, got, want)
		}
	}
}

// A medium in parts is answered part by part, and at last with its number.
func TestMediaInParts(t *testing.T) {
	body, _ := hex.DecodeString("0000004d" + "00000201" + report + "ffd8ffd9")
	s := jt808.Device().NewSession()
	if obs, sent, err := tell(t, s, part(0x0801, 7, 2, 1, body[:20])); len(obs) != 0 || len(sent) != 1 || err != nil {
		t.Fatalf("seen %v, sent %v, %v", obs, sent, err)
	}
	obs, sent, err := tell(t, s, part(0x0801, 8, 2, 2, body[20:]))
	want := []string{"7e80010005990000000017000100080801000a7e", "7e8800000499000000001700020000004d4d7e"}
	if err != nil || len(obs) != 2 || !slices.Equal(sent, want) {
		t.Errorf("seen %v, sent %v, %v; want %v", obs, sent, err, want)
	}
}
