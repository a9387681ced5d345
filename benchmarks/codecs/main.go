// Command codecs measures how fast each dialect's frames are split and decoded.
//
//	go run ./benchmarks/codecs [-codec NAME] [-frames N] [-backlog N] [-seed N] [-json] [-cpuprofile FILE]
//
// The stream of a dialect is what its simulator sends over a day of positions, or,
// where it tells none, of contacts with a beacon, of breath tests or of samples at
// the skin. A frame may hold many reports, above all where a device has kept them:
// -backlog has it tell that many at a turn. Before any speed is printed, a session reads the same stream, and all
// that was reported must come back.
//
// Beside a codec's time for a frame stands what the machine needs in the same run
// to do least with the same bytes: the floor looks at each byte of a frame twice,
// once for a separator and once for a check code, and the one with memory also
// allocates what the codec does. What comes to the codec's time until there are
// observations, with session and ID, is the last figure.
//
// Dialects take turns: a round has a pass of each figure of each, and a figure is the
// least of all rounds. What others on the machine slow down for a while, be it for
// seconds, is some rounds of all rather than all rounds of some.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/pprof"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/benchmarks/internal/cputime"
	"github.com/sargas-em/em/devices"
	"github.com/sargas-em/em/protocol"
	"github.com/sargas-em/em/protocol/checksum"
	"github.com/sargas-em/em/protocol/wire"
)

// figures are what was measured of one dialect, on one core.
type figures struct {
	Codec  string `json:"codec"`
	Frames int    `json:"frames"`
	Bytes  int    `json:"bytes"`

	Reports int `json:"reports"` // in all frames

	Decode   cost  `json:"decode"`
	Reuse    *cost `json:"reuse,omitempty"` // with the caller's memory, where the codec has DecodeReuse
	Floor    cost  `json:"floor"`
	Memory   cost  `json:"floor_with_memory"` // and an allocation of as many bytes as Decode makes
	Observed cost  `json:"observed"`          // Decode, the session, and each observation's Stamp
}

// cost is what a pass over the stream took, for each of its frames.
type cost struct {
	NSPerFrame     float64 `json:"ns_per_frame"`
	AllocsPerFrame float64 `json:"allocations_per_frame"`
	BytesPerFrame  float64 `json:"allocated_bytes_per_frame"`
}

// perSecond is how many frames that makes in a second.
func (c cost) perSecond() float64 { return 1e9 / c.NSPerFrame }

// report is all of a run, with what is needed to repeat it.
type report struct {
	Command []string  `json:"command"`
	Go      string    `json:"go"`
	OS      string    `json:"os"`
	CPUs    int       `json:"cpus"`
	Seed    uint64    `json:"seed"`
	Time    string    `json:"time"`
	Rounds  int       `json:"rounds"` // of which each figure is the least
	Codecs  []figures `json:"codecs"`
}

func main() {
	n := flag.Int("frames", 20_000, "reports in each stream")
	backlog := flag.Int("backlog", 0, "have devices keep their reports and tell so many at a turn; 0 for as they are made")
	seed := flag.Uint64("seed", 1, "of the invented track")
	only := flag.String("codec", "", "measure this dialect alone")
	profile := flag.String("cpuprofile", "", "write a CPU profile to this file")
	rounds := flag.Int("rounds", 25, "passes of each figure, of which the least counts")
	asJSON := flag.Bool("json", false, "print JSON instead of a table")
	flag.Parse()
	r := report{Command: os.Args, Go: runtime.Version(), OS: runtime.GOOS + "/" + runtime.GOARCH, CPUs: runtime.NumCPU(), Seed: *seed, Time: cputime.What, Rounds: max(*rounds, 1)}
	var runs []*run
	for _, d := range devices.All() {
		if *only != "" && d.Name != *only {
			continue
		}
		run, err := prepare(d, *n, *backlog, *seed)
		if errors.Is(err, protocol.ErrUnsupported) {
			fmt.Fprintf(os.Stderr, "%s: its simulator reports none of what is measured\n", d.Name)
			continue
		}
		if err != nil {
			fmt.Fprintf(os.Stderr, "codecs: %s: %v\n", d.Name, err)
			os.Exit(1)
		}
		runs = append(runs, run)
	}
	if *profile != "" {
		stop, err := profileTo(*profile)
		if err != nil {
			fmt.Fprintln(os.Stderr, "codecs:", err)
			os.Exit(1)
		}
		defer stop()
	}
	codecs, err := measure(runs, r.Rounds)
	if err != nil {
		fmt.Fprintf(os.Stderr, "codecs: %v\n", err)
		os.Exit(1)
	}
	r.Codecs = codecs
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
	fmt.Printf("%s %s, %d CPUs, seed %d, one core, %s, the least of %d rounds; answers checked\n", r.Go, r.OS, r.CPUs, r.Seed, r.Time, r.Rounds)
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "codec\tframes\tbytes\tframes/s\treports/s\tMB/s\tallocs\treused: frames/s\tallocs\tns/frame\treused\tfloor\twith memory\tns/byte\treused\tfloor\tobserved: ns/frame\t")
	for _, f := range r.Codecs {
		size := float64(f.Bytes) / float64(f.Frames)
		reuse := func(format string, v func(cost) float64) string {
			if f.Reuse == nil {
				return ""
			}
			return fmt.Sprintf(format, v(*f.Reuse))
		}
		ns := func(c cost) float64 { return c.NSPerFrame }
		nsByte := func(c cost) float64 { return c.NSPerFrame / size }
		fmt.Fprintf(w, "%s\t%d\t%.0f\t%.0f\t%.0f\t%.1f\t%.2f\t%s\t%s\t%.0f\t%s\t%.0f\t%.0f\t%.2f\t%s\t%.2f\t%.0f\t\n",
			f.Codec, f.Frames, size, f.Decode.perSecond(), f.Decode.perSecond()*float64(f.Reports)/float64(f.Frames), f.Decode.perSecond()*size/1e6, f.Decode.AllocsPerFrame,
			reuse("%.0f", cost.perSecond), reuse("%.2f", func(c cost) float64 { return c.AllocsPerFrame }),
			ns(f.Decode), reuse("%.0f", ns), ns(f.Floor), ns(f.Memory), nsByte(f.Decode), reuse("%.2f", nsByte), nsByte(f.Floor), ns(f.Observed))
	}
	return w.Flush()
}

