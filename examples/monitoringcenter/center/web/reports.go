package web

import (
	"context"
	"encoding/json"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/sargas-em/em/geofence/movement"
)

// Reports analyses stored tracks, where an order or a court's recorded request
// names the analysis.
type Reports interface {
	RecordRequest(ctx context.Context, actor string, r CourtRequest) error
	Stops(ctx context.Context, actor string, r ReportRequest) (*movement.StopReport, error)
	Places(ctx context.Context, actor string, r ReportRequest) (*movement.PlaceReport, error)
	Coincidence(ctx context.Context, actor string, r ReportRequest) (*movement.CoincidenceReport, error)
}

// CourtRequest is what a court has asked for.
type CourtRequest struct {
	Document string    `json:"document" doc:"the court's reference"`
	Analyses []string  `json:"analyses" doc:"stops, places, coincidence"`
	People   []string  `json:"people,omitempty" doc:"whom it names; everybody, if absent"`
	From     time.Time `json:"from" doc:"the time that it is about"`
	To       time.Time `json:"to"`
}

// ReportRequest is who asks for what, and why.
type ReportRequest struct {
	Basis    string          `json:"basis" enum:"order,court request"`
	Document string          `json:"document" doc:"the order, or the request as it was recorded"`
	Purpose  string          `json:"purpose"`
	From     time.Time       `json:"from" doc:"positions in [from, to) may be read"`
	To       time.Time       `json:"to"`
	Person   string          `json:"person,omitempty" doc:"of stops and places"`
	Scene    *movement.Scene `json:"scene,omitempty" doc:"of a coincidence"`
}

func registerReports(api huma.API, b Reports, problem problems) {
	huma.Post(api, "/api/v1/court-requests", func(ctx context.Context, in *struct{ Body CourtRequest }) (*struct{}, error) {
		return nil, problem.of(b.RecordRequest(ctx, actorOf(ctx), in.Body))
	}, summary("record-court-request", "Record a court's request for analyses of stored tracks; they may then be made"))
	huma.Post(api, "/api/v1/reports/stops", report(b.Stops, problem), summary("report-stops", "Where a person stopped; audited"))
	huma.Post(api, "/api/v1/reports/places", report(b.Places, problem), summary("report-places", "Where a person stopped often; audited"))
	huma.Post(api, "/api/v1/reports/coincidence", report(b.Coincidence, problem),
		summary("report-coincidence", "Whose tracks agree with a place and a time, each with its error circle, its gaps and the number of others who match; audited"))
}

// report makes a handler of an analysis. The answer is the SDK's JSON of it.
func report[R any](make func(context.Context, string, ReportRequest) (*R, error), problem problems) func(context.Context, *struct{ Body ReportRequest }) (*body[json.RawMessage], error) {
	return func(ctx context.Context, in *struct{ Body ReportRequest }) (*body[json.RawMessage], error) {
		rep, err := make(ctx, actorOf(ctx), in.Body)
		if err != nil {
			return nil, problem.of(err)
		}
		doc, err := marshal(rep)
		return &body[json.RawMessage]{json.RawMessage(doc)}, problem.of(err)
	}
}
