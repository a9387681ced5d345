package web

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/alcohol"
	"github.com/sargas-em/em/examples/monitoringcenter/center/record"
)

// Incident is an incident as the page and tools see it.
type Incident struct {
	ID       int64     `json:"id"`
	Event    string    `json:"event" doc:"the event's ID, the same through all its versions"`
	Person   string    `json:"person"`
	Name     string    `json:"name"`
	Kind     string    `json:"kind"`
	Class    string    `json:"class,omitempty"`
	Severity string    `json:"severity" enum:"info,technical,warning,violation,critical"`
	Reason   string    `json:"reason" doc:"the verdict in words"`
	About    string    `json:"about,omitempty" doc:"zone, place or device"`
	Rule     string    `json:"rule"`
	Version  string    `json:"version,omitempty"`
	At       time.Time `json:"at"`
	Until    time.Time `json:"until,omitzero" doc:"absent while it goes on"`
	Verdict  string    `json:"verdict" enum:"stands,withdrawn" doc:"withdrawn: later evidence no longer supports it; it stays until a person closes it"`
	Handling string    `json:"handling" enum:"new,acknowledged,closed"`
	Raised   time.Time `json:"raised" doc:"when the center told it first"`
	Knowable time.Time `json:"knowable,omitzero" doc:"when the center could first have known it"`
	Late     string    `json:"late,omitempty" doc:"why it was raised more than four minutes after it was concluded; absent where it was in time"`
	Changed  time.Time `json:"changed"`
	By       string    `json:"by,omitempty"`
	Note     string    `json:"note,omitempty"`
	Facts    []Fact    `json:"facts"`

	People  []Affected `json:"people,omitempty" doc:"whom an incident concerns that groups those of several people"`
	Members []int64    `json:"members,omitempty" doc:"the incidents that it groups"`
	Group   int64      `json:"group,omitempty" doc:"the incident that groups it"`
}

// Affected is one whom an incident concerns.
type Affected struct {
	Person  string `json:"person"`
	Name    string `json:"name"`
	Covered bool   `json:"covered,omitempty" doc:"another of the person's units is in order meanwhile"`
}

// Fact is one number or word that a verdict rests on.
type Fact struct {
	Name  string `json:"name"`
	Value any    `json:"value"`
	Unit  string `json:"unit,omitempty"`
}

// IncidentTarget names an incident in the audit.
func IncidentTarget(id int64) string { return "incident " + strconv.FormatInt(id, 10) }

// NewIncident builds the view of an incident; name tells what subjects are called.
func NewIncident(i record.Incident, g record.Group, name func(em.SubjectID) string) Incident {
	e := &i.Event
	v := Incident{
		ID: i.ID, Event: e.ID.String(), Person: string(e.Subject), Name: name(e.Subject),
		Kind: string(e.Detail.Kind), Class: e.Detail.Class, Severity: e.Detail.Severity.String(), Reason: e.Detail.Reason,
		About: e.About, Rule: e.Rule, Version: e.Version, At: e.At, Until: e.Until,
		Verdict: i.Verdict, Handling: string(i.Handling), Raised: i.Raised, Knowable: i.Knowable, Late: i.Late, Changed: i.Changed, By: i.By, Note: i.Note,
		Facts: []Fact{}, Members: g.Members, Group: g.Parent,
	}
	for _, p := range g.People {
		v.People = append(v.People, Affected{string(p.Subject), name(p.Subject), p.Covered})
	}
	for _, f := range e.Detail.Facts {
		fact := Fact{Name: f.Name, Value: f.Text, Unit: f.Unit}
		if f.Unit != "" || f.Text == "" {
			fact.Value = f.Num
		}
		v.Facts = append(v.Facts, fact)
	}
	return v
}

// Evidence is what an incident rests on.
type Evidence struct {
	Incident     Incident          `json:"incident"`
	Observations []json.RawMessage `json:"observations" doc:"in the SDK's JSON form of an observation"`
	Frames       []FrameView       `json:"frames" doc:"the raw frames they came in"`
	History      []VersionView     `json:"history" doc:"all that was told, oldest first"`
	Notices      []NoticeView      `json:"notices" doc:"who was told, oldest first"`
	Audit        []record.Entry    `json:"audit"`
}

// Draws is the tests of one day, and how they were drawn: alcohol.RandomPlan of
// the SDK draws them again from it.
type Draws struct {
	KeyDigest string `json:"key_sha256" doc:"SHA-256 of the month's key; told beforehand, too"`
	Key       string `json:"key,omitempty" doc:"the month's key in hexadecimal, once the month is over"`
	// What was drawn by, and the tests; absent while the day is not over.
	Plan  *alcohol.RandomPlan `json:"plan,omitempty"`
	Open  []alcohol.Period    `json:"open,omitempty"`
	Fixed []alcohol.Test      `json:"fixed,omitempty"`
	Tests []alcohol.Test      `json:"tests,omitempty"`
}

