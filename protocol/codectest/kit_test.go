package codectest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/protocol"
	"github.com/sargas-em/em/protocol/internal/sample"
	"github.com/sargas-em/em/protocol/wire"
)

const vectorFile = "../internal/sample/testdata/vectors.jsonl"

func sampleKit() Kit {
	return Kit{
		Device: sample.Device(), Vectors: vectorFile, Identity: "990000000000017",
		Protected: func(frame []byte) (int, int) { return 1, bytes.LastIndexByte(frame, '*') },
		Endless:   []byte("#pos,"),
	}
}

// codec is the sample's codec with one call replaced.
type codec struct {
	sample.Codec
	split   func(b []byte) ([]byte, int, error)
	decode  func(frame []byte) (protocol.Message, error)
	encode  func(dst []byte, m protocol.Message) ([]byte, error)
	dissect func(frame []byte) (protocol.Message, []wire.Span, error)
}

func (c codec) Split(b []byte) ([]byte, int, error) {
	if c.split != nil {
		return c.split(b)
	}
	return c.Codec.Split(b)
}

func (c codec) Decode(frame []byte) (protocol.Message, error) {
	if c.decode != nil {
		return c.decode(frame)
	}
	return c.Codec.Decode(frame)
}

func (c codec) Append(dst []byte, m protocol.Message) ([]byte, error) {
	if c.encode != nil {
		return c.encode(dst, m)
	}
	return c.Codec.Append(dst, m)
}

func (c codec) Dissect(frame []byte) (protocol.Message, []wire.Span, error) {
	if c.dissect != nil {
		return c.dissect(frame)
	}
	return c.Codec.Dissect(frame)
}

// session1 is the sample's session, or simulator, with one call replaced.
type session1 struct {
	protocol.Session
	handle   func(s protocol.Session, now time.Time, m protocol.Message, out *protocol.Output) error
	deadline func(s protocol.Session) time.Time
}

func (s session1) Handle(now time.Time, m protocol.Message, out *protocol.Output) error {
	if s.handle != nil {
		return s.handle(s.Session, now, m, out)
	}
	return s.Session.Handle(now, m, out)
}

func (s session1) Deadline() time.Time {
	if s.deadline != nil {
		return s.deadline(s.Session)
	}
	return s.Session.Deadline()
}

type simulator1 struct {
	session1
	report func(s protocol.Simulator, obs []em.Observation) error
}

func (s simulator1) Report(obs ...em.Observation) error {
	sim := s.Session.(protocol.Simulator)
	if s.report != nil {
		return s.report(sim, obs)
	}
	return sim.Report(obs...)
}

func withSession(d *protocol.Device, s session1) {
	d.Sessions = func(c protocol.SessionConfig) protocol.Session {
		s := s
		s.Session = sample.Device().Sessions(c)
		return s
	}
}

func withSimulator(d *protocol.Device, s simulator1) {
	d.Simulator = func(identity string, seed uint64) (protocol.Simulator, error) {
		sim, err := sample.Device().Simulator(identity, seed)
		if err != nil {
			return nil, err
		}
		s := s
		s.Session = sim
		return s, nil
	}
}

// calls makes mistakes that depend on what came before.
var calls int

