package watch3g

import (
	"testing"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/protocol"
	"github.com/sargas-em/em/protocol/codectest"
)

// The dialect has no check code, so nothing is protected.
func kit() codectest.Kit {
	return codectest.Kit{
		Profile:  "gps-bracelet",
		Device:   Device(),
		External: []string{"watch-3g.jsonl"},
		Identity: "9900000017",
		Commands: []protocol.Command{{Kind: protocol.CommandVendor, Text: "LOWBAT,1"}},
		Endless:  []byte("[3G*9900000017*0009*LK,"),
		Reports: []em.Body{
			&em.Tamper{What: em.TamperRemoval},
			&em.Alarm{What: em.AlarmSOS},
			&em.Alarm{What: em.AlarmFall, Code: "bit 22"},
			&em.Power{Event: em.PowerLow, Level: em.Some(0.12)},
			&em.Power{Event: em.PowerCut},
			&em.Comms{Event: em.CommsHeartbeat},
			&em.Vendor{Name: "heart", Fields: []em.Field{{Name: "heart_rate", Value: "72"}}},
		},
	}
}

func TestConformance(t *testing.T) { codectest.Run(t, kit()) }

// general is the codec without what it does for a Position that is as most are.
type general struct{ Codec }

func (general) Decode(frame []byte) (protocol.Message, error) {
	f := reader{frame: frame}
	f.Begin(frame, nil)
	m := f.message()
	return protocol.Verdict(&f.Cursor, m, nil, false)
}

func TestPlainPosition(t *testing.T) {
	const fields = "_LTE,140326,092653,A,54.687200,N,25.2797000,E,5.21,159.1,112.5,9,86,92,1234,0,00000008"
	codectest.Alike(t, kit(), Codec{}, general{}, func(frame []byte) bool {
		f := reader{frame: frame}
		f.Begin(frame, nil)
		return f.plainPosition() != nil
	}, nil, []byte("[3G*9900000017*0001*UD"+fields+"]"), []byte("[3G*9900000017*0001*0099*UD2"+fields+",]"),
		[]byte("[SG*9900000017*0099*AL"+fields+",1,0,246,1,3450,9,132,0,0.0]"))
}

func FuzzStream(f *testing.F) { codectest.Fuzz(f, kit()) }
