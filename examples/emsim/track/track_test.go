package track

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/sargas-em/em"
)

const gpx = `<?xml version="1.0"?>
<gpx version="1.1" xmlns="http://www.topografix.com/GPX/1/1"><trk><name>walk</name><trkseg>
<trkpt lat="54.6872" lon="25.2797"><ele>100</ele><time>2026-03-02T06:00:00Z</time></trkpt>
<trkpt lat="54.6872" lon="25.2797"><time>2026-03-02T06:00:00Z</time></trkpt>
</trkseg><trkseg>
<trkpt lat="54.6882" lon="25.2817"><time>2026-03-02T08:01:40+02:00</time></trkpt>
</trkseg></trk></gpx>`

const table = "time,name,lat,longitude\n2026-03-02T06:00:00Z,a,54.6872,25.2797\n1772431300,b,54.6882,25.2817\n"

// Both files say the same, and a point in between lies on the line.
func TestRead(t *testing.T) {
	for name, doc := range map[string]string{"walk.gpx": gpx, "walk.csv": table} {
		tr, err := Read(name, strings.NewReader(doc))
		if err != nil {
			t.Fatal(err)
		}
		if len(tr) != 2 || tr.Lasts() != 100*time.Second || tr[1].At.Location() != time.UTC {
			t.Fatalf("%s: %v", name, tr)
		}
		start := time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC)
		tr = tr.Shift(start)
		for _, c := range []struct {
			after time.Duration
			want  em.LatLng
		}{
			{-time.Hour, em.LatLng{Lat: 54.6872, Lng: 25.2797}}, {0, em.LatLng{Lat: 54.6872, Lng: 25.2797}},
			{25 * time.Second, em.LatLng{Lat: 54.68745, Lng: 25.2802}}, {time.Hour, em.LatLng{Lat: 54.6882, Lng: 25.2817}},
		} {
			got, _ := tr.At(start.Add(c.after), 0)
			if math.Abs(got.Lat-c.want.Lat) > 1e-9 || math.Abs(got.Lng-c.want.Lng) > 1e-9 {
				t.Errorf("%s: after %v at %v, want %v", name, c.after, got, c.want)
			}
		}
	}
}

func TestReadErrors(t *testing.T) {
	for _, c := range []struct{ name, doc, want string }{
		{"a.csv", "", "EOF"},
		{"a.csv", "time,lat\n", `no column "lon"`},
		{"a.csv", "time,lat,lon\n1,2,3\n", "1 points"},
		{"a.csv", "time,lat,lon\n1,2,3\n2,x,3\n", "line 3"},
		{"a.csv", "time,lat,lon\n1,2,3\nnever,2,3\n", "line 3"},
		{"a.csv", "time,lat,lon\n1,2,3\n2,91,3\n", "no position"},
		{"a.csv", "time,lat,lon\n5,2,3\n2,2,3\n", "before the point"},
		{"a.csv", "time,lat,lon\n5,2\n", "number of fields"},
		{"a.gpx", "<gpx><trkpt lat='1' lon='2'/></gpx>", "point 1: it needs"},
		{"a.gpx", "<gpx><trkpt lat='x' lon='2'/></gpx>", "point 1"},
		{"a.gpx", "<gpx>", "EOF"},
	} {
		if _, err := Read(c.name, strings.NewReader(c.doc)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: error %v does not speak of %q", c.doc, err, c.want)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add(true, gpx)
	f.Add(false, table)
	f.Fuzz(func(t *testing.T, isGPX bool, doc string) {
		name := "a.csv"
		if isGPX {
			name = "a.gpx"
		}
		tr, err := Read(name, strings.NewReader(doc))
		if err != nil {
			return
		}
		for i, p := range tr {
			if !p.Valid() || i > 0 && !p.At.After(tr[i-1].At) {
				t.Fatalf("point %d: %v", i, p)
			}
		}
	})
}

func ExampleRead() {
	walk, err := Read("walk.csv", strings.NewReader("time,lat,lon\n1000,54.0,25.0\n1010,54.1,25.2\n"))
	if err != nil {
		fmt.Println(err)
		return
	}
	where, _ := walk.At(time.Unix(1005, 0), 0)
	fmt.Printf("%.2f %.2f\n", where.Lat, where.Lng)
	// Output: 54.05 25.10
}
