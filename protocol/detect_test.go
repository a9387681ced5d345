package protocol_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/sargas-em/em/protocol"
	"github.com/sargas-em/em/protocol/internal/sample"
)

func ExampleRegistry_Detect() {
	reg, err := protocol.NewRegistry(sample.Device())
	if err != nil {
		panic(err)
	}
	for _, prefix := range []string{"", "#alive", "GET /"} {
		d, err := reg.Detect([]byte(prefix))
		fmt.Printf("%q: %q %v\n", prefix, d.Name, err)
	}
	// Output:
	// "": "" protocol: the dialect is not clear yet (sample)
	// "#alive": "sample" <nil>
	// "GET /": "" protocol: the dialect is unknown
}

func TestRegistryOnly(t *testing.T) {
	other := sample.Device()
	other.Name = "other"
	reg, err := protocol.NewRegistry(sample.Device(), other)
	if err != nil {
		t.Fatal(err)
	}
	var de *protocol.DetectError
	if _, err := reg.Detect([]byte("#")); !errors.As(err, &de) || !errors.Is(err, protocol.ErrAmbiguous) || len(de.Candidates) != 2 {
		t.Errorf("two of a kind: %v", err)
	}
	one, err := reg.Only("other")
	if err != nil {
		t.Fatal(err)
	}
	if d, err := one.Detect([]byte("#")); err != nil || d.Name != "other" {
		t.Errorf("%q, %v", d.Name, err)
	}
	if _, err := reg.Only("other", "none"); err == nil {
		t.Error("a device that is not listed is taken")
	}
}
