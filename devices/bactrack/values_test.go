package bactrack

import (
	"testing"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/protocol"
	"github.com/sargas-em/em/protocol/codectest"
)

func tunnelKit(d protocol.Device, vectors, identity, profile string) codectest.Kit {
	return codectest.Kit{
		Profile: profile, Device: d, Vectors: "testdata/" + vectors, Identity: identity, Login: "hello",
		Protected: func(frame []byte) (from, to int) { return 0, len(frame) },
		External:  []string{"bactrack.jsonl"},
	}
}

func mobileKit() codectest.Kit {
	k := tunnelKit(Mobile(), "mobile.jsonl", "MOB-0017", "breathalyser")
	k.Resolution = 1e6
	return k
}

func c6Kit() codectest.Kit {
	k := tunnelKit(C6(), "c6.jsonl", "C6-0017", "breathalyser")
	k.Resolution = 1e6
	return k
}

func skynKit() codectest.Kit {
	k := tunnelKit(Skyn(), "skyn.jsonl", "SK-0017", "transdermal")
	k.External = nil // there are none of it
	k.Overlaps = []string{"bactrack.jsonl"}
	k.Vague = []protocol.CommandKind{protocol.CommandRead}
	k.Reports = []em.Body{
		&em.Transdermal{Value: em.Decimal{Coef: 431}, Unit: em.UnitRaw},
		&em.Power{Volts: em.Some(3.9)},
	}
	return k
}

func TestMobileConformance(t *testing.T) { run(t, mobileKit()) }
func TestC6Conformance(t *testing.T)     { run(t, c6Kit()) }
func TestSkynConformance(t *testing.T)   { run(t, skynKit()) }

func FuzzMobile(f *testing.F) { codectest.Fuzz(f, mobileKit()) }
func FuzzC6(f *testing.F)     { codectest.Fuzz(f, c6Kit()) }
func FuzzSkyn(f *testing.F)   { codectest.Fuzz(f, skynKit()) }
