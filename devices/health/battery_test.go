package health

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sargas-em/em"
)

// night is from 04:00 to 12:00 UTC, which is 9 to 17 hours after start.
func night(after time.Time) (from, to time.Time, ok bool) {
	day := after.Truncate(24 * time.Hour)
	if from, to = day.Add(4*h), day.Add(12*h); !to.After(after) {
		from, to = from.Add(24*h), to.Add(24*h)
	}
	return from, to, true
}

var batteryScripts = []script{
	{
		// 3 % an hour from 30 %: empty (5 %) 8 h 20 min after start, before the night
		// is over. The warning comes three hours before the night.
		name: "battery: would be empty in the night",
		ev:   must(NewBattery(BatteryConfig{Night: night})),
		obs:  []em.Observation{at(0, bracelet, level(0.30)), at(h, bracelet, level(0.27)), at(2*h, bracelet, level(0.24)), at(3*h, bracelet, level(0.21))},
		end:  20 * h,
		told: []string{
			"battery.forecast CHARGE_BEFORE_NIGHT technical 6h0m0s..open because 4",
			"battery.forecast CHARGE_BEFORE_NIGHT technical 6h0m0s..17h0m0s because 4",
		},
	},
	{
		name: "battery: charged in time",
		ev:   must(NewBattery(BatteryConfig{Night: night})),
		obs: []em.Observation{
			at(0, bracelet, level(0.30)), at(h, bracelet, level(0.27)), at(2*h, bracelet, level(0.24)), at(3*h, bracelet, level(0.21)),
			at(7*h, unit, power(em.PowerRestored)), at(8*h, bracelet, &em.Power{Charging: em.Some(true)}),
		},
		end: 20 * h,
		told: []string{
			"battery.forecast CHARGE_BEFORE_NIGHT technical 6h0m0s..open because 4",
			"battery.forecast CHARGE_BEFORE_NIGHT technical 6h0m0s..8h0m0s because 5",
		},
	},
	{
		name: "battery: charged unseen, a level higher by more than 5 %",
		ev:   must(NewBattery(BatteryConfig{Night: night})),
		obs:  []em.Observation{at(0, bracelet, level(0.30)), at(h, bracelet, level(0.27)), at(2*h, bracelet, level(0.24)), at(3*h, bracelet, level(0.33))},
		end:  20 * h,
	},
	{
		// 0.5 % an hour from 30 %: empty 50 hours after start.
		name: "battery: lasts",
		ev:   must(NewBattery(BatteryConfig{Night: night})),
		obs:  []em.Observation{at(0, bracelet, level(0.30)), at(h, bracelet, level(0.295)), at(2*h, bracelet, level(0.29)), at(3*h, bracelet, level(0.285))},
		end:  20 * h,
	},
	{
		name: "battery: found within the night, by the reading that tells it",
		ev:   must(NewBattery(BatteryConfig{Night: night})),
		obs:  []em.Observation{at(10*h, bracelet, level(0.30)), at(10*h+20*m, bracelet, level(0.24)), at(10*h+40*m, bracelet, level(0.18)), at(11*h, bracelet, level(0.12))},
		end:  20 * h,
		told: []string{
			"battery.forecast CHARGE_BEFORE_NIGHT technical 11h0m0s..open because 4",
			"battery.forecast CHARGE_BEFORE_NIGHT technical 11h0m0s..17h0m0s because 4",
		},
	},
	{
		name: "battery: no nights, no warning",
		ev:   must(NewBattery(BatteryConfig{})),
		obs:  []em.Observation{at(0, bracelet, level(0.30)), at(h, bracelet, level(0.2)), at(2*h, bracelet, level(0.1)), at(3*h, bracelet, level(0.05))},
		end:  100 * h,
	},
}

func TestBatteryScripts(t *testing.T) { runScripts(t, batteryScripts) }

