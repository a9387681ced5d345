package codectest

import (
	"fmt"
	"maps"
	"testing"

	"github.com/sargas-em/em/protocol"
	"github.com/sargas-em/em/protocol/internal/sample"
)

func TestFates(t *testing.T) {
	line := func(body string) string {
		var x byte
		for i := range len(body) {
			x ^= body[i]
		}
		return fmt.Sprintf("#%s*%02X\r\n", body, x)
	}
	var vs []Vector
	for _, text := range []string{
		line("alive,990000000000017"), "#alive,990000000000017*00\r\n", line("other,990000000000017,1"), line("pos,990000000000017,x"),
		"junk#", line("alive,990000000000017"),
	} {
		vs = append(vs, Vector{Text: text})
	}
	types, others := Fates(t, sample.Codec{}, vs)
	if types["alive"] != 2 || len(types) != 1 {
		t.Errorf("messages %v", types)
	}
	want := map[int]string{2: "wrong checksum", 3: "unsupported other", 4: "field time", 5: fmt.Sprintf("split at 4: %v", protocol.ErrJunk)}
	if !maps.Equal(others, want) {
		t.Errorf("others %v, want %v", others, want)
	}
}

// Step wakes or hands over.
func TestStep(t *testing.T) {
	sim, err := sample.Device().Simulator("990000000000017", 1)
	if err != nil {
		t.Fatal(err)
	}
	now := Kit{Device: sample.Device()}.withDefaults(inTest(t)).Now
	first := Step(t, sim, now, nil)
	if len(first.Send) != 1 {
		t.Fatalf("it says %v", first.Send)
	}
	if answer := Step(t, sample.Device().NewSession(), now, first.Send[0]); len(answer.Observations) == 0 {
		t.Errorf("%+v", answer)
	}
}