// run is a dialect whose stream is made and checked, and what is clocked over it.
type run struct {
	figures
	passes []pass
}

// pass is one reading of the whole stream, and where the least cost of it stands.
type pass struct {
	cost *cost
	read func() error
}

// prepare makes a stream, checks it, and says what to time over it: above all Split
// and Decode.
func prepare(d protocol.Device, n, backlog int, seed uint64) (*run, error) {
	var track []em.Observation
	var stream []byte
	err := protocol.ErrUnsupported
	for _, day := range days {
		if !errors.Is(err, protocol.ErrUnsupported) {
			break
		}
		track = day.report(n, seed)
		for i := range track {
			track[i].Stored = track[i].Stored || backlog > 0
		}
		stream, err = record(d, track, max(day.turn, backlog), seed)
	}
	if err != nil {
		return nil, err
	}
	times, err := check(d, stream, track)
	if err != nil {
		return nil, err
	}
	frames, err := split(d, stream)
	if err != nil {
		return nil, err
	}
	r := &run{figures: figures{Codec: d.Name, Frames: len(frames), Bytes: len(stream), Reports: len(track)}}
	add := func(c *cost, read func() error) { r.passes = append(r.passes, pass{c, read}) }
	add(&r.Decode, func() error { return decode(d, stream, d.Codec.Decode) })
	if reuser, ok := d.Codec.(protocol.Reuser); ok {
		r.Reuse = new(cost)
		var memory wire.Memory
		add(r.Reuse, func() error {
			return decode(d, stream, func(frame []byte) (protocol.Message, error) { return reuser.DecodeReuse(frame, &memory) })
		})
	}
	add(&r.Floor, func() error { return floor(frames, 0) })
	add(&r.Memory, func() error { return floor(frames, int(r.Decode.BytesPerFrame)/8) })
	add(&r.Observed, func() error { return observe(d, stream, times) })
	return r, nil
}

// measure has the dialects take turns.
func measure(runs []*run, rounds int) ([]figures, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer debug.SetGCPercent(debug.SetGCPercent(400))
	for range rounds {
		for _, r := range runs {
			for _, p := range r.passes { // some milliseconds each
				if err := p.clock(r.Frames); err != nil {
					return nil, fmt.Errorf("%s: %w", r.Codec, err)
				}
			}
		}
	}
	all := make([]figures, len(runs))
	for i, r := range runs {
		all[i] = r.figures
	}
	return all, nil
}

// clock reads the stream once more, and keeps the least time: others on the machine
// only add. Allocations are those of the last pass, when memory has grown.
func (p pass) clock(frames int) error {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	start := cputime.Thread()
	if err := p.read(); err != nil {
		return err
	}
	ns := float64((cputime.Thread() - start).Nanoseconds()) / float64(frames)
	runtime.ReadMemStats(&after)
	if p.cost.NSPerFrame == 0 || ns < p.cost.NSPerFrame {
		p.cost.NSPerFrame = ns
	}
	p.cost.AllocsPerFrame = float64(after.Mallocs-before.Mallocs) / float64(frames)
	p.cost.BytesPerFrame = float64(after.TotalAlloc-before.TotalAlloc) / float64(frames)
	return nil
}

// decode splits and decodes the whole stream.
func decode(d protocol.Device, stream []byte, read func([]byte) (protocol.Message, error)) error {
	for len(stream) > 0 {
		// A server's buffer holds one frame and a little more.
		frame, n, err := d.Codec.Split(stream[:min(len(stream), d.MaxFrame)])
		if err != nil || n == 0 {
			return fmt.Errorf("split: %d bytes, %w", n, err)
		}
		stream = stream[n:]
		if frame == nil {
			continue
		}
		if _, err := read(frame); err != nil {
			return err
		}
	}
	return nil
}

