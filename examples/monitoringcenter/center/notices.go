package center

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/examples/monitoringcenter/center/record"
	"github.com/sargas-em/em/examples/monitoringcenter/center/roster"
	"github.com/sargas-em/em/examples/monitoringcenter/center/web"
)

// Kinds of notices about incidents.
const (
	noticeRaised    = "incident.raised"
	noticeChanged   = "incident.changed"   // its severity, class or time is another than was told
	noticeWithdrawn = "incident.withdrawn" // later evidence no longer supports what was told
	noticeStands    = "incident.stands"    // it was told as withdrawn, and stands again
	noticeEnded     = "incident.ended"     // it was told as going on, and does no longer, whatever else is news
)

const (
	saysWithdrawn = "withdrawn"
	saysEnded     = " ended" // behind the rest
)

// mostUntold bounds the notices that wait for one recipient, some 2 kB each: one
// who cannot be told for so long is told the rest by others.
const mostUntold = 10_000

// saying is what of an incident is news to who was told of it.
func saying(i *record.Incident) string {
	if i.Verdict == record.Withdrawn {
		return saysWithdrawn
	}
	d := &i.Event.Detail
	says := strings.Join([]string{d.Severity.String(), d.Class, i.Event.At.UTC().Format(time.RFC3339Nano)}, " ")
	if !i.Event.Open() {
		says += saysEnded // when, may still shift by seconds: that is no news
	}
	return says
}

// outcome is what becomes of a recipient's notices when there is something to
// say: of the one that waits, and whether another is written.
type outcome struct {
	drop    record.NoticeState // of the last one: Cancelled or Overtaken; empty: it stays as it is
	say     bool
	heard   *record.Notice // the last one that the recipient knows of, or may; nil: none
	unheard bool           // the last one was meant for the recipient, who heard nothing of it
}

// settle compares what there is to say with what a recipient was told, oldest
// first. silence is what one who heard nothing takes for granted.
func settle(list []record.Notice, says, silence string) (o outcome) {
	known := silence
	for i := range list {
		if list[i].Heard() {
			o.heard, known = &list[i], list[i].Says
		}
	}
	if n := len(list); n > 0 {
		last := &list[n-1]
		switch {
		case last.State == record.Failed && !last.Maybe:
			o.unheard = true
		case last.State != record.Pending:
		case last.Says == says:
			return o // it waits to be told
		case last.Maybe:
			o.drop = record.Overtaken
		default:
			o.drop, o.unheard = record.Cancelled, true
		}
	}
	o.say = says != known
	return o
}

// notify writes what recipients are to be told of an incident that has changed.
// known: it was an incident before; again: it was closed, and is new once more.
func (s *step) notify(was, is record.Incident, c *em.Change, known, again bool) error {
	recipients := s.engine.roster.Recipients()
	if len(recipients) == 0 {
		return nil
	}
	told := map[string][]record.Notice{}
	if known {
		all, err := s.tx.Notices(is.ID)
		if err != nil {
			return err
		}
		for _, n := range all {
			told[n.Recipient] = append(told[n.Recipient], n)
		}
	}
	says := saying(&is)
	for i := range recipients {
		r := &recipients[i]
		if r.Side() || is.Event.Detail.Kind == kindAlerting && is.Event.About == r.ID {
			continue
		}
		// Whoever never heard of it takes nothing for granted, not even that it does
		// not stand: what is news to him is for the rules below to say.
		o := settle(told[r.ID], says, saysWithdrawn)
		list := told[r.ID]
		if o.drop != "" {
			if err := s.dropNotice(list[len(list)-1], o.drop, is.Verdict == record.Withdrawn); err != nil {
				return err
			}
		}
		if !o.say {
			continue
		}
		kind := noticeChanged
		switch {
		case says == saysWithdrawn:
			kind = noticeWithdrawn
		case o.heard == nil:
			kind = noticeRaised
			wants := r.At(s.now) && s.engine.roster.Wants(r, &is.Event)
			news := !known || again || o.unheard || was.Verdict == record.Withdrawn || !s.engine.roster.Wants(r, &was.Event)
			if !wants || !news {
				continue
			}
		case o.heard.Says == saysWithdrawn:
			kind = noticeStands
		case strings.HasSuffix(says, saysEnded) && !strings.HasSuffix(o.heard.Says, saysEnded):
			kind = noticeEnded
		}
		body := web.NewIncidentNotice(kind, is, s.name)
		if kind != noticeRaised && kind != noticeStands {
			body.Cause = s.cause(c)
		}
		if err := s.addNotice(r, is.ID, kind, says, &body.ID, &body); err != nil {
			return err
		}
	}
	return nil
}

