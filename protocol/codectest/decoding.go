package codectest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/protocol"
)

// goodVector is a composed vector that is one frame with a message.
type goodVector struct {
	Vector
	wire  []byte
	frame []byte
	msg   protocol.Message
}

// goodVectors returns the vectors that are one frame and decode.
func goodVectors(t tester, k Kit, vs []Vector) []goodVector {
	t.Helper()
	var good []goodVector
	for _, v := range vs {
		b, _ := v.Bytes()
		if all := feed(t, k.device(t), false, b); len(all) == 1 && all[0].msg != nil {
			good = append(good, goodVector{v, b, all[0].frame, all[0].msg})
		}
	}
	return good
}

// runVectors: each composed vector is exactly one frame or one piece of junk,
// without waiting for further bytes unless it is in error. It becomes the
// expected type of message or the expected error, and a session (after the
// vectors that come before it) makes the expected observations of it.
func runVectors(t tester, k Kit, vs []Vector) {
	byName := map[string]Vector{}
	for i, v := range vs {
		byName[v.Name] = v
		got := v
		t.Run(v.Name, func(t tester) {
			b, err := v.Bytes()
			if err != nil {
				t.Fatal(err)
			}
			all := feed(t, k.device(t), v.Error != "" || *update, b)
			if len(all) != 1 {
				t.Fatalf("the vector is %d frames or pieces of junk, not one: %v\n\tinput %s", len(all), all, show(b))
			}
			o := all[0]
			obs, err := k.observe(t, byName, v, o)
			var e error
			got.Type = ""
			if o.msg != nil {
				got.Type = o.msg.Type()
			}
			if got.Observations, e = observationsJSON(obs); e != nil {
				t.Fatal(e)
			}
			if *update {
				if err == nil {
					got.Error = ""
				} else if v.Error == "" || !strings.Contains(err.Error(), v.Error) {
					got.Error = err.Error()
				}
				return
			}
			switch {
			case v.Error == "" && err != nil:
				t.Errorf("error %v\n\tinput %s", err, show(b))
			case v.Error != "" && (err == nil || !strings.Contains(err.Error(), v.Error)):
				t.Errorf("error %v, want one with %q\n\tinput %s", err, v.Error, show(b))
			}
			if got.Type != v.Type {
				t.Errorf("type %q, want %q", got.Type, v.Type)
			}
			compareObservations(t, v.Observations, got.Observations)
		})
		vs[i] = got
	}
	if *update {
		if err := writeVectors(k.Vectors, vs); err != nil {
			t.Fatal(err)
		}
		t.Logf("rewrote %s", k.Vectors)
	}
}

// observe hands the vector's message to a session, after those that come before.
// The server's messages go to the simulator, which must take them.
func (k Kit) observe(t tester, byName map[string]Vector, v Vector, o outcome) ([]em.Observation, error) {
	t.Helper()
	if o.err != nil {
		return nil, o.err
	}
	if v.From == "server" {
		sim := k.simulator(t, 1)
		sim.wake(k.Now)
		_, err := sim.handle(k.Now, o.msg)
		return nil, err
	}
	s := k.session(t)
	k.logIn(t, s, byName, v)
	out, err := s.handle(k.Now, o.msg)
	obs := slices.Clone(out.Observations)
	for i := range obs {
		obs[i] = obs[i].Stamp(k.Now)
	}
	return obs, err
}

// logIn hands the session the vectors that come before v.
func (k Kit) logIn(t tester, s *session, byName map[string]Vector, v Vector) {
	t.Helper()
	after := v.After
	if after == nil && k.Login != "" && v.Name != k.Login {
		after = []string{k.Login}
	}
	for _, name := range after {
		b, err := byName[name].Bytes()
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range feed(t, k.device(t), false, b) {
			if o.msg == nil {
				t.Fatalf("vector %q, which comes before: %v", name, o.err)
			}
			if _, err := s.handle(k.Now, o.msg); err != nil {
				t.Fatalf("vector %q, which comes before: %v", name, err)
			}
		}
	}
}

// decisive are fields that turn an observation's meaning round: a vector names
// them wherever they are true.
var decisive = []string{"cleared", "lost", "stored", "refused"}

func compareObservations(t tester, want, got []json.RawMessage) {
	t.Helper()
	if len(want) != len(got) {
		t.Errorf("%d observations, want %d\n\tgot  %s\n\twant %s", len(got), len(want), got, want)
		return
	}
	for i := range want {
		w, err := parseJSON(want[i])
		if err != nil {
			t.Fatal(err)
		}
		g, err := parseJSON(got[i])
		if err != nil {
			t.Fatal(err)
		}
		if diff := subset(fmt.Sprintf("observation %d", i), w, g); diff != "" {
			t.Errorf("%s\n\tgot  %s\n\twant %s", diff, got[i], want[i])
		}
		for _, name := range decisive {
			wants, _ := w.(map[string]any)
			gots, _ := g.(map[string]any)
			if _, named := wants[name]; !named && gots[name] == true {
				t.Errorf("observation %d: the vector does not name %q, which is true and changes what it means\n\tgot  %s\n\twant %s", i, name, got[i], want[i])
			}
		}
	}
}

// runReencode: a message that Append supports comes back equal from its
// encoding, which is one frame.
func runReencode(t tester, k Kit, good []goodVector) {
	d := k.device(t)
	encoded := 0
	for _, v := range good {
		b, err := d.Codec.Append(nil, v.msg)
		if err != nil {
			continue // the watcher has seen that it wraps ErrUnsupported
		}
		encoded++
		all := feed(t, d, false, b)
		if len(all) != 1 || all[0].msg == nil {
			t.Errorf("%s: encoded as %s, which gives %v", v.Name, show(b), all)
		} else if !reflect.DeepEqual(all[0].msg, v.msg) {
			t.Errorf("%s: encoded and decoded differs (-before +after):\n%s", v.Name, diff(v.msg, all[0].msg))
		}
	}
	t.Logf("%d of %d messages can be encoded", encoded, len(good))
	if encoded == 0 {
		t.Error("Append supports none of the vectors' messages")
	}
}

