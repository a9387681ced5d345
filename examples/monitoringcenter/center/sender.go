package center

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/examples/monitoringcenter/center/delivery"
	"github.com/sargas-em/em/examples/monitoringcenter/center/record"
	"github.com/sargas-em/em/examples/monitoringcenter/center/roster"
	"github.com/sargas-em/em/examples/monitoringcenter/center/web"
	"github.com/sargas-em/em/protocol"
)

// Telling is by what means recipients are told.
type Telling struct {
	Mail  *delivery.SMTP // the server by which mail leaves; nil: no recipient may have mail
	Roots *x509.CertPool // that webhooks' certificates are checked with; the system's if nil

	// GiveUp is after how long a notice that cannot be delivered is given up: 24
	// hours if 0.
	GiveUp time.Duration
	// Down is after how long a notice that is not delivered means that alerting is
	// down, which is an incident of the system: 5 minutes if 0.
	Down time.Duration
}

// Pace of the sender.
const (
	firstAgain = time.Second     // until the second attempt; each further one waits twice as long
	lastAgain  = 5 * time.Minute // at most
	// recipientsAtOnce bounds the deliveries that are under way: one of a recipient.
	recipientsAtOnce = 16
	// textLife is how long a device may take to be there for a text: a level is
	// told anew after a cell of proximity's grid.
	textLife = 15 * time.Minute
)

// sender delivers what is in the outbox. Before each attempt it is noted that
// there may be one, so that whoever may have been told is told of a withdrawal,
// however the center ends.
type sender struct {
	c        *Center
	tell     Telling
	webhooks *delivery.Webhooks
	kick     chan struct{} // holds one
	again    time.Duration // firstAgain; tests shorten it
}

func newSender(c *Center) *sender {
	t := c.opts.Telling
	if t.GiveUp == 0 {
		t.GiveUp = 24 * time.Hour
	}
	if t.Down == 0 {
		t.Down = 5 * time.Minute
	}
	return &sender{c: c, tell: t, webhooks: delivery.NewWebhooks(t.Roots), kick: make(chan struct{}, 1), again: firstAgain}
}

func (d *sender) wake() {
	select {
	case d.kick <- struct{}{}:
	default: // one is enough
	}
}

// mails reports whether mail can leave.
func (d *sender) mails() bool { return d.tell.Mail != nil }

// shows reports whether a device's dialect has a command that shows a text.
func (d *sender) shows(id em.DeviceID) bool {
	codec, _, _ := strings.Cut(string(id), ":")
	dev, err := d.c.opts.Registry.Device(codec)
	return err == nil && slices.Contains(dev.Commands, protocol.CommandShow)
}

// attempt is one delivery that is under way, and then what came of it.
type attempt struct {
	record.Notice
	before bool // Maybe before it
	to     roster.Recipient
	err    error
	at     time.Time // of the end
}

// run delivers until ctx ends.
func (d *sender) run(ctx context.Context) error {
	defer d.webhooks.Close()
	var wg sync.WaitGroup
	defer wg.Wait()
	done := make(chan attempt, recipientsAtOnce)
	busy := map[string]bool{} // by recipient
	tick := time.NewTicker(min(d.again, time.Second))
	defer tick.Stop()
	for {
		var ended []attempt
		select {
		case <-d.kick:
		case <-tick.C:
		case a := <-done:
			ended = append(ended, a)
		case <-ctx.Done():
			return nil
		}
		for len(done) > 0 {
			ended = append(ended, <-done)
		}
		begun, err := d.turn(ctx, ended, busy)
		if err != nil {
			if ctx.Err() != nil || errors.Is(err, errStopped) {
				return nil
			}
			if !errors.Is(err, web.ErrUnavailable) && !record.Unreachable(err) {
				return err
			}
			// What ended is tried again: its ID is the same. The tick comes.
		}
		for _, a := range ended {
			delete(busy, a.Recipient)
		}
		for _, a := range begun {
			busy[a.Recipient] = true
			wg.Go(func() {
				a.err = d.deliver(ctx, &a)
				a.at = time.Now().Round(0).UTC()
				done <- a // it has room for all that may be under way
			})
		}
	}
}