// name is what a subject is called as of this step: the page may not have been
// told of somebody yet.
func (s *step) name(id em.SubjectID) string {
	if w, p, ok := roster.PairOf(id); ok {
		return s.name(em.SubjectID(w)) + " – " + s.name(em.SubjectID(p))
	}
	if p, ok := s.engine.roster.Person(string(id)); ok {
		return p.Name
	}
	return s.engine.name(id)
}

// cause says in words what brought a change.
func (s *step) cause(c *em.Change) string {
	received, ok := s.reception(c.Cause)
	switch {
	case ok:
		return fmt.Sprintf("Observation %s, received at %s.", c.Cause, received.Format(time.RFC3339))
	case c.Cause != em.ObservationID{}:
		return fmt.Sprintf("Observation %s.", c.Cause)
	case s.entering:
		return "The rules were changed."
	}
	return "Time went by without what was expected."
}

// dropNotice ends a notice that is no longer so.
func (s *step) dropNotice(n record.Notice, state record.NoticeState, withdrawn bool) error {
	n.State, n.Reason = state, "a later notice says what is"
	if withdrawn {
		n.Reason = "the incident was withdrawn"
	}
	if state == record.Cancelled {
		n.Reason += "; nothing of this was sent"
	}
	return s.tx.MoveNotice(n)
}

// addNotice writes one notice. Its ID, which says nothing, is put where id is.
func (s *step) addNotice(r *roster.Recipient, incident int64, kind, says string, id *string, body any) error {
	*id = rand.Text()
	doc, err := json.Marshal(body)
	if err != nil {
		return fmt.Errorf("center: notice: %w", err)
	}
	n := record.Notice{ID: *id, Recipient: r.ID, Channel: r.Channel(), Incident: incident, Kind: kind, Says: says, Body: doc,
		Created: s.now, Next: s.now, State: record.Pending}
	waiting, err := s.tx.Waiting(r.ID)
	if err != nil {
		return err
	}
	if waiting >= mostUntold {
		n.State, n.Reason = record.Failed, "too many notices wait for this recipient"
	}
	s.views = append(s.views, s.sender.wake)
	return s.tx.AddNotice(n)
}

// putRecipients takes those into the record in which the present roster differs
// from the old one.
func (s *step) putRecipients(actor string, old *roster.Roster, changed []roster.Recipient) error {
	for _, c := range changed {
		r, _ := s.engine.roster.Recipient(c.ID)
		doc, err := roster.RecipientDoc(r)
		if err != nil {
			return err
		}
		if was, ok := old.Recipient(r.ID); ok {
			if before, err := roster.RecipientDoc(was); err != nil || string(before.JSON) == string(doc.JSON) {
				if err != nil {
					return err
				}
				continue // a file that is read again at every start changes nothing
			}
		}
		if d := r.Device; d != nil && !s.sender.shows(d.ID) {
			return fmt.Errorf("%w: %w", web.ErrBadInput, &roster.FieldError{What: "recipient", ID: r.ID, Field: "device.id", Err: errShows})
		}
		if r.Mail != nil && !s.sender.mails() {
			return fmt.Errorf("%w: %w", web.ErrBadInput, &roster.FieldError{What: "recipient", ID: r.ID, Field: "mail", Err: errMail})
		}
		if err := s.tx.PutRecipient(doc); err != nil {
			return err
		}
		if err := s.tx.Audit(s.now, actor, "put recipient", "recipient "+r.ID, r.Shown()); err != nil {
			return err
		}
		if r.Who == roster.Protected { // what is so already is told at once
			if err := s.tellSide(&r, false); err != nil {
				return err
			}
		}
	}
	return nil
}

var (
	errShows = errors.New("its dialect has no command that shows a text")
	errMail  = errors.New("the center has no mail server")
)
