package alcohol_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
	_ "time/tzdata"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/alcohol"
	"github.com/sargas-em/em/alcohol/tacfile"
)

// people opens the readings of eight people from the folder of outside data.
func people(t testing.TB) map[string][]em.Observation {
	t.Helper()
	dir := os.Getenv("EM_DATA")
	if dir == "" {
		if os.Getenv("EM_REQUIRE") != "" {
			t.Fatal("EM_DATA is not set")
		}
		t.Skip("SKIPPED: EM_DATA is not set, the answers on real readings are not checked")
	}
	files, err := filepath.Glob(filepath.Join(dir, "tac", "*_cam.csv"))
	if err != nil || len(files) != 8 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	phoenix, err := time.LoadLocation("America/Phoenix") // any: there is no change of clocks in May
	if err != nil {
		t.Fatal(err)
	}
	all := map[string][]em.Observation{}
	for _, file := range files {
		f, err := os.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		id := filepath.Base(file)[:6]
		obs, err := tacfile.Read(f, tacfile.Options{Device: em.DeviceID("ankle:" + id), Location: phoenix})
		f.Close()
		if err != nil || len(obs) < 40 {
			t.Fatalf("%s: %d readings, %v", id, len(obs), err)
		}
		all[id] = obs
	}
	return all
}

// Peak, rates and classes that an independent implementation found.
func TestKnownAnswers(t *testing.T) {
	data := people(t)
	for _, tc := range []struct{ id, raw, median string }{
		{"BK7610", ".165/.0210/.0248 CANDIDATE", ".156/.0160/.0218 CANDIDATE"},
		{"CC6740", ".253/.0206/.0325 CANDIDATE", ".231/.0188/.0291 CANDIDATE"},
		{"DK3500", ".197/.0388/.0141 CANDIDATE", ".136/.0268/.0094 CANDIDATE"},
		{"HV0618", ".224/.0318/.0218 CANDIDATE", ".181/.0266/.0147 CANDIDATE"},
		{"JR8022", ".300/.0346/.0218 CANDIDATE", ".210/.0226/.0156 CANDIDATE"},
		{"MC7070", ".258/.1015/.0171 REVIEW", ".207/.0814/.0136 REVIEW"},
		{"MJ8002", ".243/.0297/.0217 CANDIDATE", ".236/.0308/.0201 CANDIDATE"},
		{"PC6771", ".250/.0544/.0160 REVIEW", ".079/.0392/.0043 CANDIDATE"},
	} {
		for _, v := range []struct {
			s    alcohol.Smoothing
			want string
		}{{alcohol.SmoothRaw, tc.raw}, {alcohol.SmoothMedian, tc.median}} {
			for _, gap := range []time.Duration{0, 2*time.Hour + 36*time.Second} {
				t.Run(fmt.Sprint(tc.id, " ", v.s, " ", gap), func(t *testing.T) {
					a, err := alcohol.Analyze(alcohol.TransdermalRule{Smoothing: v.s, Gap: gap}, data[tc.id])
					if err != nil {
						t.Fatal(err)
					}
					if len(a.Episodes) != 1 {
						t.Fatalf("%d episodes: %+v", len(a.Episodes), a.Episodes)
					}
					e := a.Episodes[0]
					got := fmt.Sprintf("%.3f/%.4f/%.4f %s", e.Peak.Level, e.Rise.V, e.Fall.V, e.Class)
					for i := 0; i < len(got); i++ { // 0.165 is written .165
						if got[i] == '0' && i+1 < len(got) && got[i+1] == '.' && (i == 0 || got[i-1] == '/') {
							got = got[:i] + got[i+1:]
						}
					}
					if got != v.want {
						t.Errorf("got %s, want %s", got, v.want)
					}
				})
			}
		}
	}
}

// The infrared voltage of worn instruments: few readings leave the step, none
// for long, and the rule tells no obstruction.
func TestKnownWear(t *testing.T) {
	data := people(t)
	var all, total int
	for _, tc := range []struct {
		id                     string
		readings, off, longest int
	}{
		{"BK7610", 48, 5, 2}, {"CC6740", 48, 1, 1}, {"DK3500", 43, 4, 2}, {"HV0618", 46, 1, 1},
		{"JR8022", 46, 0, 0}, {"MC7070", 48, 1, 1}, {"MJ8002", 51, 1, 1}, {"PC6771", 48, 1, 1},
	} {
		a, err := alcohol.Analyze(alcohol.TransdermalRule{}, data[tc.id])
		if err != nil {
			t.Fatal(err)
		}
		off, longest := 0, 0
		for _, ev := range a.Events {
			switch {
			case ev.Detail.Kind == alcohol.KindTransdermal:
			case ev.Detail.Kind == alcohol.KindWear && ev.Detail.Class == alcohol.ClassPotentialTamper:
				i := slices.IndexFunc(ev.Detail.Facts, func(f em.Fact) bool { return f.Name == "readings" })
				n := int(ev.Detail.Facts[i].Num)
				off, longest = off+n, max(longest, n)
			default:
				t.Errorf("%s: %s %s: %s", tc.id, ev.Detail.Kind, ev.Detail.Class, ev.Detail.Reason)
			}
		}
		if len(a.Points) != tc.readings || off != tc.off || longest != tc.longest {
			t.Errorf("%s: %d readings, %d off, longest %d; want %d, %d, %d", tc.id, len(a.Points), off, longest, tc.readings, tc.off, tc.longest)
		}
		all, total = all+off, total+len(a.Points)
	}
	if all != 14 || total != 378 {
		t.Errorf("%d of %d readings, want 14 of 378", all, total)
	}
}
