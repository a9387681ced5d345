package web

import (
	"context"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/sargas-em/em/geofence/proximity"
)

// Pair is a protected person with a wearer whom an order keeps away, and what
// each of the two may be told at present. Whoever passes the notices on asks at
// Next, and of the protected person's also whenever the pair has an incident.
type Pair struct {
	ID        string    `json:"id" doc:"the subject of the pair's incidents"`
	Wearer    string    `json:"wearer"`
	Protected string    `json:"protected"`
	Since     time.Time `json:"since"`
	To        time.Time `json:"to,omitzero"`

	ProtectedNotice proximity.ProtectedNotice `json:"protected_notice" doc:"all that the protected person may be told"`
	WearerNotice    proximity.WearerNotice    `json:"wearer_notice" doc:"all that the wearer may be told"`
	Next            time.Time                 `json:"next" doc:"when the notices may change without an event"`
}

func registerPairs(api huma.API, b Backend, problem problems) {
	huma.Get(api, "/api/v1/pairs", func(ctx context.Context, _ *struct{}) (*body[[]Pair], error) {
		all, err := b.Pairs(ctx)
		return &body[[]Pair]{all}, problem.of(err)
	}, summary("list-pairs", "Protected persons with those who must keep away, and what each may be told"))
}
