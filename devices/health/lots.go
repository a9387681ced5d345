package health

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/sargas-em/em"
)

// KindLot, em.Technical, Class "LOT_TAMPER_RATE": the devices of one hardware lot
// are tampered with, or report it, more often than the rest of the fleet can
// explain by chance. It is a matter for whoever supplies the devices.
const KindLot em.EventKind = "device.lot"

// Lot is what one hardware lot did over some time.
type Lot struct {
	Name       string  // "batch 2026-14"
	Devices    int     // in use
	DeviceDays float64 // days in use, of all its devices
	Events     int     // tampers that count
	Affected   int     // devices with at least one
}

// LotsConfig says when a lot stands out. The zero value works.
type LotsConfig struct {
	Version string // of this configuration, told in every finding

	// Confidence of all findings of one call together, 0 to 1: 0.95 where zero.
	// Of n lots each is judged at 1 − (1 − Confidence)/n (Bonferroni).
	Confidence float64
	// Ratio is how many times the rest's rate the lot's rate must surely be above:
	// 1 where zero.
	Ratio float64
	// Least events and devices affected, and least device-days: 5, 3 and 100 where
	// zero. One broken strap that opens all day is no lot's fault. Unverified.
	Events, Affected int
	DeviceDays       float64
}

// LotFinding is the judgement on one lot.
type LotFinding struct {
	Lot
	Version string

	Rate   float64 // events a device-day
	Others float64 // … of all other lots
	// Ratio of the two, with its interval at Confidence. Of others without an
	// event Ratio and High are infinite, and zero where the lot has none either.
	Ratio, Low, High float64
	Confidence       float64 // of this interval: see LotsConfig.Confidence
	Enough           bool    // enough data to judge
	Found            bool    // Enough, and Low above LotsConfig.Ratio
	Detail           em.Detail
}

// Lots compares the tamper rate of each lot with that of all others. Where the
// events of both are Poisson, of k + m events in all the lot's k are binomial
// with p = RT/(RT + U), for T and U device-days and a ratio of rates R: so the
// interval of Clopper and Pearson for p gives an exact one for R (it holds R at
// least as often as stated; Przyborowski and Wilenski 1940). Events that come in
// clusters, as of one loose strap, are no Poisson events: Affected stands against
// that, and counting one event a device and day does more.
//
// The findings are in the order of Low, the highest first. An error names a lot
// whose figures cannot be.
func Lots(c LotsConfig, lots []Lot) ([]LotFinding, error) {
	def := func(v *float64, d float64) {
		if *v == 0 {
			*v = d
		}
	}
	def(&c.Confidence, 0.95)
	def(&c.Ratio, 1)
	def(&c.DeviceDays, 100)
	if c.Events == 0 {
		c.Events = 5
	}
	if c.Affected == 0 {
		c.Affected = 3
	}
	if !(c.Confidence > 0 && c.Confidence < 1) || !(c.Ratio > 0) || !(c.DeviceDays > 0) || c.Events < 1 || c.Affected < 1 {
		return nil, fmt.Errorf("health: lots at a confidence of %v above a ratio of %v, with %d events of %d devices in %v days", c.Confidence, c.Ratio, c.Events, c.Affected, c.DeviceDays)
	}
	var days float64
	events := 0
	names := map[string]bool{}
	for _, l := range lots {
		switch {
		case names[l.Name]:
			return nil, fmt.Errorf("health: lot %q is given twice", l.Name)
		case !(l.DeviceDays >= 0) || math.IsInf(l.DeviceDays, 0) || l.Events < 0 || l.Events > maxLotEvents,
			l.Affected < 0 || l.Affected > l.Devices || l.Affected > l.Events, l.Events > 0 && (l.DeviceDays == 0 || l.Affected == 0):
			return nil, fmt.Errorf("health: lot %q cannot be: %d events of %d among %d devices in %v days", l.Name, l.Events, l.Affected, l.Devices, l.DeviceDays)
		}
		names[l.Name] = true
		days += l.DeviceDays
		events += l.Events
	}
	confidence := 1 - (1-c.Confidence)/float64(max(len(lots), 1))
	var all []LotFinding
	for _, l := range lots {
		f := LotFinding{Lot: l, Version: c.Version, Confidence: confidence}
		rest, m := days-l.DeviceDays, events-l.Events
		if l.DeviceDays > 0 {
			f.Rate = float64(l.Events) / l.DeviceDays
		}
		if rest > 0 {
			f.Others = float64(m) / rest
			low, high := binomial(l.Events, l.Events+m, 1-confidence)
			ratio := func(p float64) float64 {
				switch {
				case p >= 1:
					return math.Inf(1)
				case l.DeviceDays == 0:
					return 0
				}
				return p / (1 - p) * rest / l.DeviceDays
			}
			f.Low, f.High = ratio(low), ratio(high)
			switch {
			case f.Others > 0:
				f.Ratio = f.Rate / f.Others
			case f.Rate > 0:
				f.Ratio = math.Inf(1)
			}
		}
		f.Enough = rest > 0 && l.Events >= c.Events && l.Affected >= c.Affected && l.DeviceDays >= c.DeviceDays
		f.Found = f.Enough && f.Low > c.Ratio
		f.Detail = f.detail(&c)
		all = append(all, f)
	}
	slices.SortStableFunc(all, func(a, b LotFinding) int { return cmp.Or(cmp.Compare(b.Low, a.Low), cmp.Compare(a.Name, b.Name)) })
	return all, nil
}