// turn writes what came of attempts and begins others.
func (d *sender) turn(ctx context.Context, ended []attempt, busy map[string]bool) (begun []attempt, err error) {
	now := time.Now()
	due, err := d.c.store.Due(ctx, now)
	if err != nil {
		return nil, err
	}
	free := recipientsAtOnce - len(busy) + len(ended)
	due = slices.DeleteFunc(due, func(n record.Notice) bool {
		return busy[n.Recipient] && !slices.ContainsFunc(ended, func(a attempt) bool { return a.Recipient == n.Recipient })
	})
	if len(ended)+len(due) == 0 {
		return nil, nil
	}
	err = d.c.engine.do(ctx, func(s *step) error {
		begun = nil
		for _, a := range ended {
			if err := s.endAttempt(a); err != nil {
				return err
			}
		}
		for _, n := range due[:min(len(due), free)] {
			a, err := s.beginAttempt(n.N)
			if err != nil {
				return err
			}
			if a != nil {
				begun = append(begun, *a)
			}
		}
		return nil
	})
	return begun, err
}

// beginAttempt notes that a notice is about to be tried; nil where it is not to
// be any more.
func (s *step) beginAttempt(number int64) (*attempt, error) {
	n, err := s.tx.Notice(number)
	if err != nil || n.State != record.Pending || n.Next.After(s.now) {
		return nil, err
	}
	to, ok := s.engine.roster.Recipient(n.Recipient)
	if ok && to.Channel() != n.Channel {
		n.Channel = to.Channel() // the recipient is told elsewhere now
	}
	if !ok {
		n.State, n.Reason = record.Failed, "the recipient is gone"
		return nil, s.tx.MoveNotice(n)
	}
	a := &attempt{Notice: n, before: n.Maybe, to: to}
	if n.Command == 0 { // else it is with the device
		a.Attempts, a.Maybe, a.Tried = n.Attempts+1, true, s.now
	}
	// Should the center end now, this is when it is tried again.
	a.Next = s.now.Add(s.sender.backoff(a.Attempts))
	return a, s.tx.MoveNotice(a.Notice)
}

// backoff is the time after an attempt, with half of it at random.
func (d *sender) backoff(attempts int) time.Duration {
	wait := d.again
	for range min(attempts-1, 20) {
		wait = min(2*wait, lastAgain)
	}
	return wait/2 + rand.N(wait/2+1)
}

// errShown: the device has not shown it yet.
var errShown = errors.New("the command is with the device")

// endAttempt writes what came of an attempt.
func (s *step) endAttempt(a attempt) error {
	n, err := s.tx.Notice(a.N) // it may have been overtaken meanwhile
	if err != nil || n.State == record.Told {
		return err
	}
	n.Command = a.Command
	result := "told"
	switch {
	case a.err == nil:
		n.State, n.Told, n.Maybe, n.Reason = record.Told, a.at, true, ""
	case errors.Is(a.err, errShown):
		n.Next = s.now.Add(s.sender.again)
		return s.tx.MoveNotice(n)
	default:
		result = "failed"
		if errors.Is(a.err, delivery.ErrNotSent) && !a.before {
			n.Maybe = false
		}
		if n.State != record.Pending {
			break // nothing more is tried
		}
		n.Reason, n.Next = a.err.Error(), s.now.Add(s.sender.backoff(n.Attempts))
		if s.now.Sub(n.Created) >= s.sender.tell.GiveUp {
			n.State, n.Reason = record.Failed, "given up: "+n.Reason
			result = "given up"
		}
	}
	s.metrics.notices.WithLabelValues(n.Channel, result).Inc()
	if err := s.tx.MoveNotice(n); err != nil || a.err != nil && n.State != record.Failed {
		return err
	}
	target := "recipient " + n.Recipient
	if n.Incident > 0 {
		target = web.IncidentTarget(n.Incident)
	}
	detail := map[string]string{"notice": n.ID, "recipient": n.Recipient, "channel": n.Channel, "kind": n.Kind}
	if err := s.tx.Audit(s.now, "center", result, target, detail); err != nil || n.Incident == 0 {
		return err
	}
	item, err := s.tx.Tell("notice", map[string]int64{"incident": n.Incident})
	if err == nil {
		s.feed = append(s.feed, item)
	}
	return err
}

