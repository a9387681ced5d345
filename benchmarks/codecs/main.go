// Command codecs measures how fast each dialect's frames are split and decoded.
//
//	go run ./benchmarks/codecs [-codec NAME] [-frames N] [-seed N] [-json] [-cpuprofile FILE]
//
// The stream of a dialect is what its simulator sends over a day of positions, or,
// where it tells none, of contacts with a beacon or of breath tests. Before any
// speed is printed, a session reads the same stream, and all that was reported must
// come back.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/pprof"
	"text/tabwriter"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/benchmarks/internal/cputime"
	"github.com/sargas-em/em/devices"
	"github.com/sargas-em/em/protocol"
	"github.com/sargas-em/em/protocol/wire"
)

// figures are what was measured of one dialect, on one core.
type figures struct {
	Codec          string  `json:"codec"`
	Frames         int     `json:"frames"`
	Bytes          int     `json:"bytes"`
	FramesPerSec   float64 `json:"frames_per_second"`
	MBPerSec       float64 `json:"megabytes_per_second"`
	AllocsPerFrame float64 `json:"allocations_per_frame"`

	// The same with the caller's memory; absent where the codec has no DecodeReuse.
	ReuseFramesPerSec   *float64 `json:"reuse_frames_per_second,omitempty"`
	ReuseAllocsPerFrame *float64 `json:"reuse_allocations_per_frame,omitempty"`
}

// report is all of a run, with what is needed to repeat it.
type report struct {
	Command []string  `json:"command"`
	Go      string    `json:"go"`
	OS      string    `json:"os"`
	CPUs    int       `json:"cpus"`
	Seed    uint64    `json:"seed"`
	Time    string    `json:"time"`
	Codecs  []figures `json:"codecs"`
}

func main() {
	n := flag.Int("frames", 20_000, "reports in each stream")
	seed := flag.Uint64("seed", 1, "of the invented track")
	only := flag.String("codec", "", "measure this dialect alone")
	profile := flag.String("cpuprofile", "", "write a CPU profile to this file")
	asJSON := flag.Bool("json", false, "print JSON instead of a table")
	flag.Parse()
	r := report{Command: os.Args, Go: runtime.Version(), OS: runtime.GOOS + "/" + runtime.GOARCH, CPUs: runtime.NumCPU(), Seed: *seed, Time: cputime.What}
	if *profile != "" {
		stop, err := profileTo(*profile)
		if err != nil {
			fmt.Fprintln(os.Stderr, "codecs:", err)
			os.Exit(1)
		}
		defer stop()
	}
	for _, d := range devices.All() {
		if *only != "" && d.Name != *only {
			continue
		}
		f, err := measure(d, *n, *seed)
		if errors.Is(err, protocol.ErrUnsupported) {
			fmt.Fprintf(os.Stderr, "%s: its simulator reports none of what is measured\n", d.Name)
			continue
		}
		if err != nil {
			fmt.Fprintf(os.Stderr, "codecs: %s: %v\n", d.Name, err)
			os.Exit(1)
		}
		r.Codecs = append(r.Codecs, f)
	}
	if err := r.write(*asJSON); err != nil {
		fmt.Fprintln(os.Stderr, "codecs:", err)
		os.Exit(1)
	}
}

func profileTo(name string) (stop func(), err error) {
	file, err := os.Create(name)
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(file); err != nil {
		return nil, err
	}
	return func() {
		pprof.StopCPUProfile()
		file.Close()
	}, nil
}

func (r report) write(asJSON bool) error {
	if asJSON {
		return json.NewEncoder(os.Stdout).Encode(r)
	}
	fmt.Printf("%s %s, %d CPUs, seed %d, one core, %s; answers checked\n", r.Go, r.OS, r.CPUs, r.Seed, r.Time)
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "codec\tframes\tbytes\tframes/s\tMB/s\tallocs/frame\tframes/s, memory reused\tallocs/frame\t")
	for _, f := range r.Codecs {
		fmt.Fprintf(w, "%s\t%d\t%d\t%.0f\t%.1f\t%.2f\t", f.Codec, f.Frames, f.Bytes, f.FramesPerSec, f.MBPerSec, f.AllocsPerFrame)
		if f.ReuseFramesPerSec == nil {
			fmt.Fprint(w, "\t\t\n")
			continue
		}
		fmt.Fprintf(w, "%.0f\t%.2f\t\n", *f.ReuseFramesPerSec, *f.ReuseAllocsPerFrame)
	}
	return w.Flush()
}

