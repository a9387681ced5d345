package center

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/alcohol"
	"github.com/sargas-em/em/curfew"
	"github.com/sargas-em/em/examples/monitoringcenter/center/roster"
	"github.com/sargas-em/em/examples/monitoringcenter/center/web"
)

// Bounds of what one look at a person's measures reads.
const (
	mostEvents   = 5000
	mostReadings = 5000 // two weeks, one in four minutes
)

// measures tells how a person stands under the order. That it is disclosed, and
// to whom, is in the audit before anybody sees it.
func (e *engine) measures(ctx context.Context, actor, person string, from, to time.Time) (m web.Measures, err error) {
	m = web.Measures{CheckIns: []web.Measured{}, Breath: []web.Measured{}, Episodes: []web.Measured{}, Skin: []web.Reading{}}
	var p roster.Person
	if err := e.do(ctx, func(s *step) error {
		var known bool
		if p, known = s.engine.roster.Person(person); !known {
			return fmt.Errorf("%w: nobody has this id", web.ErrBadInput)
		}
		return s.tx.Audit(s.now, actor, "read measures", "person "+person, map[string]time.Time{"from": from.UTC(), "to": to.UTC()})
	}); err != nil {
		return m, err
	}
	m.Random = p.Breath != nil && p.Breath.Random != nil
	id := em.SubjectID(person)
	store, err := e.evidence(ctx, id)
	if err != nil {
		return m, err
	}
	events, err := store.Events(ctx, id, from, to, mostEvents)
	if err != nil {
		return m, err
	}
	for _, ev := range events {
		switch kind := ev.Detail.Kind; {
		case strings.HasPrefix(string(kind), "checkin."):
			m.CheckIns = append(m.CheckIns, web.NewMeasured(ev))
		case kind == alcohol.KindTransdermal || kind == alcohol.KindWear:
			m.Episodes = append(m.Episodes, web.NewMeasured(ev))
		case strings.HasPrefix(string(kind), "alcohol."):
			m.Breath = append(m.Breath, web.NewMeasured(ev))
		}
	}
	readings, err := store.Series(ctx, id, em.KindTransdermal, from, to, mostReadings)
	if err != nil {
		return m, err
	}
	for _, o := range readings {
		r := o.Body.(*em.Transdermal)
		m.Skin = append(m.Skin, web.Reading{At: o.At, Value: r.Value.String(), Unit: string(r.Unit)})
	}
	review, ok := p.Review()
	if !ok {
		return m, nil
	}
	until := review.Until
	if until.IsZero() {
		until = to
	}
	// The whole review counts, not what was asked for alone.
	begin := review.From
	if begin.IsZero() {
		begin = p.Since
	}
	absences, err := store.Events(ctx, id, begin, until, mostEvents)
	if err != nil {
		return m, err
	}
	var a curfew.Account
	for _, ev := range absences {
		a.Apply(em.Change{Kind: em.Opened, Event: ev})
	}
	m.Allowance = web.NewAllowance(a.Statement(review))
	return m, nil
}
