package web

import (
	"context"
	"fmt"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/curfew"
)

// Measures is how a person stands under what the order asks for.
type Measures struct {
	CheckIns  []Measured `json:"checkins" doc:"requests to report and what came of them"`
	Breath    []Measured `json:"breath" doc:"breath tests and what came of them"`
	Episodes  []Measured `json:"episodes" doc:"alcohol at the skin, and whether the instrument was worn"`
	Skin      []Reading  `json:"skin" doc:"readings at the skin, oldest first"`
	Allowance *Allowance `json:"allowance,omitempty" doc:"of absences from the curfew; absent where there is none"`
	Random    bool       `json:"random" doc:"the order has breath tests drawn at random: see draws"`
}

// Measured is one event.
type Measured struct {
	Kind     string    `json:"kind"`
	Class    string    `json:"class"`
	Severity string    `json:"severity"`
	About    string    `json:"about,omitempty"`
	Reason   string    `json:"reason"`
	At       time.Time `json:"at"`
	Until    time.Time `json:"until,omitzero" doc:"absent while it goes on"`
}

// NewMeasured builds the view of an event.
func NewMeasured(e em.Event) Measured {
	d := &e.Detail
	return Measured{string(d.Kind), d.Class, d.Severity.String(), e.About, d.Reason, e.At, e.Until}
}

// Reading is one reading at the skin.
type Reading struct {
	At    time.Time `json:"at"`
	Value string    `json:"value" doc:"decimal, as the instrument gave it"`
	Unit  string    `json:"unit"`
}

// Allowance is how much of the absence that the order allows is used up.
type Allowance struct {
	From      time.Time `json:"from,omitzero"`
	Until     time.Time `json:"until,omitzero"`
	Total     float64   `json:"total_minutes"`
	Allowance float64   `json:"allowance_minutes"`
	Left      float64   `json:"left_minutes"`
	Step      string    `json:"step" enum:"NONE,WARNING,CONTACT,BREACH_REPORT" doc:"what is proposed"`
	Reason    string    `json:"reason"`
}

// NewAllowance builds the view of a statement.
func NewAllowance(s curfew.Statement) *Allowance {
	return &Allowance{s.From, s.Until, s.Total.Minutes(), s.Allowance.Minutes(), s.Left.Minutes(), s.Step.String(), s.Reason}
}

func registerMeasures(api huma.API, b Backend, problem problems) {
	huma.Get(api, "/api/v1/people/{person}/measures", func(ctx context.Context, in *struct {
		Person string    `path:"person"`
		From   time.Time `query:"from" doc:"a week before to, if absent"`
		To     time.Time `query:"to" doc:"now, if absent"`
	}) (*body[Measures], error) {
		to := in.To
		if to.IsZero() {
			to = time.Now()
		}
		from := in.From
		if from.IsZero() {
			from = to.AddDate(0, 0, -7)
		}
		if !from.Before(to) {
			return nil, problem.of(fmt.Errorf("%w: from is not before to", ErrBadInput))
		}
		m, err := b.Measures(ctx, actorOf(ctx), in.Person, from, to)
		return &body[Measures]{m}, problem.of(err)
	}, summary("get-measures", "A person's check-ins, alcohol and allowance of absence; audited"))
}
