package center

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/examples/monitoringcenter/center/web"
	"github.com/sargas-em/em/protocol"
)

// Pace and thresholds of the center's watch over itself.
const (
	selfEvery     = time.Second      // clocks and canary
	capacityEvery = 15 * time.Second // disk, log, queues
	// clockJump is how far the wall clock may leave the monotonic one between two
	// looks: NTP slews by 0.5 ms a second at most.
	clockJump = 500 * time.Millisecond
	// clockOff is how far the devices' clocks may be off ours in the median, in so
	// many devices or more: most have theirs from satellites, so it is ours then.
	clockOff     = 60 * time.Second
	clockDevices = 20
	// maxLag is how many group commits the record may be behind the log.
	maxLag = 1000
)

// selfWatch is what the center knows of itself.
type selfWatch struct {
	every, capacity time.Duration // selfEvery and capacityEvery if 0; tests shorten them
	silent          time.Duration // gatewaySilent if 0

	well    atomic.Bool   // as of the last look
	logEnd  atomic.Uint64 // as of the last look
	drifted time.Duration // wall clock beyond the monotonic one since the start
}

// watchSelf looks at the center until ctx ends, raises what is wrong as
// incidents of the system, and keeps gauges and the heartbeat.
func (c *Center) watchSelf(ctx context.Context) error {
	w := &c.self
	if w.every == 0 {
		w.every, w.capacity = selfEvery, capacityEvery
	}
	w.silent = cmp.Or(w.silent, gatewaySilent)
	tick := time.NewTicker(w.every)
	defer tick.Stop()
	last := time.Now()
	var looked time.Time // at capacities
	levels := map[string]*level{}
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		now := time.Now()
		jump := now.Round(0).Sub(last.Round(0)) - now.Sub(last)
		last = now
		w.drifted += jump
		c.metrics.drift.Set(w.drifted.Seconds())
		var found []func(*step) error
		if jump.Abs() > clockJump {
			found = append(found, func(s *step) error {
				return s.raise(systemSubject, kindClock, "wall clock", s.now, em.Technical, "The center's clock was set: times from before and after do not fit each other.",
					em.Fact{Name: "jump", Num: jump.Seconds(), Unit: "s"})
			})
		}
		if c.canary != nil {
			found = append(found, c.canaryAlarm())
		}
		if now.Sub(looked) >= w.capacity {
			looked = now
			more, err := c.capacities(ctx, levels)
			if err != nil && ctx.Err() == nil {
				c.log.Error("the center could not look at its capacities", "error", err)
			}
			found = append(found, more...)
			if more, err = c.alertingAlarms(ctx); err != nil && ctx.Err() == nil {
				c.log.Error("the center could not look at its notices", "error", err)
			}
			found = append(found, more...)
			found = append(found, (*step).alive)
			found = append(found, func(s *step) error { return s.gatewayAlarms(w.silent) })
			found = append(found, c.clockAlarm())
		}
		_, end, err := c.journal.Bounds(ctx)
		if err == nil {
			w.logEnd.Store(end)
			c.metrics.position.WithLabelValues("log").Set(float64(end))
		}
		c.metrics.position.WithLabelValues("record").Set(float64(c.engine.position()))
		if len(found) > 0 {
			// It waits for the engine: a stuck engine stops the heartbeat.
			if err := c.engine.do(ctx, func(s *step) error {
				for _, f := range found {
					if err := f(s); err != nil {
						return err
					}
				}
				return nil
			}); err != nil && !errors.Is(err, context.Canceled) && !errors.Is(err, errStopped) && !errors.Is(err, web.ErrUnavailable) {
				return err
			}
		}
		h := backend{c}.Health(ctx)
		w.well.Store(h.Ready)
		if h.Ready && c.opts.Heartbeat != "" {
			if err := replaceFile(c.opts.Heartbeat, []byte(now.UTC().Format(time.RFC3339)+"\n"), 0o644); err != nil {
				c.log.Error("the heartbeat file is not written", "error", err)
			}
		}
	}
}

func (c *Center) canaryAlarm() func(*step) error {
	return func(s *step) error {
		severity := em.Info
		age, lag := c.canary.age()
		if age > c.canary.limit() || lag > c.canary.limit() {
			severity = em.Warning
		}
		return s.alarm(alarm{kindCanary, "canary"}, severity, "What the center's own device reports does not reach the record in time: nor may what other devices report.",
			em.Fact{Name: "age", Num: age.Seconds(), Unit: "s"}, em.Fact{Name: "lag", Num: lag.Seconds(), Unit: "s"})
	}
}

func (c *Center) clockAlarm() func(*step) error {
	median, devices := c.clocks.median()
	c.metrics.offset.Set(median.Seconds())
	return func(s *step) error {
		severity := em.Info
		if devices >= clockDevices && median.Abs() > clockOff {
			severity = em.Technical
		}
		return s.alarm(alarm{kindClock, "devices"}, severity, "The devices' clocks are off the center's in the median: the center's own may be wrong.",
			em.Fact{Name: "offset", Num: median.Seconds(), Unit: "s"}, em.Fact{Name: "devices", Num: float64(devices)})
	}
}

// level is how full a resource was.
type level struct {
	severity em.Severity // as told
	next     em.Severity // of the look before
}