// alien is a message that no dialect has.
type alien struct{ n int }

func (alien) Type() string { return "alien" }

// runAppend: a message that is not the dialect's, or none, is ErrUnsupported.
func runAppend(t tester, k Kit, _ []goodVector) {
	d := k.device(t)
	for _, m := range []protocol.Message{nil, alien{1}, &alien{2}} {
		if _, err := d.Codec.Append(nil, m); err == nil {
			t.Errorf("Append encodes a %T", m)
		}
	}
	// A Raw is either refused or goes over the wire as one frame.
	b, err := d.Codec.Append(nil, &protocol.Raw{Code: "?", Data: []byte{0, 1, 2}})
	if err == nil {
		if all := feed(t, d, false, b); len(all) != 1 || all[0].frame == nil {
			t.Errorf("Append encodes a Raw as %s, which gives %v", show(b), all)
		}
	}
}

// runRelaxed: the relaxed codec reads what the strict one reads, and takes
// frames that the strict one refuses for their checksum.
func runRelaxed(t tester, k Kit, good []goodVector) {
	if k.Device.Relaxed == nil {
		t.NotApplicable("the dialect has no check code to relax")
	}
	strict, relaxed := k.device(t), k.device(t).Relax()
	took := 0
	for _, v := range good {
		all := feed(t, relaxed, false, v.wire)
		if len(all) != 1 || !reflect.DeepEqual(all[0].msg, v.msg) {
			t.Errorf("%s: the relaxed codec gives %v, the strict one %v", v.Name, all, v.msg)
		}
		for i := range len(v.wire) {
			b := bytes.Clone(v.wire)
			b[i] ^= 1
			if all := feed(t, strict, false, b); len(all) != 1 || reason(all[0].err) != "wrong checksum" {
				continue
			}
			for _, o := range feed(t, relaxed, false, b) {
				if reason(o.err) == "wrong checksum" {
					t.Fatalf("%s, byte %d changed: the relaxed codec says %v", v.Name, i, o.err)
				}
				if o.msg != nil {
					took++
				}
			}
		}
	}
	if took == 0 {
		t.Error("the relaxed codec takes no frame that the strict one refuses for its checksum")
	}
}

// runTruncation: a frame cut at any length asks for more or is an error. It is
// a message only where it equals the whole one, because no more than separators
// were cut. Where frames have a checksum, Decode of a cut frame is an error too.
func runTruncation(t tester, k Kit, good []goodVector) {
	d := k.device(t)
	for _, v := range good {
		for n := range len(v.wire) {
			for _, o := range feed(t, d, true, v.wire[:n]) {
				if o.msg != nil && !reflect.DeepEqual(o.msg, v.msg) {
					t.Errorf("%s cut to %d of %d bytes gives %v", v.Name, n, len(v.wire), o)
				}
			}
		}
		for n := range len(v.frame) {
			m, err := d.Codec.Decode(v.frame[:n])
			if err == nil && k.Protected != nil && !reflect.DeepEqual(m, v.msg) {
				t.Errorf("%s: Decode of %d of %d bytes gives a %s", v.Name, n, len(v.frame), m.Type())
			}
		}
	}
}

// runBitFlips: with any one bit wrong a frame gives messages or errors as the
// contract allows; in the part that Kit.Protected names, nothing but errors.
func runBitFlips(t tester, k Kit, good []goodVector) {
	d := k.device(t)
	for _, v := range good {
		start := bytes.Index(v.wire, v.frame)
		from, to := 0, 0
		if k.Protected != nil {
			from, to = k.Protected(v.frame)
			if from < 0 || to > len(v.frame) || from >= to {
				t.Fatalf("%s: protected part [%d, %d) of %d bytes", v.Name, from, to, len(v.frame))
			}
		}
		for i := range 8 * len(v.wire) {
			b := bytes.Clone(v.wire)
			b[i/8] ^= 0x80 >> (i % 8)
			for _, o := range feed(t, d, true, b) {
				if at := i/8 - start; o.msg != nil && at >= from && at < to {
					t.Errorf("%s: bit %d of byte %d wrong, in the protected part, gives %v", v.Name, i%8, i/8, o)
				}
			}
		}
		for i := range 8 * len(v.frame) { // past Split, which may have refused
			b := bytes.Clone(v.frame)
			b[i/8] ^= 0x80 >> (i % 8)
			if m, err := d.Codec.Decode(b); err == nil && i/8 >= from && i/8 < to {
				t.Errorf("%s: Decode with bit %d of byte %d wrong, in the protected part, gives a %s", v.Name, i%8, i/8, m.Type())
			}
		}
	}
}

// runMatch: Match never panics, says No to no prefix of the device's own good
// frames, and takes nothing at all for Yes.
func runMatch(t tester, k Kit, good []goodVector) {
	match := func(prefix []byte) (m protocol.Match) {
		guard(t, "Match", prefix, func() { m = k.Device.Match(prefix) })
		return m
	}
	if match(nil) == protocol.Yes {
		t.Error("Match of no bytes is Yes")
	}
	for _, v := range good {
		if v.From != "device" {
			continue
		}
		for n := range len(v.wire) + 1 {
			if match(v.wire[:n]) == protocol.No {
				t.Errorf("%s: Match says No to the first %d bytes, %s", v.Name, n, show(v.wire[:n]))
				break
			}
		}
	}
	for _, f := range foreign {
		match(f.bytes)
	}
}