// split returns the frames of the stream.
func split(d protocol.Device, stream []byte) (frames [][]byte, err error) {
	return frames, decode(d, stream, func(frame []byte) (protocol.Message, error) {
		frames = append(frames, frame)
		return nil, nil
	})
}

// floor does least with frames, and allocates that many words with pointers for
// each.
func floor(frames [][]byte, words int) error {
	sum := 0 // kept alive, so that no compiler leaves it out
	for _, f := range frames {
		sum += bytes.Count(f, []byte{','}) + int(checksum.Xor8(f))
		if words > 0 {
			runtime.KeepAlive(make([]*byte, words))
		}
	}
	runtime.KeepAlive(sum)
	return nil
}

// observe reads the stream, whose frames come at those times, up to stamped
// observations.
func observe(d protocol.Device, stream []byte, times []time.Time) error {
	_, identity, err := simulator(d, 0)
	if err != nil {
		return err
	}
	session := d.Sessions(protocol.SessionConfig{Identity: identity})
	var out protocol.Output
	return decode(d, stream, func(frame []byte) (protocol.Message, error) {
		m, err := d.Codec.Decode(frame)
		if err != nil {
			return nil, err
		}
		now := times[0]
		times = times[1:]
		out.Reset()
		if err := session.Handle(now, m, &out); err != nil {
			return nil, err
		}
		for i := range out.Observations {
			out.Observations[i] = out.Observations[i].Stamp(now)
		}
		return m, nil
	})
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
// simulator takes, so many reports at a turn: positions go out as they are made,
// samples are fetched a few hours later.
var days = []struct {
	report func(n int, seed uint64) []em.Observation
	turn   int
}{{walk, 1}, {contacts, 1}, {breaths, 1}, {tests, 1}, {samples, 60}}

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

// tests are of a breathalyser whose host has kept them.
func tests(n int, seed uint64) []em.Observation {
	obs := walk(n, seed)
	rnd := rand.New(rand.NewPCG(seed, 4))
	for i := range obs {
		value := em.Decimal{Coef: int64(rnd.IntN(400)) * 10, Scale: 4}
		obs[i].Stored, obs[i].Body = true, &em.AlcoholReading{Value: value, Unit: em.UnitBloodGPer100mL, Status: em.SampleOK}
	}
	return obs
}

// samples are of a sensor at the skin, three a minute.
func samples(n int, seed uint64) []em.Observation {
	obs := walk(n, seed)
	rnd := rand.New(rand.NewPCG(seed, 3))
	for i := range obs {
		obs[i].DeviceAt = obs[0].DeviceAt.Add(time.Duration(i) * 20 * time.Second)
		obs[i].Body = &em.Transdermal{Value: em.Decimal{Coef: int64(rnd.IntN(1 << 16))}, Unit: em.UnitRaw}
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
	case *em.Transdermal:
		g, told := got.Body.(*em.Transdermal)
		return told, told && got.DeviceAt.Equal(want.DeviceAt) && g.Value == w.Value && g.Unit == w.Unit
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

// record is the bytes that a simulated device sends while it reports obs, some at a
// turn, and a session answers it.
func record(d protocol.Device, obs []em.Observation, each int, seed uint64) ([]byte, error) {
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
	for some := range slices.Chunk(obs, each) {
		if err := sim.Report(some...); err != nil {
			return nil, err
		}
		if err := turn(some[len(some)-1].DeviceAt); err != nil {
			return nil, err
		}
	}
	return stream, nil
}

// check reads the stream as a center does and compares every report with what was
// reported. It returns when each frame came.
func check(d protocol.Device, stream []byte, track []em.Observation) (times []time.Time, err error) {
	_, identity, err := simulator(d, 0)
	if err != nil {
		return nil, err
	}
	session := d.Sessions(protocol.SessionConfig{Identity: identity})
	i := 0
	for len(stream) > 0 {
		frame, n, err := d.Codec.Split(stream)
		if err != nil || n == 0 {
			return nil, fmt.Errorf("split: %d bytes, %w", n, err)
		}
		stream = stream[n:]
		if frame == nil {
			continue
		}
		m, err := d.Codec.Decode(frame)
		if err != nil {
			return nil, err
		}
		var out protocol.Output
		times = append(times, track[min(i, len(track)-1)].DeviceAt)
		if err := session.Handle(times[len(times)-1], m, &out); err != nil {
			return nil, err
		}
		for _, o := range out.Observations {
			told, ok := same(o, track[min(i, len(track)-1)])
			if !told {
				continue
			}
			if i == len(track) {
				return nil, errors.New("more than was reported")
			}
			if !ok {
				return nil, fmt.Errorf("report %d: %+v at %v, reported %+v at %v", i, o.Body, o.DeviceAt, track[i].Body, track[i].DeviceAt)
			}
			i++
		}
	}
	if i != len(track) {
		return nil, fmt.Errorf("%d of %d reports came back", i, len(track))
	}
	return times, nil
}