// maxLotEvents bounds the work of binomial.
const maxLotEvents = 1_000_000

func (f *LotFinding) detail(c *LotsConfig) em.Detail {
	d := em.Detail{Kind: KindLot, Class: "LOT_ORDINARY", Severity: em.Info}
	per := "tampers per 1,000 device-days"
	rates := fmt.Sprintf("%s has %.2f %s and the other lots %.2f", f.Name, 1000*f.Rate, per, 1000*f.Others)
	switch {
	case f.Found:
		d.Class, d.Severity = "LOT_TAMPER_RATE", em.Technical
		d.Reason = fmt.Sprintf("Lot %s: at least %.1f times as many, which is not chance. Its devices should be checked.", rates, f.Low)
	case !f.Enough:
		d.Class = "LOT_TOO_LITTLE"
		d.Reason = fmt.Sprintf("Lot %s: too little to judge.", rates)
	default:
		d.Reason = fmt.Sprintf("Lot %s: that may be chance.", rates)
	}
	d.Facts = []em.Fact{{Name: "lot", Text: f.Name}}
	for _, x := range []struct {
		name string
		v    float64
		unit string
	}{
		{"devices", float64(f.Devices), "1"}, {"devices affected", float64(f.Affected), "1"}, {"events", float64(f.Events), "1"}, {"device-days", f.DeviceDays, "d"},
		{"rate", 1000 * f.Rate, "1/1000 d"}, {"rate of others", 1000 * f.Others, "1/1000 d"},
		{"ratio", f.Ratio, "1"}, {"ratio, low", f.Low, "1"}, {"ratio, high", f.High, "1"},
		{"confidence", 100 * f.Confidence, "%"}, {"ratio to be above", c.Ratio, "1"},
		{"events needed", float64(c.Events), "1"}, {"devices affected needed", float64(c.Affected), "1"}, {"device-days needed", c.DeviceDays, "d"},
	} {
		if math.IsInf(x.v, 0) {
			d.Facts = append(d.Facts, em.Fact{Name: x.name, Text: "unbounded"})
			continue
		}
		d.Facts = append(d.Facts, em.Fact{Name: x.name, Num: x.v, Unit: x.unit})
	}
	return d
}

// binomial returns the interval of Clopper and Pearson for k of n, outside of
// which p lies with alpha at most.
func binomial(k, n int, alpha float64) (low, high float64) {
	low, high = 0, 1
	if k > 0 { // P(X >= k | low) = alpha/2
		low = bisect(func(p float64) bool { return 1-binomialCDF(k-1, n, p) < alpha/2 })
	}
	if k < n { // P(X <= k | high) = alpha/2
		high = bisect(func(p float64) bool { return binomialCDF(k, n, p) > alpha/2 })
	}
	return low, high
}

// bisect returns where below turns from true to false within [0, 1].
func bisect(below func(float64) bool) float64 {
	lo, hi := 0.0, 1.0
	for range 60 {
		if mid := (lo + hi) / 2; below(mid) {
			lo = mid
		} else {
			hi = mid
		}
	}
	return (lo + hi) / 2
}

// binomialCDF returns P(X <= k) of n trials at p, 0 <= k < n.
func binomialCDF(k, n int, p float64) float64 {
	switch {
	case p <= 0:
		return 1
	case p >= 1:
		return 0
	}
	// From the larger end of the sum down; terms below 1e-18 of it add nothing.
	lg := func(x int) float64 { v, _ := math.Lgamma(float64(x) + 1); return v }
	term := func(i int) float64 {
		return math.Exp(lg(n) - lg(i) - lg(n-i) + float64(i)*math.Log(p) + float64(n-i)*math.Log1p(-p))
	}
	if mode := int(float64(n) * p); k > mode { // the upper tail is the shorter one
		return 1 - tail(term(k+1), k+1, n, func(i int) float64 { return float64(n-i) / float64(i+1) * p / (1 - p) }, 1)
	}
	return tail(term(k), k, 0, func(i int) float64 { return float64(i) / float64(n-i+1) * (1 - p) / p }, -1)
}

// tail adds terms from i to end, each ratio(i) times the one before.
func tail(t float64, i, end int, ratio func(int) float64, step int) float64 {
	sum := t
	for i != end && t > sum*1e-18 {
		t *= ratio(i)
		i += step
		sum += t
	}
	return min(sum, 1)
}
