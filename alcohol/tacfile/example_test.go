package tacfile_test

import (
	"fmt"
	"strings"
	"time"
	_ "time/tzdata"

	"github.com/sargas-em/em/alcohol"
	"github.com/sargas-em/em/alcohol/tacfile"
)

// A file of an ankle instrument, with a bad row, and the verdict on the rest.
func Example() {
	const file = `local_time,tac_g_dl,ir_volts,temp_f
2026-03-02T20:00:00,0.000,1.10,91
2026-03-02T20:30:00,0.012,1.10,91
2026-03-02T21:00:00,0.031,1.10,92
2026-03-02T21:30:00,0.044,1.11,92
2026-03-02T22:00:00,0.051,1.10,91
2026-03-02T22:30:00,N/A,1.10,91
2026-03-02T23:00:00,0.040,1.10,91
2026-03-02T23:30:00,0.033,1.10,91
2026-03-03T00:00:00,0.022,1.12,92
2026-03-03T00:30:00,0.011,1.10,92
2026-03-03T01:00:00,0.003,1.10,92
2026-03-03T01:30:00,0.000,1.10,92
`
	vilnius, err := time.LoadLocation("Europe/Vilnius")
	if err != nil {
		fmt.Println(err)
		return
	}
	readings, err := tacfile.Read(strings.NewReader(file), tacfile.Options{Device: "ankle:17", Location: vilnius})
	if err != nil {
		fmt.Println(err) // the other rows are read even so
	}
	verdict, err := alcohol.Analyze(alcohol.TransdermalRule{Version: "order 17"}, readings)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, e := range verdict.Episodes {
		fmt.Println(e.Class, e.From.Format("15:04"), "to", e.To.Format("15:04"), "UTC")
		fmt.Println(e.Reason)
	}
	// Output:
	// tacfile: line 7, column 21 (tac_g_dl) "N/A": not a plain decimal number
	// CANDIDATE 18:00 to 23:00 UTC
	// Alcohol at the skin reaches 0.044 g/dL skin, rises by 0.0253 and falls by 0.0117 an hour, which a body can; an analyst confirms or rejects it.
}