// mistakes are dialects with one mistake each, and what the kit must say.
var mistakes = []struct {
	name string
	make func(k *Kit)
	want string
}{
	{"none", func(*Kit) {}, "ok"},
	{"message aliases the frame", func(k *Kit) {
		k.Device.Codec = codec{decode: func(frame []byte) (protocol.Message, error) {
			m, err := sample.Codec{}.Decode(frame)
			if r, ok := m.(*protocol.Raw); ok {
				r.Data = frame[:3]
			}
			return m, err
		}}
	}, "aliases the frame"},
	{"decode changes its input", func(k *Kit) {
		k.Device.Codec = codec{decode: func(frame []byte) (protocol.Message, error) {
			m, err := sample.Codec{}.Decode(frame)
			frame[0] = '!'
			return m, err
		}}
	}, "Decode changes its input"},
	{"untyped error", func(k *Kit) {
		k.Device.Codec = codec{decode: func(frame []byte) (protocol.Message, error) {
			m, err := sample.Codec{}.Decode(frame)
			if err != nil {
				err = errors.New("bad frame")
			}
			return m, err
		}}
	}, "untyped error"},
	{"decode panics", func(k *Kit) {
		k.Device.Codec = codec{decode: func(frame []byte) (protocol.Message, error) {
			_ = frame[20]
			return sample.Codec{}.Decode(frame)
		}}
	}, "Decode panics: runtime error: index out of range"},
	{"nil message", func(k *Kit) {
		k.Device.Codec = codec{decode: func([]byte) (protocol.Message, error) { return nil, nil }}
	}, "neither message nor error"},
	{"dissect leaves a gap", func(k *Kit) {
		k.Device.Codec = codec{dissect: func(frame []byte) (protocol.Message, []wire.Span, error) {
			m, spans, err := sample.Codec{}.Dissect(frame)
			return m, slices.Delete(spans, 0, min(1, len(spans))), err
		}}
	}, "expected one at 0"},
	{"dissect and decode differ", func(k *Kit) {
		k.Device.Codec = codec{dissect: func(frame []byte) (protocol.Message, []wire.Span, error) {
			m, spans, err := sample.Codec{}.Dissect(frame)
			if a, ok := m.(*sample.Ack); ok {
				a.At++
			}
			return m, spans, err
		}}
	}, "Dissect and Decode differ"},
	{"wrong coordinate", func(k *Kit) {
		k.Device.Codec = codec{decode: func(frame []byte) (protocol.Message, error) {
			m, err := sample.Codec{}.Decode(frame)
			if p, ok := m.(*sample.Pos); ok {
				p.Lat += 0.000002
			}
			return m, err
		}}
	}, "observation 0.lat: got"},
	{"split counts too far", func(k *Kit) {
		k.Device.Codec = codec{split: func(b []byte) ([]byte, int, error) {
			f, n, err := sample.Codec{}.Split(b)
			return f, n + 1, err
		}}
	}, "Split takes"},
	{"split waits for the next frame", func(k *Kit) {
		k.Device.Codec = codec{split: func(b []byte) ([]byte, int, error) {
			f, n, err := sample.Codec{}.Split(b)
			if f != nil && n == len(b) {
				return nil, 0, nil
			}
			return f, n, err
		}}
	}, "the vector is 0 frames"},
	{"split depends on the chunk", func(k *Kit) {
		k.Device.Codec = codec{split: func(b []byte) ([]byte, int, error) {
			if !bytes.Contains(b, []byte("\n")) {
				return nil, len(b), protocol.ErrJunk
			}
			return sample.Codec{}.Split(b)
		}}
	}, "cut at 1 of"},
	{"split never comes back after junk", func(k *Kit) {
		k.Device.Codec = codec{split: func(b []byte) ([]byte, int, error) {
			if b[0] != '#' {
				return nil, len(b), protocol.ErrJunk
			}
			if i := bytes.IndexByte(b, '\n'); i >= 0 {
				return b[:i+1], i + 1, nil
			}
			return nil, 0, nil
		}}
	}, "0 of 4 frames found, 1 may be lost (glued true)"},
	{"no checksum", func(k *Kit) { k.Device.Codec = sample.Codec{Relaxed: true} }, "in the protected part"},
	{"relaxed is strict", func(k *Kit) { k.Device.Relaxed = sample.Codec{} }, "the relaxed codec says"},
	{"append drops dst", func(k *Kit) {
		k.Device.Codec = codec{encode: func(dst []byte, m protocol.Message) ([]byte, error) {
			out, err := sample.Codec{}.Append(dst, m)
			if err != nil {
				return nil, err
			}
			return out, nil
		}}
	}, "Append changes what is in dst"},
	{"append loses a field", func(k *Kit) {
		k.Device.Codec = codec{encode: func(dst []byte, m protocol.Message) ([]byte, error) {
			if p, ok := m.(*sample.Pos); ok {
				q := *p
				q.Stored = false
				m = &q
			}
			return sample.Codec{}.Append(dst, m)
		}}
	}, "encoded and decoded differs"},
	{"append takes everything", func(k *Kit) {
		k.Device.Codec = codec{encode: func(dst []byte, m protocol.Message) ([]byte, error) {
			out, err := sample.Codec{}.Append(dst, m)
			if err != nil {
				return append(dst, good...), nil
			}
			return out, nil
		}}
	}, "Append encodes a <nil>"},
	{"endless frame ends", func(k *Kit) { k.Endless = []byte("no start") }, "do not give ErrFrameTooLong"},
	{"match says No", func(k *Kit) { k.Device.Match = func([]byte) protocol.Match { return protocol.No } }, "Match says No"},
	{"match says Yes to nothing", func(k *Kit) { k.Device.Match = func([]byte) protocol.Match { return protocol.Yes } }, "Match of no bytes is Yes"},
	{"session panics", func(k *Kit) {
		withSession(&k.Device, session1{handle: func(s protocol.Session, now time.Time, m protocol.Message, out *protocol.Output) error {
			if _, ok := m.(*sample.Ack); ok {
				panic("what is this?")
			}
			return s.Handle(now, m, out)
		}})
	}, "Handle panics: what is this?"},
	{"session's reply cannot be encoded", func(k *Kit) {
		withSession(&k.Device, session1{handle: func(s protocol.Session, now time.Time, m protocol.Message, out *protocol.Output) error {
			err := s.Handle(now, m, out)
			out.Send = append(out.Send, &protocol.Raw{})
			return err
		}})
	}, "cannot be encoded"},
	{"session numbers parts wrongly", func(k *Kit) {
		withSession(&k.Device, session1{handle: func(s protocol.Session, now time.Time, m protocol.Message, out *protocol.Output) error {
			err := s.Handle(now, m, out)
			for i := range out.Observations {
				out.Observations[i].Part++
			}
			return err
		}})
	}, "part 1"},
	{"session takes local time", func(k *Kit) {
		withSession(&k.Device, session1{handle: func(s protocol.Session, now time.Time, m protocol.Message, out *protocol.Output) error {
			err := s.Handle(now, m, out)
			for i := range out.Observations {
				out.Observations[i].At = now.In(time.FixedZone("", 7200))
			}
			return err
		}})
	}, "not in UTC"},
	{"decode takes the clock of the process", func(k *Kit) {
		k.Device.Codec = codec{decode: func(frame []byte) (protocol.Message, error) {
			m, err := sample.Codec{}.Decode(frame)
			if p, ok := m.(*sample.Pos); ok {
				_, lead := time.Unix(p.At, 0).Zone()
				p.At -= int64(lead)
			}
			return m, err
		}}
	}, "another message in the zone"},
	{"session takes the clock of its caller", func(k *Kit) {
		withSession(&k.Device, session1{handle: func(s protocol.Session, now time.Time, m protocol.Message, out *protocol.Output) error {
			err := s.Handle(now, m, out)
			for i := range out.Observations {
				y, month, d := now.Date()
				out.Observations[i].DeviceAt = time.Date(y, month, d, 0, 0, 0, 0, time.UTC)
			}
			return err
		}})
	}, "the session is another in the zone"},
	{"simulator tells another clock", func(k *Kit) {
		withSimulator(&k.Device, simulator1{report: func(s protocol.Simulator, obs []em.Observation) error {
			for i := range obs {
				_, lead := obs[i].DeviceAt.Zone()
				obs[i].DeviceAt = obs[i].DeviceAt.Add(time.Duration(lead) * time.Second)
			}
			return s.Report(obs...)
		}})
	}, "2026-12-31 14:"},
	{"session spins", func(k *Kit) {
		withSession(&k.Device, session1{deadline: func(protocol.Session) time.Time { return time.Unix(1, 0) }})
	}, "the session would spin"},
	{"session is not deterministic", func(k *Kit) {
		withSession(&k.Device, session1{handle: func(s protocol.Session, now time.Time, m protocol.Message, out *protocol.Output) error {
			calls++
			err := s.Handle(now, m, out)
			out.Send = append(out.Send, &sample.Ack{At: int64(calls)})
			return err
		}})
	}, "two equal conversations differ"},
	{"session does not answer", func(k *Kit) {
		withSession(&k.Device, session1{handle: func(s protocol.Session, now time.Time, m protocol.Message, out *protocol.Output) error {
			err := s.Handle(now, m, out)
			out.Send = out.Send[:0]
			return err
		}})
	}, "it never came"},
	{"simulator and session never rest", func(k *Kit) {
		withSimulator(&k.Device, simulator1{session1: session1{handle: func(s protocol.Session, now time.Time, m protocol.Message, out *protocol.Output) error {
			err := s.Handle(now, m, out)
			out.Send = append(out.Send, &sample.Alive{Identity: "990000000000017"})
			return err
		}}})
	}, "the ends never come to rest"},
	{"simulator lies about the time", func(k *Kit) {
		withSimulator(&k.Device, simulator1{report: func(s protocol.Simulator, obs []em.Observation) error {
			for i := range obs {
				obs[i].DeviceAt = obs[i].DeviceAt.Add(time.Second)
			}
			return s.Report(obs...)
		}})
	}, "want 2026"},
	{"simulator forgets", func(k *Kit) {
		withSimulator(&k.Device, simulator1{report: func(s protocol.Simulator, obs []em.Observation) error { return nil }})
	}, "on the wire:"},
	{"simulator refuses without ErrUnsupported", func(k *Kit) {
		withSimulator(&k.Device, simulator1{report: func(s protocol.Simulator, obs []em.Observation) error { return errors.New("no") }})
	}, "does not wrap ErrUnsupported"},
	{"simulator is not of its seed", func(k *Kit) {
		withSimulator(&k.Device, simulator1{report: func(s protocol.Simulator, obs []em.Observation) error {
			if calls++; calls%7 == 0 {
				return protocol.ErrUnsupported
			}
			return s.Report(obs...)
		}})
	}, "two simulators of one seed differ"},
	{"unsupported report", func(k *Kit) { k.Reports = []em.Body{&em.Vendor{Name: "x"}} }, "is not supported"},
	{"wrong identity", func(k *Kit) { k.DeviceID = "sample:other" }, "want \"sample:other\""},
	{"vectors by the encoder alone", func(k *Kit) { k.Vectors = os.Getenv("CODECTEST_DIR") + "/encoder.jsonl" }, "are the encoder's own"},
}

