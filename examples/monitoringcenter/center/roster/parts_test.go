package roster

import (
	"testing"

	"github.com/sargas-em/em"
)

// What is made of no parts heeds nothing, until its state brings one that the order no
// longer has, and until its next state does not.
func TestPartsHeed(t *testing.T) {
	rest := func(string) (em.Evaluator, error) { return unordered{}, nil }
	none, one := &parts{rest: rest}, &parts{rest: rest}
	if err := one.add("door", unordered{}, false); err != nil {
		t.Fatal(err)
	}
	state, err := one.AppendBinary(nil)
	if err != nil || em.Heeds(none, em.KindFix) || !em.Heeds(one, em.KindFix) {
		t.Errorf("without parts it heeds %v, with one %v, %v", em.Heeds(none, em.KindFix), em.Heeds(one, em.KindFix), err)
	}
	for _, s := range [][]byte{state, nil} {
		if err := none.UnmarshalBinary(s); err != nil || em.Heeds(none, em.KindVendor) != (len(s) > 0) {
			t.Errorf("after a state of %d bytes it heeds %v, %v", len(s), em.Heeds(none, em.KindVendor), err)
		}
	}
}
