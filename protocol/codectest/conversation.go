package codectest

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/sargas-em/em/protocol"
)

// runSession: whatever the order in which messages come — the device's own, the
// server's sent back to it, unsupported ones, before the login and after, twice —
// no call panics, every output keeps the contract, and equal conversations have
// equal outputs. External frames take part where they are at hand.
func runSession(t tester, k Kit, good []goodVector) {
	var msgs []protocol.Message
	for _, v := range good {
		msgs = append(msgs, v.msg)
	}
	msgs = append(msgs, &protocol.Raw{}, &protocol.Raw{Code: "0x00", Data: []byte{0}}, alien{1})
	t.Run("before login", func(t tester) {
		for _, m := range msgs {
			k.session(t).handle(k.Now, m)
		}
	})
	t.Run("after login", func(t tester) {
		byName := map[string]Vector{}
		for _, v := range good {
			byName[v.Name] = v.Vector
		}
		for _, m := range msgs {
			s := k.session(t)
			k.logIn(t, s, byName, Vector{})
			s.handle(k.Now, m)
		}
	})
	t.Run("any order", func(t tester) {
		t.Logf("seed %d", seed)
		for round := range 20 {
			a := k.converse(t, msgs, uint64(round))
			if b := k.converse(t, msgs, uint64(round)); a != b {
				t.Errorf("round %d: two equal conversations differ:\n%s", round, diff(a, b))
			}
		}
	})
	t.Run("external", func(t tester) {
		var real []protocol.Message
		for _, file := range k.External {
			for _, v := range outside(t, file) {
				for _, o := range k.external(t, v) {
					if o.msg != nil {
						real = append(real, o.msg)
					}
				}
			}
		}
		for _, m := range real {
			k.session(t).handle(k.Now, m)
		}
		k.converse(t, append(real, msgs...), 1)
	})
}

// converse hands the messages twice, in a seeded order, to one session and wakes
// it at its deadlines; the result tells the outputs.
func (k Kit) converse(t tester, msgs []protocol.Message, round uint64) string {
	t.Helper()
	rnd := rand.New(rand.NewPCG(seed, round))
	var log bytes.Buffer
	s := k.session(t)
	now, clock := k.Now, k.Now
	order := append(rnd.Perm(len(msgs)), rnd.Perm(len(msgs))...)
	for _, i := range order {
		now = now.Add(time.Duration(rnd.IntN(90_000)) * time.Millisecond)
		for n := 0; !s.Deadline().IsZero() && !s.Deadline().After(now); n++ {
			if n > 10_000 {
				t.Fatalf("the session wants to be woken without end: deadline %v", s.Deadline())
			}
			if at := s.Deadline(); at.After(clock) { // one in the past means at once
				clock = at
			}
			out, err := s.wake(clock)
			s.tell(&log, "wake", out, err)
		}
		clock = now
		out, err := s.handle(now, msgs[i])
		s.tell(&log, msgs[i].Type(), out, err)
	}
	return log.String()
}

func (s *session) tell(log *bytes.Buffer, what string, out *protocol.Output, err error) {
	fmt.Fprintf(log, "%s: %v close %t", what, err, out.Close)
	for _, m := range out.Send {
		b, _ := s.codec.Append(nil, m)
		fmt.Fprintf(log, " send %x", b)
	}
	for _, o := range out.Observations {
		b, _ := o.AppendBinary(nil)
		fmt.Fprintf(log, " see %x", b)
	}
	fmt.Fprintln(log)
}

// simulator is a simulator under watch.
type simulator struct {
	*session
	sim protocol.Simulator
}

func (k Kit) simulator(t tester, simSeed uint64) simulator {
	t.Helper()
	sim, err := k.Device.Simulator(k.Identity, simSeed)
	if err != nil {
		t.Fatalf("Simulator(%q): %v", k.Identity, err)
	}
	return simulator{watchSession(t, k.Device, sim), sim}
}

// runExternal: the frames of the external files keep the codec's contract, also
// cut short and with single bits wrong, and at least one decodes. The counts,
// strict and relaxed, are logged; a dialect's own test pins them.
func runExternal(t tester, k Kit, _ []goodVector) {
	if len(k.External) == 0 {
		t.Skip("the kit names no external files")
	}
	for _, file := range k.External {
		t.Run(file, func(t tester) {
			vs := outside(t, file)
			c := k.count(t, vs)
			t.Logf("strict:  %v", c)
			if c.Messages == 0 {
				t.Error("no frame became a message")
			}
			if k.Device.Relaxed != nil {
				t.Logf("relaxed: %v", k.relax().count(t, vs))
			}
			d := k.device(t)
			for _, v := range vs {
				b, err := v.Bytes()
				if err != nil {
					t.Fatal(err)
				}
				for n := range len(b) {
					feed(t, d, true, b[:n])
					flipped := slices.Clone(b)
					flipped[n] ^= 1 << (n % 8)
					feed(t, d, true, flipped)
				}
			}
		})
	}
}