// measure makes a stream, checks it, and times Split and Decode over it.
func measure(d protocol.Device, n int, seed uint64) (figures, error) {
	var track []em.Observation
	var stream []byte
	err := protocol.ErrUnsupported
	for _, day := range days {
		if !errors.Is(err, protocol.ErrUnsupported) {
			break
		}
		track = day(n, seed)
		stream, err = record(d, track, seed)
	}
	if err != nil {
		return figures{}, err
	}
	if err := check(d, stream, track); err != nil {
		return figures{}, err
	}
	f := figures{Codec: d.Name, Bytes: len(stream)}
	var best time.Duration
	if best, f.Frames, f.AllocsPerFrame, err = clock(d, stream, d.Codec.Decode); err != nil {
		return f, err
	}
	f.FramesPerSec = float64(f.Frames) / best.Seconds()
	f.MBPerSec = float64(f.Bytes) / 1e6 / best.Seconds()
	if reuser, ok := d.Codec.(protocol.Reuser); ok {
		var memory wire.Memory
		best, frames, allocs, err := clock(d, stream, func(frame []byte) (protocol.Message, error) {
			return reuser.DecodeReuse(frame, &memory)
		})
		if err != nil {
			return f, err
		}
		rate := float64(frames) / best.Seconds()
		f.ReuseFramesPerSec, f.ReuseAllocsPerFrame = &rate, &allocs
	}
	return f, nil
}

// clock takes the least time of some passes: others on the machine only add.
func clock(d protocol.Device, stream []byte, read func([]byte) (protocol.Message, error)) (best time.Duration, frames int, allocs float64, err error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer debug.SetGCPercent(debug.SetGCPercent(400))
	best = math.MaxInt64
	for range 7 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		start := cputime.Thread()
		if frames, err = decode(d, stream, read); err != nil {
			return 0, 0, 0, err
		}
		best = min(best, cputime.Thread()-start)
		runtime.ReadMemStats(&after)
		allocs = float64(after.Mallocs-before.Mallocs) / float64(frames)
	}
	return best, frames, allocs, nil
}

// decode splits and decodes the whole stream.
func decode(d protocol.Device, stream []byte, read func([]byte) (protocol.Message, error)) (frames int, err error) {
	for len(stream) > 0 {
		// A server's buffer holds one frame and a little more.
		frame, n, err := d.Codec.Split(stream[:min(len(stream), d.MaxFrame)])
		if err != nil || n == 0 {
			return frames, fmt.Errorf("split: %d bytes, %w", n, err)
		}
		stream = stream[n:]
		if frame == nil {
			continue
		}
		if _, err := read(frame); err != nil {
			return frames, err
		}
		frames++
	}
	return frames, nil
}

// walk is an invented day, a position every few seconds round a town.
func walk(n int, seed uint64) []em.Observation {
	rnd := rand.New(rand.NewPCG(seed, 0))
	at := time.Date(2026, 3, 2, 6, 0, 0, 0, time.UTC)
	p := em.LatLng{Lat: 54.7, Lng: 25.3}
	obs := make([]em.Observation, n)
	for i := range obs {
		p.Lat += rnd.NormFloat64() * 1e-5
		p.Lng += rnd.NormFloat64() * 1e-5
		obs[i] = em.Observation{DeviceAt: at.Add(time.Duration(i) * 4 * time.Second), Body: &em.Fix{
			LatLng: p, Validity: em.FixCurrent, Source: em.SourceGNSS, Satellites: em.Some(5 + rnd.IntN(8)),
			Speed: em.Some(rnd.Float64() * 2), Course: em.Some(rnd.Float64() * 359),
		}}
	}
	return obs
}

// days are what is reported, of which a dialect's stream has the first that its
// simulator takes.
var days = []func(n int, seed uint64) []em.Observation{walk, contacts, breaths}

// contacts are of a beacon that comes and goes.
func contacts(n int, seed uint64) []em.Observation {
	obs := walk(n, seed)
	rnd := rand.New(rand.NewPCG(seed, 1))
	for i := range obs {
		obs[i].Body = &em.Beacon{Beacon: "501", Radio: "rf", Lost: rnd.IntN(2) == 0}
	}
	return obs
}

// breaths are tests of a module that has no clock.
func breaths(n int, seed uint64) []em.Observation {
	obs := walk(n, seed)
	rnd := rand.New(rand.NewPCG(seed, 2))
	for i := range obs {
		obs[i].Body = &em.AlcoholReading{Value: em.Decimal{Coef: int64(rnd.IntN(1 << 16))}, Unit: em.UnitRaw, Status: em.SampleOK}
	}
	return obs
}