// FrameView is one raw frame.
type FrameView struct {
	Received time.Time `json:"received"`
	Type     string    `json:"type"`
	Error    string    `json:"error,omitempty"`
	Hex      string    `json:"hex"`
}

// VersionView is one entry of the ledger of changes.
type VersionView struct {
	Change string    `json:"change" enum:"opened,updated,closed,withdrawn,moved"`
	Known  time.Time `json:"known" doc:"when the center told it"`
	Class  string    `json:"class,omitempty"`
	Reason string    `json:"reason"`
	At     time.Time `json:"at"`
	Until  time.Time `json:"until,omitzero"`
}

// QuarantineView is one unknown device.
type QuarantineView struct {
	Device string      `json:"device" doc:"empty for connections that named none"`
	Codec  string      `json:"codec"`
	Reason string      `json:"reason"`
	First  time.Time   `json:"first"`
	Last   time.Time   `json:"last"`
	Frames int64       `json:"frames"`
	Latest []FrameView `json:"latest"`
}

func marshal(v any) (string, error) {
	b, err := json.Marshal(v)
	return string(b), err
}

type body[T any] struct{ Body T }

// Bounds of what one request returns or takes.
const (
	mostRows  = 1000
	mostFixes = 20_000
	mostBody  = 8 << 20
	ledgerTop = 200
)

