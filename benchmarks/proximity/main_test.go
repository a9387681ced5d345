package main

import "testing"

// TestCheck: the sample has events of all kinds, and they are the oracle's.
func TestCheck(t *testing.T) {
	n, err := check(crowds[:], 30, 1300)
	if err != nil {
		t.Fatal(err)
	}
	if n < 60 {
		t.Errorf("%d events: too few to tell", n)
	}
}

func TestMeasure(t *testing.T) {
	for _, timeline := range []bool{false, true} {
		f, err := measure(crowds[1], 50, 3, timeline)
		if err != nil {
			t.Fatal(err)
		}
		if f.Events == 0 || f.NsPerReport <= 0 {
			t.Errorf("%+v", f)
		}
	}
}
