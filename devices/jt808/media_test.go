package jt808_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/devices/jt808"
	"github.com/sargas-em/em/protocol"
)

// picture is a medium of that many bytes, in parts of 1,023; the first has a serial.
func picture(serial uint16, size int) (all []*jt808.Part) {
	head, _ := hex.DecodeString("0000004d" + "00000201" + report)
	body := append(head, bytes.Repeat([]byte{0xD8}, size-len(head))...)
	total := uint16((len(body) + 1022) / 1023)
	for i := range total {
		all = append(all, part(0x0801, serial+i, total, i+1, body[1023*int(i):min(len(body), 1023*(int(i)+1))]))
	}
	return all
}

// send hands parts to a session, and returns what the last one led to.
func send(s protocol.Session, parts []*jt808.Part) (out protocol.Output, err error) {
	for _, m := range parts {
		out.Reset()
		if err = s.Handle(now, m, &out); err != nil {
			return out, err
		}
	}
	return out, nil
}

// arrived reports whether all of a medium of that size has come.
func arrived(out protocol.Output, size int) bool {
	reply, media := false, false
	for _, m := range out.Send {
		r, ok := m.(*jt808.MediaReply)
		reply = reply || ok && r.ID == 0x4D && len(r.Parts) == 0
	}
	for _, o := range out.Observations {
		if v, ok := o.Body.(*em.Vendor); ok {
			text := fmt.Sprint(v.Fields)
			media = strings.Contains(text, fmt.Sprintf("size %d", size-8-28))
		}
	}
	return reply && media
}

// Pictures are as long as cameras make them, and what is kept of them is bounded.
func TestMediaAreBounded(t *testing.T) {
	open := func(max int) protocol.Session {
		d, err := jt808.New(jt808.Config{MaxMedia: max})
		if err != nil {
			t.Fatal(err)
		}
		return d.NewSession()
	}
	refused := func(what string, s protocol.Session, parts []*jt808.Part) {
		t.Helper()
		out, err := send(s, parts)
		if !errors.Is(err, jt808.ErrParts) || len(out.Send) != 1 || out.Send[0].(*jt808.Reply).Result != jt808.ResultFailed {
			t.Errorf("%s: %v, sent %v", what, err, out.Send)
		}
	}
	taken := func(what string, s protocol.Session, size int) {
		t.Helper()
		if out, err := send(s, picture(1000, size)); err != nil || !arrived(out, size) {
			t.Errorf("%s: seen %v, sent %v, %v", what, out.Observations, out.Send, err)
		}
	}
	for _, size := range []int{20 << 10, 64<<10 + 1, 200 << 10, jt808.DefaultMaxMedia} {
		taken(fmt.Sprint(size, " bytes"), open(0), size)
	}
	s := open(0)
	refused("more than the default", s, picture(1, jt808.DefaultMaxMedia+1))
	if !s.Deadline().IsZero() {
		t.Error("a medium that is too long is kept")
	}
	taken("behind one that was too long", s, 200<<10)
	refused("too many parts", open(0), []*jt808.Part{part(0x0801, 1, 0xFFFF, 1, nil)})

	// Of media that are unfinished at once too, until they are given up.
	s = open(0)
	half := picture(1, 200<<10)
	if _, err := send(s, half[1:]); err != nil {
		t.Fatal(err)
	}
	refused("with another", s, picture(1000, 200<<10))
	for range 4 {
		_ = s.Wake(s.Deadline(), &protocol.Output{})
	}
	if !s.Deadline().IsZero() {
		t.Fatal("a medium is never given up")
	}
	taken("behind one that was given up", s, 200<<10)
	taken("behind one that came", s, 200<<10)

	taken("as configured", open(1<<20), 1<<20)
	refused("more than configured", open(1<<20), picture(1, 1<<20+1))
	refused("less than the default", open(10<<10), picture(1, 20<<10))
	for _, bad := range []int{-1, 16<<20 + 1} {
		if _, err := jt808.New(jt808.Config{MaxMedia: bad}); err == nil {
			t.Errorf("media of %d bytes are configured", bad)
		}
	}
}

// One request names up to 255 of the parts that are missing.
func TestManyMissingParts(t *testing.T) {
	d, err := jt808.New(jt808.Config{MaxMedia: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	s := d.NewSession()
	all := picture(1, 400<<10)
	if _, err := send(s, all[:1]); err != nil {
		t.Fatal(err)
	}
	for _, want := range []int{255, len(all) - 1 - 255} {
		var out protocol.Output
		if err := s.Wake(s.Deadline(), &out); err != nil || len(out.Send) != 1 {
			t.Fatalf("sent %v, %v", out.Send, err)
		}
		ask := out.Send[0].(*jt808.Resend)
		if _, err := (jt808.Codec{}).Append(nil, ask); err != nil || len(ask.Parts) != want {
			t.Fatalf("asks for %d parts, want %d; %v", len(ask.Parts), want, err)
		}
		for _, n := range ask.Parts {
			if out, err = send(s, all[n-1:n]); err != nil {
				t.Fatal(err)
			}
		}
		if want < 255 && !arrived(out, 400<<10) {
			t.Errorf("seen %v, sent %v", out.Observations, out.Send)
		}
	}
	if s.Deadline() != (time.Time{}) {
		t.Error("something is still missing")
	}
}
