package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/devices/health"
	"github.com/sargas-em/em/examples/monitoringcenter/center/journal"
	"github.com/sargas-em/em/examples/monitoringcenter/center/record"
	"github.com/sargas-em/em/examples/monitoringcenter/client"
)

// identity is the n-th device that emsim plays.
func identity(n int) string { return fmt.Sprintf("9900000000%05d", 100+n) }

// personOf is who carries a device.
func personOf(device string) string { return "carrier-" + strings.TrimPrefix(device, "gt06:") }

// people writes a people file with a person for each device, each known for so long
// and bound by a zone that nobody enters.
func (b *bench) people(name string, known time.Duration) error {
	type m map[string]any
	now := time.Now().UTC()
	since := now.Add(-known).Format(time.RFC3339)
	var all []m
	for n := range max(b.Devices, b.Ramp.Devices, b.Stored) {
		device := "gt06:" + identity(n)
		all = append(all, m{"id": personOf(device), "name": fmt.Sprint("Invented ", n), "since": since, "zones": []string{"far"},
			"devices": []m{{"id": device}}, "silence": m{"from": now.Format(time.RFC3339)}})
	}
	zone := m{"type": "Feature", "id": "far", "properties": m{"kind": "exclusion", "version": "1", "radius_m": 300},
		"geometry": m{"type": "Point", "coordinates": []float64{21.1, 55.7}}}
	doc, err := json.Marshal(m{"zones": m{"type": "FeatureCollection", "features": []m{zone}}, "people": all})
	if err != nil {
		return err
	}
	return os.WriteFile(name, doc, 0o600)
}

// complete says whether all that was acknowledged is there, once, and no frame but
// so many was in error. What was sent and not acknowledged may be there too.
func complete(c record.Counts, sent, acknowledged, errors int) error {
	if c.Fixes < int64(acknowledged) || c.Fixes > int64(sent) || c.FrameErrors > int64(errors) {
		return fmt.Errorf("of %d reports sent and %d acknowledged %d are stored, with %d frames in error", sent, acknowledged, c.Fixes, c.FrameErrors)
	}
	return nil
}

func countsOf(ctx context.Context, c client.Client) (n record.Counts, err error) {
	doc, err := c.Call(ctx, http.MethodGet, "/api/v1/counts", nil)
	if err == nil {
		err = json.Unmarshal(doc, &n)
	}
	return n, err
}

// incident is one of the API's.
type incident struct {
	ID     int64  `json:"id"`
	Kind   string `json:"kind"`
	Person string `json:"person"`
}

// incidentsOf reads all, page by page.
func incidentsOf(ctx context.Context, c client.Client) (all []incident, err error) {
	for before := int64(0); ; {
		doc, err := c.Call(ctx, http.MethodGet, fmt.Sprintf("/api/v1/incidents?closed=true&limit=500&before=%d", before), nil)
		if err != nil {
			return nil, err
		}
		var page []incident
		if err := json.Unmarshal(doc, &page); err != nil {
			return nil, err
		}
		if len(page) == 0 {
			return all, nil
		}
		all = append(all, page...)
		before = page[len(page)-1].ID
	}
}

// answered checks that each call for help is one incident, of who called, and that
// there is no other but what the center says of itself: that a machine under load
// makes it say so is no verdict.
func answered(calls []call, all []incident) error {
	called := map[string]int{}
	for _, c := range calls {
		called[personOf(c.Device)]++
	}
	for _, i := range all {
		switch {
		case i.Person == "system":
			progress("the center said of itself: " + i.Kind)
		case i.Kind != string(health.KindSOS) || called[i.Person] == 0:
			return fmt.Errorf("an incident %q that nobody's call explains", i.Kind)
		default:
			called[i.Person]--
		}
	}
	for _, n := range called {
		if n != 0 {
			return fmt.Errorf("of %d calls for help some are no incident", len(calls))
		}
	}
	return nil
}

// inLog counts what a log holds. An observation that is there twice counts once:
// the record, too, would have it once.
func inLog(ctx context.Context, j *journal.Journal) (n record.Counts, err error) {
	_, last, err := j.Bounds(ctx)
	if err != nil || last == 0 {
		return n, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	commits, ended := make(chan journal.Commit), make(chan error, 1)
	go func() { ended <- j.Read(ctx, 0, commits) }()
	seen := map[em.ObservationID]struct{}{}
	for {
		select {
		case err := <-ended:
			return n, err
		case c := <-commits:
			for _, e := range c.Entries {
				if e.Report.Conn == "canary" {
					continue // the center's own device
				}
				for _, f := range e.Report.Frames {
					n.Frames++
					if f.Err != nil {
						n.FrameErrors++
					}
					for _, o := range f.Observations {
						if _, again := seen[o.ID]; again {
							continue
						}
						seen[o.ID] = struct{}{}
						n.Observations++
						if _, ok := o.Body.(*em.Fix); ok {
							n.Fixes++
						}
					}
				}
			}
			if c.Seq >= last {
				cancel()
				<-ended
				return n, nil
			}
		}
	}
}