// look takes how full a resource is, from 0 to 1, and returns what to tell: from
// a half on it is technical, from 80 % a warning, if it was so twice in a row;
// it ends 5 points below.
func (l *level) look(full float64) em.Severity {
	of := func(full float64) em.Severity {
		switch {
		case full >= 0.8:
			return em.Warning
		case full >= 0.5:
			return em.Technical
		}
		return em.Info
	}
	now := of(full)
	if now < l.severity {
		now = min(l.severity, of(full+0.05))
	}
	if now == l.next || now < l.severity {
		l.severity = now
	}
	l.next = now
	return l.severity
}

// capacities looks at all that can run full.
func (c *Center) capacities(ctx context.Context, levels map[string]*level) ([]func(*step) error, error) {
	full := map[string]float64{}
	size, free, diskErr := diskOf(c.opts.DataDir)
	if errors.Is(diskErr, errors.ErrUnsupported) {
		diskErr = nil
	}
	logBytes, logErr := bytesOf(filepath.Join(c.opts.DataDir, "journal"))
	var recordBytes int64
	for _, name := range []string{"record.db", "record.db-wal"} {
		if info, err := os.Stat(filepath.Join(c.opts.DataDir, name)); err == nil {
			recordBytes += info.Size()
		}
	}
	c.metrics.bytes.WithLabelValues("log").Set(float64(logBytes))
	c.metrics.bytes.WithLabelValues("record").Set(float64(recordBytes))
	if size > 0 {
		full["disk"] = 1 - float64(free)/float64(size)
	}
	budget := c.opts.LogBytes
	if budget == 0 {
		budget = size / 4
	}
	if budget > 0 {
		full["log bytes"] = float64(logBytes) / float64(budget)
	}
	strangers, most, idsErr := c.store.Strangers(ctx)
	full["ids"] = float64(strangers) / float64(most)
	full["queue"] = float64(c.behind(c.self.logEnd.Load())) / maxLag
	room := c.ingest.Room()
	if n := fileLimit(); n > 0 {
		room = min(room, n)
	}
	if room > 0 {
		full["connections"] = float64(c.ingest.Connections()) / float64(room)
	}
	var found []func(*step) error
	for name, part := range full {
		if levels[name] == nil {
			levels[name] = &level{severity: c.told(alarm{kindCapacity, name})}
		}
		severity := levels[name].look(part)
		c.metrics.capacity.WithLabelValues(name).Set(part)
		found = append(found, func(s *step) error {
			return s.alarm(alarm{kindCapacity, name}, severity, fmt.Sprintf("The center runs out of room: %s.", capacityNames[name]), em.Fact{Name: "full", Num: 100 * part, Unit: "%"})
		})
	}
	return found, errors.Join(diskErr, logErr, idsErr)
}

var capacityNames = map[string]string{
	"disk":        "the disk of its folder fills up",
	"log bytes":   "the log grows beyond its share of the disk",
	"ids":         "the list of unknown devices fills up",
	"queue":       "evaluation falls behind the log",
	"connections": "there are nearly as many connections as it takes",
}

// told is the severity of an alarm that goes on since before the start.
func (c *Center) told(a alarm) em.Severity {
	c.engine.mu.RLock()
	defer c.engine.mu.RUnlock()
	return c.engine.alarms[a].Detail.Severity
}

// behind is how many group commits the record is behind.
func (c *Center) behind(end uint64) uint64 {
	if at := c.engine.position(); end > at && !c.opts.LogOnly && c.engine.knows() {
		return end - at
	}
	return 0
}

// bytesOf is the size of the files in a folder.
func bytesOf(dir string) (n int64, err error) {
	err = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return ignoreGone(err)
		}
		info, err := d.Info()
		if err == nil {
			n += info.Size()
		}
		return ignoreGone(err)
	})
	return n, err
}

// ignoreGone: the log deletes its old files while we look.
func ignoreGone(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// clocks keeps by how much devices' clocks were off ours, the last of each: in
// so many places that a fleet fills them, but no more, and without names.
type clocks struct {
	mu      sync.Mutex
	offsets [1024]time.Duration // odd numbers of nanoseconds; 0 where there is none
}

var clockSeed = maphash.MakeSeed()

// note takes the offsets of what was reported as it happened.
func (c *clocks) note(r *protocol.Report) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var (
		of   em.DeviceID
		last uint64 // its place
	)
	for i := range r.Frames {
		for k := range r.Frames[i].Observations {
			o := &r.Frames[i].Observations[k]
			if o.DeviceAt.IsZero() || o.Stored {
				continue
			}
			if o.Device != of || of == "" {
				of, last = o.Device, maphash.String(clockSeed, string(o.Device))%uint64(len(c.offsets))
			}
			c.offsets[last] = o.DeviceAt.Sub(r.Received) | 1
		}
	}
}

// median returns by how much half of the devices' clocks are ahead of ours.
func (c *clocks) median() (offset time.Duration, devices int) {
	c.mu.Lock()
	var all []time.Duration
	for _, o := range c.offsets {
		if o != 0 {
			all = append(all, o)
		}
	}
	c.mu.Unlock()
	if len(all) == 0 {
		return 0, 0
	}
	slices.Sort(all)
	return all[len(all)/2], len(all)
}