func registerAPI(mux *http.ServeMux, b Backend, cfg Config) {
	hc := huma.DefaultConfig("Sargas monitoring center", cfg.Version)
	hc.DocsPath = "" // its page would load scripts from elsewhere
	hc.CreateHooks = nil
	hc.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		"token":  {Type: "http", Scheme: "bearer"},
		"cookie": {Type: "apiKey", In: "cookie", Name: cookieName},
	}
	hc.Security = []map[string][]string{{"token": {}}, {"cookie": {}}}
	api := humago.New(mux, hc)

	problem := problems{cfg.Log}

	huma.Get(api, "/api/v1/people", func(ctx context.Context, _ *struct{}) (*body[[]Person], error) {
		return &body[[]Person]{b.People(0).List}, nil
	}, summary("list-people", "Everybody who is monitored, with the last position"))

	registerPairs(api, b, problem)
	registerReports(api, b, problem)

	huma.Get(api, "/api/v1/incidents", func(ctx context.Context, in *struct {
		Closed bool  `query:"closed" doc:"closed ones too"`
		Before int64 `query:"before" doc:"only numbers below, to page backwards"`
		Limit  int   `query:"limit" minimum:"1" maximum:"1000" default:"200"`
	}) (*body[[]Incident], error) {
		all, err := b.Store().Incidents(ctx, in.Closed, in.Before, in.Limit)
		views := []Incident{}
		for _, i := range all {
			v, err := viewOf(ctx, b, i)
			if err != nil {
				return nil, problem.of(err)
			}
			views = append(views, v)
		}
		return &body[[]Incident]{views}, problem.of(err)
	}, summary("list-incidents", "Incidents, newest first"))

	type one struct {
		ID int64 `path:"id"`
	}
	huma.Get(api, "/api/v1/incidents/{id}", func(ctx context.Context, in *one) (*body[Evidence], error) {
		e, err := evidence(ctx, b, in.ID)
		return &body[Evidence]{e}, problem.of(err)
	}, summary("get-incident", "One incident with its evidence; audited"))

	type handle struct {
		ID   int64 `path:"id"` // an embedded struct that is not exported would not be filled
		Body struct {
			Note string `json:"note,omitempty" maxLength:"2000"`
		}
	}
	for name, to := range map[string]record.Handling{"acknowledge": record.Acknowledged, "close": record.Closed} {
		huma.Post(api, "/api/v1/incidents/{id}/"+name, func(ctx context.Context, in *handle) (*body[Incident], error) {
			i, err := b.Handle(ctx, actorOf(ctx), in.ID, to, in.Body.Note)
			if err != nil {
				return nil, problem.of(err)
			}
			v, err := viewOf(ctx, b, i)
			return &body[Incident]{v}, problem.of(err)
		}, summary(name+"-incident", "Say that a person has "+name+"d an incident"))
	}

	huma.Get(api, "/api/v1/people/{person}/track", func(ctx context.Context, in *struct {
		Person string    `path:"person"`
		From   time.Time `query:"from" doc:"24 hours before to, if absent"`
		To     time.Time `query:"to" doc:"now, if absent"`
	}) (*body[json.RawMessage], error) {
		doc, err := track(ctx, b, in.Person, in.From, in.To)
		return &body[json.RawMessage]{doc}, problem.of(err)
	}, summary("get-track", "A person's positions as GeoJSON points, oldest first; audited"))

	huma.Get(api, "/api/v1/people/{person}/draws/{date}", func(ctx context.Context, in *struct {
		Person string `path:"person"`
		Date   string `path:"date" format:"date"`
	}) (*body[Draws], error) {
		d, err := b.Draws(ctx, actorOf(ctx), in.Person, in.Date)
		return &body[Draws]{d}, problem.of(err)
	}, summary("get-draws", "The breath tests drawn at random for a day that is over, with what an auditor needs to draw them again"))

	huma.Get(api, "/api/v1/zones", func(ctx context.Context, _ *struct{}) (*body[json.RawMessage], error) {
		zones, err := b.Store().Zones(ctx)
		features := []json.RawMessage{}
		for _, z := range zones {
			features = append(features, z.JSON)
		}
		if err != nil {
			return nil, problem.of(err)
		}
		doc, err := marshal(map[string]any{"type": "FeatureCollection", "features": features})
		return &body[json.RawMessage]{json.RawMessage(doc)}, problem.of(err)
	}, summary("list-zones", "All zones as GeoJSON"))

	huma.Get(api, "/api/v1/quarantine", func(ctx context.Context, _ *struct{}) (*body[[]QuarantineView], error) {
		all, err := b.Store().Quarantined(ctx, mostRows, 5)
		views := []QuarantineView{}
		for _, q := range all {
			views = append(views, QuarantineView{q.Device, q.Codec, q.Reason, q.First, q.Last, q.Frames, frameViews(q.LastFrames)})
		}
		return &body[[]QuarantineView]{views}, problem.of(err)
	}, summary("list-quarantine", "Devices that nobody is known to carry"))

	registerCommands(api, b, problem)
	registerNotices(api, b, problem)
	registerMeasures(api, b, problem)

	type document struct{ RawBody []byte }
	huma.Put(api, "/api/v1/people", func(ctx context.Context, in *document) (*struct{}, error) {
		return nil, problem.of(b.PutPerson(ctx, actorOf(ctx), in.RawBody))
	}, summary("put-person", "Add or replace one person with devices, order and zones, as in the people file"), limit)
	huma.Put(api, "/api/v1/units", func(ctx context.Context, in *document) (*struct{}, error) {
		return nil, problem.of(b.PutUnit(ctx, actorOf(ctx), in.RawBody))
	}, summary("put-unit", "Add or replace one home unit, as in the people file"), limit)
	huma.Put(api, "/api/v1/zones", func(ctx context.Context, in *document) (*struct{}, error) {
		return nil, problem.of(b.PutZones(ctx, actorOf(ctx), in.RawBody))
	}, summary("put-zones", "Add or replace zones, as a GeoJSON FeatureCollection"), limit)

	huma.Get(api, "/api/v1/counts", func(ctx context.Context, _ *struct{}) (*body[record.Counts], error) {
		c, err := b.Counts(ctx)
		return &body[record.Counts]{c}, problem.of(err)
	}, summary("get-counts", "How much the record holds"))

	huma.Get(api, "/api/v1/health", func(ctx context.Context, _ *struct{}) (*body[Health], error) {
		return &body[Health]{b.Health(ctx)}, nil
	}, summary("get-health", "Log, record and connections"))

	huma.Get(api, "/api/v1/audit", func(ctx context.Context, in *struct {
		Target string `query:"target"`
		Limit  int    `query:"limit" minimum:"1" maximum:"1000" default:"200"`
	}) (*body[[]record.Entry], error) {
		all, err := b.Store().AuditLog(ctx, in.Target, in.Limit)
		if all == nil {
			all = []record.Entry{}
		}
		return &body[[]record.Entry]{all}, problem.of(err)
	}, summary("list-audit", "What people and the center did, newest first"))

	huma.Get(api, "/api/v1/audit/verify", func(ctx context.Context, _ *struct{}) (*body[map[string]any], error) {
		n, err := b.Store().VerifyAudit(ctx)
		var broken *record.AuditError
		if errors.As(err, &broken) {
			return &body[map[string]any]{map[string]any{"whole": false, "breaks_at": broken.N}}, nil
		}
		return &body[map[string]any]{map[string]any{"whole": true, "entries": n}}, problem.of(err)
	}, summary("verify-audit", "Whether the chain of the audit is whole"))

	huma.Post(api, "/api/v1/passwords", func(ctx context.Context, _ *struct{}) (*body[map[string]string], error) {
		return &body[map[string]string]{map[string]string{"password": cfg.Secrets.NewPassword()}}, nil
	}, summary("new-password", "A one-time password for another browser"))
}

