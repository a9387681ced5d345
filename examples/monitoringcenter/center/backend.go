package center

import (
	"context"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/examples/monitoringcenter/center/ingest"
	"github.com/sargas-em/em/examples/monitoringcenter/center/record"
	"github.com/sargas-em/em/examples/monitoringcenter/center/web"
	"github.com/sargas-em/em/geofence/movement"
)

// backend is what the page sees of a center.
type backend struct{ c *Center }

func (b backend) Store() *record.Store { return b.c.store }

func (b backend) Evidence(ctx context.Context, s em.SubjectID) (*record.Store, error) {
	return b.c.engine.evidence(ctx, s)
}

func (b backend) Counts(ctx context.Context) (record.Counts, error) { return b.c.engine.counts(ctx) }

func (b backend) People(since uint64) web.People { return b.c.engine.people(since) }

func (b backend) Name(s em.SubjectID) string { return b.c.engine.name(s) }

func (b backend) Subscribe() (<-chan record.FeedItem, func()) { return b.c.hub.subscribe() }

func (b backend) Pairs(ctx context.Context) ([]web.Pair, error) { return b.c.engine.pairs(ctx) }

func (b backend) RecordRequest(ctx context.Context, actor string, r web.CourtRequest) error {
	return b.c.engine.recordRequest(ctx, actor, r)
}

func (b backend) Stops(ctx context.Context, actor string, r web.ReportRequest) (*movement.StopReport, error) {
	return b.c.engine.stops(ctx, actor, r)
}

func (b backend) Places(ctx context.Context, actor string, r web.ReportRequest) (*movement.PlaceReport, error) {
	return b.c.engine.places(ctx, actor, r)
}

func (b backend) Coincidence(ctx context.Context, actor string, r web.ReportRequest) (*movement.CoincidenceReport, error) {
	return b.c.engine.coincidence(ctx, actor, r)
}

func (b backend) PutPerson(ctx context.Context, actor string, doc []byte) error {
	return b.c.engine.putPerson(ctx, actor, doc)
}

func (b backend) PutRecipient(ctx context.Context, actor string, doc []byte) error {
	return b.c.engine.putRecipient(ctx, actor, doc)
}

func (b backend) Track(ctx context.Context, actor string, r web.TrackRequest) ([]em.Observation, error) {
	return b.c.engine.readTrack(ctx, actor, r)
}

func (b backend) DiscloseEvidence(ctx context.Context, actor string, i record.Incident, observations int) error {
	return b.c.engine.discloseEvidence(ctx, actor, i, observations)
}

func (b backend) Measures(ctx context.Context, actor, person string, from, to time.Time) (web.Measures, error) {
	return b.c.engine.measures(ctx, actor, person, from, to)
}

func (b backend) PutUnit(ctx context.Context, actor string, doc []byte) error {
	return b.c.engine.putUnit(ctx, actor, doc)
}

func (b backend) Order(ctx context.Context, actor string, device em.DeviceID, c web.NewCommand) (web.Command, error) {
	return b.c.orders.take(ctx, actor, device, c)
}

func (b backend) Draws(ctx context.Context, actor, person, date string) (web.Draws, error) {
	return b.c.engine.draws(ctx, actor, person, date)
}

func (b backend) PutZones(ctx context.Context, actor string, doc []byte) error {
	return b.c.engine.putZones(ctx, actor, doc)
}

func (b backend) Handle(ctx context.Context, actor string, id int64, to record.Handling, note string) (record.Incident, error) {
	return b.c.engine.handle(ctx, actor, id, to, note)
}

func (b backend) Health(ctx context.Context) web.Health {
	h := web.Health{Status: "ok", Evaluated: b.c.engine.position(), Devices: b.c.ingest.Connections(), People: b.c.engine.count()}
	h.OldestUntold = time.Duration(b.c.untold.Load()).Seconds()
	h.Partitions = int(b.c.partitions.owned.Load())
	h.Listeners = listenersOf(b.c.ingest)
	_, end, err := b.c.journal.Bounds(ctx)
	if err == nil {
		h.LogEnd = &end
	}
	switch {
	case err != nil:
		h.Status, h.Problem = "degraded", "the log does not answer"
	case b.c.engine.state.Load() == engineStandby:
		h.Status, h.Problem = "standby", "another process evaluates; this one takes over when that ends"
		if h.Owner, err = b.c.store.Owner(ctx); err != nil {
			h.Problem = "the record cannot be reached; reports are kept in the log"
		}
	case b.c.engine.state.Load() == engineAway:
		h.Status, h.Problem = "degraded", "the record cannot be reached; reports are kept in the log"
	case b.c.behind(end) > maxLag:
		h.Status, h.Problem = "degraded", "evaluation is behind the log"
	}
	h.Ready = h.Status == "ok" || h.Status == "standby"
	if b.c.canary != nil && h.Status != "standby" {
		age, _ := b.c.canary.age()
		seconds := age.Seconds()
		h.CanaryAge = &seconds
		if h.Ready && age > b.c.canary.limit() {
			h.Ready, h.Problem = false, "the canary is silent"
		}
	}
	select {
	case <-b.c.stopping:
		h.Ready, h.Problem = false, "the center is stopping"
	default:
	}
	return h
}

func listenersOf(in *ingest.Server) []web.Listener {
	all := []web.Listener{}
	for _, l := range in.Listeners() {
		all = append(all, web.Listener{Codec: l.Codec, Transport: l.Scheme(), Addr: l.Addr})
	}
	return all
}