const good = "#alive,990000000000017*6D\r\n"

const envMistake = "CODECTEST_MISTAKE"

// TestMistake is run in a process of its own by TestTheKitFindsMistakes.
func TestMistake(t *testing.T) {
	for _, m := range mistakes {
		if m.name == os.Getenv(envMistake) {
			k := sampleKit()
			m.make(&k)
			Run(t, k)
			return
		}
	}
	t.Skip("run by TestTheKitFindsMistakes")
}

// TestTheKitFindsMistakes: a kit that cannot fail is worth nothing. All mistakes
// are shown to Verify, in TestVerifyFindsMistakes; here some fail a real test.
func TestTheKitFindsMistakes(t *testing.T) {
	dir := t.TempDir()
	line, err := json.Marshal(Vector{Name: "alive", Text: good, From: "device", By: "encoder", Type: "alive", Observations: []json.RawMessage{[]byte(`{"body":"comms"}`)}})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "encoder.jsonl"), line, 0o666); err != nil {
		t.Fatal(err)
	}
	for _, m := range mistakes {
		if !slices.Contains([]string{"none", "decode panics", "session spins", "vectors by the encoder alone"}, m.name) {
			continue
		}
		t.Run(m.name, func(t *testing.T) {
			t.Parallel() // it is another process
			out, err := again(t, "^TestMistake$", envMistake+"="+m.name, "CODECTEST_DIR="+dir)
			if m.want == "ok" {
				if err != nil {
					t.Errorf("a good dialect fails: %s", out)
				}
				return
			}
			if err == nil || !strings.Contains(out, m.want) {
				t.Errorf("the kit says %v, want a failure with %q:\n%.3000s", err, m.want, out)
			}
		})
	}
}