// deliver tries once.
func (d *sender) deliver(ctx context.Context, a *attempt) error {
	switch {
	case a.to.Webhook != nil:
		return d.webhooks.Post(ctx, a.to.Webhook.URL, a.to.Webhook.Key(), a.ID, time.Now(), a.Body)
	case a.to.Mail != nil:
		if d.tell.Mail == nil {
			return fmt.Errorf("%w: %w", delivery.ErrNotSent, errMail)
		}
		subject, text, err := mailOf(a.Body)
		if err != nil {
			return err
		}
		return d.tell.Mail.Send(ctx, a.to.Mail.To, a.ID, time.Now(), subject, text)
	}
	return d.show(ctx, a)
}

// mailOf makes a mail of a notice.
func mailOf(body []byte) (subject, text string, err error) {
	var side web.SideNotice
	if err := json.Unmarshal(body, &side); err != nil {
		return "", "", fmt.Errorf("center: stored notice: %w", err)
	}
	if side.ProtectedNotice != nil || side.WearerNotice != nil {
		return "Notice", side.Text + "\n", nil
	}
	var n web.IncidentNotice
	if err := json.Unmarshal(body, &n); err != nil {
		return "", "", fmt.Errorf("center: stored notice: %w", err)
	}
	subject, text = n.Mail()
	return subject, text, nil
}

// show has a device show a notice, by a command whose delivery is the notice's.
func (d *sender) show(ctx context.Context, a *attempt) error {
	if a.Command == 0 {
		var side web.SideNotice
		if err := json.Unmarshal(a.Body, &side); err != nil {
			return fmt.Errorf("center: stored notice: %w", err)
		}
		c, err := d.c.orders.take(ctx, "center", a.to.Device.ID, web.NewCommand{Kind: string(protocol.CommandShow), Text: side.Text, Expires: textLife.Seconds()})
		if err != nil {
			return fmt.Errorf("%w: the command is not taken", delivery.ErrNotSent)
		}
		a.Command = c.ID
		return errShown
	}
	c, err := d.c.store.Command(ctx, a.Command)
	switch {
	case err != nil:
		return err
	case !c.Final:
		return errShown
	}
	a.Command = 0
	switch c.State {
	case commandSent, protocol.DeliveryAcknowledged.String():
		return nil // the dialect has no answer, or it came
	case commandExpired:
		return fmt.Errorf("%w: the device was not connected in time", delivery.ErrNotSent)
	}
	return errors.New("the command " + c.State)
}

// kindAlerting is the alarm that a recipient cannot be told.
const kindAlerting = em.EventKind("center.alerting")

// alertingAlarms tells whom nobody can tell, but for whom it is about.
func (c *Center) alertingAlarms(ctx context.Context) ([]func(*step) error, error) {
	untold, err := c.store.Untold(ctx)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	var (
		oldest time.Duration
		count  int
	)
	ages := map[string]time.Duration{}
	for _, u := range untold {
		age := now.Sub(u.Oldest)
		ages[u.Recipient] = age
		oldest, count = max(oldest, age), count+u.Notices
	}
	c.untold.Store(int64(oldest))
	c.metrics.untold.Set(float64(count))
	c.metrics.oldestUntold.Set(oldest.Seconds())
	return []func(*step) error{func(s *step) error {
		for _, r := range s.engine.roster.Recipients() {
			severity := em.Info
			age := ages[r.ID]
			if age >= s.sender.tell.Down {
				severity = em.Warning
			}
			if err := s.alarm(alarm{kindAlerting, r.ID}, severity, "Alerting is down: this recipient cannot be told of incidents.",
				em.Fact{Name: "oldest notice", Num: age.Seconds(), Unit: "s"}); err != nil {
				return err
			}
		}
		return nil
	}}, nil
}

func (e *engine) putRecipient(ctx context.Context, actor string, doc []byte) error {
	r, err := roster.ParseRecipient(doc)
	if err != nil {
		return fmt.Errorf("%w: %w", web.ErrBadInput, err)
	}
	return e.do(ctx, func(s *step) error {
		old := s.engine.roster
		next, err := old.WithRecipients(s.now, r)
		if err != nil {
			return fmt.Errorf("%w: %w", web.ErrBadInput, err)
		}
		s.undo = func() { s.engine.roster = old }
		s.engine.roster = next
		return s.putRecipients(actor, old, []roster.Recipient{r})
	})
}