func summary(id, text string) func(*huma.Operation) {
	return func(o *huma.Operation) { o.OperationID, o.Summary = id, text }
}

func limit(o *huma.Operation) { o.MaxBodyBytes = mostBody }

// problems maps errors to RFC 9457 problems. Others than the caller's own are
// told to the log alone.
type problems struct{ log *slog.Logger }

func (p problems) of(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, record.ErrNoIncident):
		return huma.Error404NotFound("no such incident")
	case errors.Is(err, ErrBadInput):
		return huma.Error422UnprocessableEntity(err.Error())
	case errors.Is(err, ErrUnavailable) || record.Unreachable(err):
		return huma.Error503ServiceUnavailable("the record cannot be reached at present; reports of devices are kept in the log")
	}
	p.log.Error("a request failed", "error", err)
	return huma.Error500InternalServerError("the center could not do this; its log says why")
}

func frameViews(rows []record.FrameRow) []FrameView {
	views := []FrameView{}
	for _, f := range rows {
		views = append(views, FrameView{f.Received, f.Type, f.Error, hex.EncodeToString(f.Raw)})
	}
	return views
}

func viewOf(ctx context.Context, b Backend, i record.Incident) (Incident, error) {
	g, err := b.Store().Group(ctx, i.Event.ID)
	return NewIncident(i, g, b.Name), err
}

func evidence(ctx context.Context, b Backend, id int64) (Evidence, error) {
	i, err := b.Store().Incident(ctx, id)
	if err != nil {
		return Evidence{}, err
	}
	view, err := viewOf(ctx, b, i)
	if err != nil {
		return Evidence{}, err
	}
	e := Evidence{Incident: view, Observations: []json.RawMessage{}, History: []VersionView{}, Audit: []record.Entry{}}
	of, err := b.Evidence(ctx, i.Event.Subject)
	if err != nil {
		return Evidence{}, err
	}
	obs, err := of.Observations(ctx, i.Event.Because)
	if err == nil {
		err = b.DiscloseEvidence(ctx, actorOf(ctx), i, len(obs))
	}
	if err != nil {
		return Evidence{}, err
	}
	for _, o := range obs {
		doc, err := json.Marshal(o)
		if err != nil {
			return e, err
		}
		e.Observations = append(e.Observations, doc)
	}
	frames, err := of.FramesOf(ctx, i.Event.Because)
	if err != nil {
		return e, err
	}
	e.Frames = frameViews(frames)
	changes, err := of.ChangesOf(ctx, i.Event.ID, ledgerTop)
	if err != nil {
		return e, err
	}
	for _, c := range changes {
		e.History = append(e.History, VersionView{c.Kind, c.Known, c.Event.Detail.Class, c.Event.Detail.Reason, c.Event.At, c.Event.Until})
	}
	if e.Notices, err = noticeViews(b.Store().Notices(ctx, id)); err != nil {
		return e, err
	}
	audit, err := b.Store().AuditLog(ctx, IncidentTarget(id), mostRows)
	e.Audit = append(e.Audit, audit...)
	return e, err
}

// TrackRequest asks for a person's positions in [From, To), at most Most of the
// newest.
type TrackRequest struct {
	Person   string
	From, To time.Time
	Most     int
}

// track returns a person's positions as a GeoJSON FeatureCollection (RFC 7946).
func track(ctx context.Context, b Backend, person string, from, to time.Time) (json.RawMessage, error) {
	if to.IsZero() {
		to = time.Now()
	}
	if from.IsZero() {
		from = to.Add(-24 * time.Hour)
	}
	fixes, err := b.Track(ctx, actorOf(ctx), TrackRequest{person, from, to, mostFixes})
	if err != nil {
		return nil, err
	}
	features := []map[string]any{}
	for _, o := range fixes {
		f := o.Body.(*em.Fix)
		if !f.Valid() {
			continue // no place on earth
		}
		radius, reported := f.Radius95(0)
		properties := map[string]any{"at": o.At, "received": o.Received, "device": o.Device, "validity": f.Validity, "stored": o.Stored}
		if radius > 0 {
			properties["radius95_m"], properties["reported"] = radius, reported
		}
		features = append(features, map[string]any{
			"type": "Feature", "id": o.ID.String(), "properties": properties,
			"geometry": map[string]any{"type": "Point", "coordinates": [2]float64{f.Lng, f.Lat}},
		})
	}
	doc, err := marshal(map[string]any{"type": "FeatureCollection", "features": features})
	return json.RawMessage(doc), err
}