// again runs tests of this binary in a process of its own.
func again(t *testing.T, run string, env ...string) (string, error) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe, "-test.run", run, "-test.v", "-test.failfast")
	cmd.Env = append(slices.DeleteFunc(os.Environ(), func(e string) bool { return strings.HasPrefix(e, "EM_") }), env...)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func TestOutsideData(t *testing.T) {
	dir := t.TempDir()
	file := `{"protocol":"sample","source":"composed","text":"#alive,990000000000017*6D","kind":"heartbeat","expect":{}}
{"protocol":"sample","source":"composed","text":"#alive,990000000000017*00\r\n","kind":"heartbeat","expect":{}}
{"protocol":"sample","source":"composed","text":"#beep,1,2*11\r\nnoise","kind":"other","expect":{}}
{"protocol":"sample","source":"composed","hex":"ff00","kind":"junk","expect":{}}
`
	if err := os.WriteFile(filepath.Join(dir, "sample.jsonl"), []byte(file), 0o666); err != nil {
		t.Fatal(err)
	}
	t.Setenv(envVectors, dir)
	for _, c := range []struct {
		name string
		d    protocol.Device
		want string
	}{
		{"strict", sample.Device(), "4 vectors, 3 frames: 1 messages, 1 unsupported, 2 junk, 1 wrong checksum"},
		{"relaxed", sample.Device().Relax(), "4 vectors, 3 frames: 2 messages, 1 unsupported, 2 junk"},
	} {
		if got := Count(t, c.d, "sample.jsonl").String(); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
	completing := sample.Device()
	completing.Codec = completed{completing.Codec}
	if whole := Count(t, completing, "sample.jsonl"); whole.Messages != 4 {
		t.Errorf("with a codec that completes: %v", whole)
	}
	k := sampleKit()
	k.External = []string{"sample.jsonl"}
	Run(t, k)
}

// completed takes whatever it is given for a copy of a good frame.
type completed struct{ protocol.Codec }

func (completed) Complete([]byte) ([]byte, string) { return []byte("#ack,0*75\r\n"), "all" }

// TestNeedsOutsideData is run in processes of its own by TestWithoutOutsideData.
func TestNeedsOutsideData(t *testing.T) {
	if os.Getenv(envMistake) == "" {
		t.Skip("run by TestWithoutOutsideData")
	}
	External(t, "sample.jsonl")
}

func TestWithoutOutsideData(t *testing.T) {
	for _, c := range []struct {
		env  string
		fail bool
		want string
	}{
		{"EM_REQUIRE=", false, "SKIPPED: set EM_VECTORS"},
		{"EM_REQUIRE=1", true, "EM_VECTORS is unset"},
		{"EM_VECTORS=/does/not/exist", true, "no such file"},
	} {
		out, err := again(t, "^TestNeedsOutsideData$", c.env, envMistake+"=none")
		if (err != nil) != c.fail || !strings.Contains(out, c.want) {
			t.Errorf("%s: %v, want failure %t with %q:\n%s", c.env, err, c.fail, c.want, out)
		}
	}
}

// TestUpdate: -update rewrites what is expected and leaves the bytes alone.
func TestUpdate(t *testing.T) {
	file := filepath.Join(t.TempDir(), "vectors.jsonl")
	before := `{"name":"alive","text":"#alive,990000000000017*6D\r\n","from":"device","by":"hand","note":"<&>","after":[],"type":"old","observations":[{"body":"fix"}]}
{"name":"bad sum","hex":"23 61636b2c302a30300d0a","from":"server","by":"hand","error":"wrong checksum"}
`
	after := `{"name":"alive","text":"#alive,990000000000017*6D\r\n","from":"device","by":"hand","note":"<&>","after":[],"type":"alive","observations":[{"body":"comms","device":"sample:990000000000017","event":"heartbeat"}]}
{"name":"bad sum","hex":"23 61636b2c302a30300d0a","from":"server","by":"hand","error":"wrong checksum"}
`
	if err := os.WriteFile(file, []byte(before), 0o666); err != nil {
		t.Fatal(err)
	}
	k := sampleKit()
	k.Vectors = file
	k = k.withDefaults(inTest(t))
	*update = true
	defer func() { *update = false }()
	runVectors(inTest(t), k, loadComposed(inTest(t), k))
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != after {
		t.Errorf("got\n%swant\n%s", got, after)
	}
}

func TestSubset(t *testing.T) {
	for _, c := range []struct {
		want, got string
		same      bool
	}{
		{`{}`, `{"a":1}`, true},
		{`{"a":1}`, `{"a":1,"b":2}`, true},
		{`{"a":1}`, `{"b":2}`, false},
		{`{"a":null}`, `{"b":2}`, true},
		{`{"a":null}`, `{"a":2}`, false},
		{`{"a":"x"}`, `{"a":"y"}`, false},
		{`{"a":[{"b":1}]}`, `{"a":[{"b":1,"c":2}]}`, true},
		{`{"a":[1]}`, `{"a":[1,2]}`, false},
		{`{"a":{"b":1}}`, `{"a":1}`, false},
		{`{"a":54.6872}`, `{"a":54.68724999}`, true},
		{`{"a":54.6872}`, `{"a":54.68726}`, false},
		{`{"a":0.8}`, `{"a":0.83}`, false},
		{`{"a":5}`, `{"a":5.4}`, false},
		{`{"a":5}`, `{"a":5.0}`, true},
		{`{"a":true}`, `{"a":true}`, true},
		{`{"a":1}`, `{"a":"1"}`, false},
	} {
		w, err1 := parseJSON([]byte(c.want))
		g, err2 := parseJSON([]byte(c.got))
		if err1 != nil || err2 != nil {
			t.Fatal(err1, err2)
		}
		if diff := subset("o", w, g); (diff == "") != c.same {
			t.Errorf("%s of %s: %q", c.want, c.got, diff)
		}
	}
}

func FuzzSample(f *testing.F) { Fuzz(f, sampleKit()) }

func ExampleCounts() {
	fmt.Println(Counts{Vectors: 3, Frames: 3, Messages: 1, Unsupported: 1, Failed: map[string]int{"wrong checksum": 1}})
	// Output: 3 vectors, 3 frames: 1 messages, 1 unsupported, 1 wrong checksum
}
