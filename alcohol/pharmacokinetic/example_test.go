package pharmacokinetic_test

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/sargas-em/em/alcohol/pharmacokinetic"
)

// A simulated wearer drinks two glasses of wine half an hour apart; a device
// reads him every half hour.
func Example() {
	person := pharmacokinetic.Draw(rand.New(rand.NewPCG(1, 17)))
	var body pharmacokinetic.State
	for minute := range 4 * 60 {
		grams := 0.0
		if minute == 0 || minute == 30 {
			grams = 14
		}
		body.Minute(&person, grams)
		if minute%60 == 59 {
			fmt.Printf("after %s: blood %.2f g/L, breath %.2f mg/L, ankle %.3f g/dL\n",
				time.Duration(minute+1)*time.Minute, body.Blood, body.Breath(&person), body.Skin(pharmacokinetic.Ankle))
		}
	}
	// Output:
	// after 1h0m0s: blood 0.29 g/L, breath 0.13 mg/L, ankle 0.003 g/dL
	// after 2h0m0s: blood 0.23 g/L, breath 0.10 mg/L, ankle 0.009 g/dL
	// after 3h0m0s: blood 0.14 g/L, breath 0.06 mg/L, ankle 0.010 g/dL
	// after 4h0m0s: blood 0.06 g/L, breath 0.03 mg/L, ankle 0.007 g/dL
}
