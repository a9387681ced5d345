package interval

import (
	"math"
	"testing"
)

// Against the tables in textbooks: Garwood for 0, 1, 10 and 100 events.
func TestPoisson(t *testing.T) {
	for _, c := range []struct {
		k         int
		low, high float64
	}{{0, 0, 3.6889}, {1, 0.0253, 5.5716}, {10, 4.7954, 18.3904}, {100, 81.3639, 121.6273}, {5000, 4862.36, 5140.55}} {
		low, high := Poisson(c.k)
		if math.Abs(low-c.low) > 0.01*max(1, c.low/1000) || math.Abs(high-c.high) > 0.01*max(1, c.high/1000) {
			t.Errorf("%d events: %.4f–%.4f, want %.4f–%.4f", c.k, low, high, c.low, c.high)
		}
	}
}

func TestWilson(t *testing.T) {
	for _, c := range []struct {
		k, n      int
		low, high float64
	}{{5, 10, .2366, .7634}, {0, 10, 0, .2775}, {10, 10, .7225, 1}, {0, 0, 0, 1}} {
		low, high := Wilson(c.k, c.n)
		if math.Abs(low-c.low) > 1e-4 || math.Abs(high-c.high) > 1e-4 {
			t.Errorf("%d of %d: %.4f–%.4f, want %.4f–%.4f", c.k, c.n, low, high, c.low, c.high)
		}
	}
}