func runScripts(t *testing.T, scripts []script) {
	t.Helper()
	for _, c := range scripts {
		t.Run(c.name, func(t *testing.T) {
			told, _ := naive(t, c.ev(), c.obs, start.Add(c.end))
			if diff := cmp.Diff(c.told, briefs(told)); diff != "" {
				t.Errorf("versions (-want +got):\n%s", diff)
			}
		})
	}
}

// Worked by hand. Levels 80, 78, 50, 74, 72 % at hours 0 to 4, of which 50 is
// wild: the ten slopes in % an hour are −2 (six times), −28, −15, −30/3 = −10
// and, to the wild one, +24, +11: sorted, the median is −2. By Kendall's S of
// five readings σ² = 5·4·15/18 = 16.67, 1.645·4.08 = 6.7: ranks ⌊1.6⌋ and ⌈8.4⌉
// of 0 to 9. The level at hour 4 is the median of 72, 72, 46, 72, 72.
func TestForecast(t *testing.T) {
	b, err := NewBattery(BatteryConfig{Empty: 0.12})
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := b.Forecast(bracelet); ok {
		t.Error("a forecast of nothing")
	}
	for i, v := range []float64{0.80, 0.78, 0.50, 0.74, 0.72} {
		if _, ok := b.Forecast(bracelet); ok != (i >= 4) {
			t.Errorf("after %d readings: %v", i, ok)
		}
		b.Observe(nil, at(time.Duration(i)*h, bracelet, level(v)))
	}
	f, ok := b.Forecast(bracelet)
	if !ok || math.Abs(f.Rate-0.02) > 1e-12 || math.Abs(f.Level-0.72) > 1e-12 || f.Readings != 5 || f.Span != 4*h {
		t.Fatalf("%+v", f)
	}
	if want := start.Add(34 * h); f.Empty.Sub(want).Abs() > time.Second { // 60 % at 2 % an hour
		t.Errorf("empty at %v, want %v", f.Empty, want)
	}
	if math.Abs(f.RateHigh-0.15) > 1e-9 || math.Abs(f.RateLow+0.24) > 1e-9 || !f.Latest.IsZero() || f.Earliest.Sub(start.Add(8*h)).Abs() > time.Second {
		t.Errorf("%+v", f)
	}
}

// Over random discharges with noise the interval of 90 % holds the true rate as
// often as it says, and the median is little worse than a line without outliers.
func TestForecastCovers(t *testing.T) {
	const seed, rounds = 20261101, 1000
	held, near := 0, 0
	for i := range uint64(rounds) {
		rnd := rand.New(rand.NewPCG(seed, i))
		rate := 0.005 + 0.02*rnd.Float64()
		b, _ := NewBattery(BatteryConfig{})
		for k := range 24 {
			v := 0.9 - rate*float64(k)/2 + 0.01*rnd.NormFloat64()
			if rnd.IntN(12) == 0 && k > 0 {
				v -= 0.2 // wild
			}
			b.Observe(nil, at(time.Duration(k)*30*m, bracelet, level(min(max(v, 0), 1))))
		}
		f, ok := b.Forecast(bracelet)
		if !ok {
			continue
		}
		if f.RateLow <= rate && rate <= f.RateHigh {
			held++
		}
		if math.Abs(f.Rate-rate) < 0.005 {
			near++
		}
	}
	t.Logf("seed %d: the interval holds %d of %d true rates, %d medians are within 0.5 %%/h", seed, held, rounds, near)
	if held < 850 || near < 850 {
		t.Errorf("%d held, %d near", held, near)
	}
}

func TestBatteryBounded(t *testing.T) {
	b, _ := NewBattery(BatteryConfig{Night: night})
	for i := range 10_000 {
		b.Observe(nil, at(time.Duration(i)*m, bracelet, level(0.9-float64(i)/100_000)))
	}
	if n := len(b.devices[0].readings); n > 97 {
		t.Errorf("%d readings are kept", n)
	}
	for i := range 40 {
		b.Observe(nil, at(time.Duration(20_000+i)*m, em.DeviceID(rune('a'+i)), level(0.9)))
	}
	if len(b.devices) != batteryDevices {
		t.Errorf("%d devices are kept", len(b.devices))
	}
}
