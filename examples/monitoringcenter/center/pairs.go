package center

import (
	"context"
	"slices"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/examples/monitoringcenter/center/roster"
	"github.com/sargas-em/em/examples/monitoringcenter/center/web"
)

// adoptPairs brings the pairs that changed persons belong to under evaluation.
// Waited is what waited in quarantine for each of them.
func (s *step) adoptPairs(actor string, waited map[string][]em.Observation, changed []roster.Person) error {
	done := map[em.SubjectID]bool{}
	for _, c := range changed {
		for _, p := range s.engine.roster.Pairs(c.ID) {
			id := p.Subject()
			if done[id] {
				continue
			}
			done[id] = true
			if s.part > 0 && !s.mine(id) {
				continue
			}
			if protected, ok := s.engine.roster.Person(p.Protected); ok && s.part == 0 {
				s.showPerson(protected)
			}
			rules, err := s.engine.roster.PairRules(p)
			if err != nil {
				return err
			}
			wearer, _ := s.engine.roster.Person(p.Wearer)
			since, changed, err := s.putRules(actor, "pair", string(id), id, wearer.Version, p.Order.Since, rules)
			if err != nil {
				return err
			}
			if changed {
				if err := s.hearUnits(id, since, s.engine.roster.Devices(p)); err != nil {
					return err
				}
				if _, err := s.enrol(id, p.Order.Since, since, rules, nil); err != nil {
					return err
				}
			}
			if s.part > 0 {
				if err := s.borrowWaited(p); err != nil {
					return err
				}
				continue
			}
			if obs := slices.Concat(waited[p.Wearer], waited[p.Protected]); len(obs) > 0 && s.mine(id) {
				for _, o := range obs {
					if err := s.tx.Copy(o, id); err != nil {
						return err
					}
				}
				if err := s.feedSubject(s.subjects[id], obs); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// pairs tells of all pairs what both persons may be told at present.
func (e *engine) pairs(ctx context.Context) (all []web.Pair, err error) {
	err = e.do(ctx, func(s *step) error {
		all = []web.Pair{}
		for _, p := range s.engine.roster.AllPairs() {
			rule, events := s.sides.disclosure(p), s.pairEvents(p.Subject())
			all = append(all, web.Pair{
				ID: string(p.Subject()), Wearer: p.Wearer, Protected: p.Protected, Since: p.Order.Since, To: p.Order.To,
				ProtectedNotice: rule.Protected(s.now, events), WearerNotice: rule.Wearer(s.now, events), Next: rule.Next(s.now),
			})
		}
		return nil
	})
	return all, err
}