// same compares what came back with what was reported; told is false where it is
// of another kind.
func same(got, want em.Observation) (told, ok bool) {
	switch w := want.Body.(type) {
	case *em.Fix:
		const metres = 1 // the coarsest wire format has 1e-6 degrees
		g, told := got.Body.(*em.Fix)
		return told, told && got.DeviceAt.Equal(want.DeviceAt) && g.Distance(w.LatLng) <= metres
	case *em.Beacon:
		g, told := got.Body.(*em.Beacon)
		return told, told && got.DeviceAt.Equal(want.DeviceAt) && g.Beacon == w.Beacon && g.Lost == w.Lost
	case *em.AlcoholReading:
		g, told := got.Body.(*em.AlcoholReading)
		return told, told && g.Value == w.Value && g.Unit == w.Unit
	}
	return false, false
}

// identities are invented, in the forms that dialects have for theirs.
var identities = []string{"990000000000017", "990000000017", "99000017"}

// simulator returns the device's side, with the first identity that suits it.
func simulator(d protocol.Device, seed uint64) (sim protocol.Simulator, identity string, err error) {
	for _, identity = range identities {
		if sim, err = d.Simulator(identity, seed); err == nil {
			return sim, identity, nil
		}
	}
	return nil, "", err
}

// record is the bytes that a simulated device sends while it reports obs and a
// session answers it.
func record(d protocol.Device, obs []em.Observation, seed uint64) ([]byte, error) {
	sim, identity, err := simulator(d, seed)
	if err != nil {
		return nil, err
	}
	session := d.Sessions(protocol.SessionConfig{Identity: identity})
	var stream []byte
	// pass hands messages over as their bytes, and returns the answer.
	pass := func(now time.Time, ms []protocol.Message, to protocol.Session, wire func([]byte)) ([]protocol.Message, error) {
		var out protocol.Output
		for _, m := range ms {
			b, err := d.Codec.Append(nil, m)
			if err != nil {
				return nil, err
			}
			wire(b)
			frame, _, err := d.Codec.Split(b)
			if err != nil {
				return nil, err
			}
			got, err := d.Codec.Decode(frame)
			if err != nil {
				return nil, err
			}
			if err := to.Handle(now, got, &out); err != nil {
				return nil, err
			}
		}
		return out.Send, nil
	}
	turn := func(now time.Time) error {
		var out protocol.Output
		if err := sim.Wake(now, &out); err != nil {
			return err
		}
		for ms := out.Send; len(ms) > 0; {
			answer, err := pass(now, ms, session, func(b []byte) { stream = append(stream, b...) })
			if err != nil {
				return err
			}
			if ms, err = pass(now, answer, sim, func([]byte) {}); err != nil {
				return err
			}
		}
		return nil
	}
	if err := turn(obs[0].DeviceAt); err != nil {
		return nil, err
	}
	for _, o := range obs {
		if err := sim.Report(o); err != nil {
			return nil, err
		}
		if err := turn(o.DeviceAt); err != nil {
			return nil, err
		}
	}
	return stream, nil
}

// check reads the stream as a center does and compares every report with what was
// reported.
func check(d protocol.Device, stream []byte, track []em.Observation) error {
	_, identity, err := simulator(d, 0)
	if err != nil {
		return err
	}
	session := d.Sessions(protocol.SessionConfig{Identity: identity})
	i := 0
	for len(stream) > 0 {
		frame, n, err := d.Codec.Split(stream)
		if err != nil || n == 0 {
			return fmt.Errorf("split: %d bytes, %w", n, err)
		}
		stream = stream[n:]
		if frame == nil {
			continue
		}
		m, err := d.Codec.Decode(frame)
		if err != nil {
			return err
		}
		var out protocol.Output
		if err := session.Handle(track[min(i, len(track)-1)].DeviceAt, m, &out); err != nil {
			return err
		}
		for _, o := range out.Observations {
			told, ok := same(o, track[min(i, len(track)-1)])
			if !told {
				continue
			}
			if i == len(track) {
				return errors.New("more than was reported")
			}
			if !ok {
				return fmt.Errorf("report %d: %+v at %v, reported %+v at %v", i, o.Body, o.DeviceAt, track[i].Body, track[i].DeviceAt)
			}
			i++
		}
	}
	if i != len(track) {
		return fmt.Errorf("%d of %d reports came back", i, len(track))
	}
	return nil
}
