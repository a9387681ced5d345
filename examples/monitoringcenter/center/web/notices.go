package web

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/examples/monitoringcenter/center/record"
	"github.com/sargas-em/em/examples/monitoringcenter/center/roster"
	"github.com/sargas-em/em/geofence/proximity"
)

// IncidentNotice is what an officer or a desk is told of an incident: the body of
// the webhook.
type IncidentNotice struct {
	ID       string    `json:"id" doc:"the same whenever it comes again"`
	Type     string    `json:"type" enum:"incident.raised,incident.changed,incident.withdrawn,incident.stands,incident.ended"`
	Incident int64     `json:"incident"`
	Person   string    `json:"person"`
	Name     string    `json:"name"`
	Kind     string    `json:"kind"`
	Class    string    `json:"class,omitempty"`
	Severity string    `json:"severity"`
	Reason   string    `json:"reason"`
	About    string    `json:"about,omitempty"`
	Verdict  string    `json:"verdict" enum:"stands,withdrawn"`
	Cause    string    `json:"cause,omitempty" doc:"of a change or a withdrawal"`
	At       time.Time `json:"at" doc:"when it happened"`
	Until    time.Time `json:"until,omitzero" doc:"absent while it goes on"`
	Knowable time.Time `json:"knowable,omitzero" doc:"when the center could first have known it"`
	Raised   time.Time `json:"raised" doc:"when the center told it first"`
	Late     string    `json:"late,omitempty" doc:"why it was raised late"`
}

// NewIncidentNotice builds a notice without its ID; name tells what subjects are
// called.
func NewIncidentNotice(kind string, i record.Incident, name func(em.SubjectID) string) IncidentNotice {
	e := &i.Event
	return IncidentNotice{Type: kind, Incident: i.ID, Person: string(e.Subject), Name: name(e.Subject), Kind: string(e.Detail.Kind), Class: e.Detail.Class,
		Severity: e.Detail.Severity.String(), Reason: e.Detail.Reason, About: e.About, Verdict: i.Verdict, At: e.At, Until: e.Until,
		Knowable: i.Knowable, Raised: i.Raised, Late: i.Late}
}

// Mail is the subject and text of a mail. Mail is a postcard: it names neither
// person nor place, and says where to look.
func (n IncidentNotice) Mail() (subject, text string) {
	what := map[string]string{"incident.raised": "raised", "incident.changed": "changed", "incident.withdrawn": "withdrawn by later evidence",
		"incident.stands": "stands again", "incident.ended": "ended"}[n.Type]
	subject = fmt.Sprintf("Incident %d %s: %s", n.Incident, what, n.Severity)
	text = fmt.Sprintf("Incident %d, %s, %s: %s.\n\nIt happened at %s and was raised at %s.\n", n.Incident, n.Kind, n.Severity, what,
		n.At.UTC().Format(time.RFC3339), n.Raised.UTC().Format(time.RFC3339))
	if !n.Until.IsZero() {
		text += fmt.Sprintf("It ended at %s.\n", n.Until.UTC().Format(time.RFC3339))
	}
	if n.Late != "" {
		text += fmt.Sprintf("Late: %s. It could have been known at %s.\n", n.Late, n.Knowable.UTC().Format(time.RFC3339))
	}
	if n.Cause != "" {
		text += "Cause: " + n.Cause + "\n"
	}
	return subject, text + "\nWhom it is about, and what it rests on, is on the center's page.\n"
}

// Types of notices to the sides of pairs.
const (
	NoticeProtected = "protected.level"
	NoticeWearer    = "wearer.keep_away"
)

// SideNotice is all that one side of a pair is told: the body of the webhook. It
// is what package proximity lets the side know, with words for it; no time, place,
// distance, direction or number is in it.
type SideNotice struct {
	ID   string `json:"id"`
	Type string `json:"type" enum:"protected.level,wearer.keep_away"`
	*proximity.ProtectedNotice
	*proximity.WearerNotice
	Text string `json:"text"`
}

// ForProtected is the notice to a protected person.
func ForProtected(n proximity.ProtectedNotice) SideNotice {
	return SideNotice{Type: NoticeProtected, ProtectedNotice: &n, Text: [...]string{
		proximity.Clear:       "No alert at present.",
		proximity.Unprotected: "You are not protected at present: a position is missing.",
		proximity.PreAlert:    "Be careful: the person who must keep away may come near.",
		proximity.Alert:       "Alert: the person who must keep away may be near. Get to safety.",
	}[n.Level]}
}

// ForWearer is the notice to a wearer.
func ForWearer(n proximity.WearerNotice) SideNotice {
	text := "No notice at present."
	if n.KeepAway {
		text = "Keep away. Do as your order says."
	}
	return SideNotice{Type: NoticeWearer, WearerNotice: &n, Text: text}
}

// Says is the notice in a word.
func (n SideNotice) Says() string {
	switch {
	case n.ProtectedNotice != nil:
		return n.Level.String()
	case n.KeepAway:
		return "keep away"
	}
	return "nothing"
}

// NoticeView is who was told of an incident, and how far that has come.
type NoticeView struct {
	ID        string    `json:"id"`
	N         int64     `json:"n"`
	Incident  int64     `json:"incident,omitempty" doc:"absent for what the side of a pair is told"`
	Recipient string    `json:"recipient"`
	Channel   string    `json:"channel" enum:"webhook,mail,device"`
	Kind      string    `json:"kind"`
	Says      string    `json:"says" doc:"what of it is news when it changes"`
	State     string    `json:"state" enum:"pending,told,failed,cancelled,overtaken" doc:"cancelled: nothing was sent, and it is no longer so; overtaken: it may have arrived, and a later notice says what is"`
	Possibly  bool      `json:"possibly_told,omitempty" doc:"not confirmed, but the recipient may know"`
	Written   time.Time `json:"written"`
	Tried     time.Time `json:"tried,omitzero" doc:"the last time"`
	Told      time.Time `json:"told,omitzero"`
	Attempts  int       `json:"attempts"`
	Reason    string    `json:"reason,omitempty"`
	Command   int64     `json:"command,omitempty" doc:"that makes a device show it"`
	Cause     string    `json:"cause,omitempty"`
}

// noticeViews are the views of notices, or the error of reading them.
func noticeViews(all []record.Notice, err error) ([]NoticeView, error) {
	views := []NoticeView{}
	for _, n := range all {
		var said struct {
			Cause string `json:"cause"`
		}
		if err := json.Unmarshal(n.Body, &said); err != nil {
			return nil, fmt.Errorf("web: stored notice: %w", err)
		}
		views = append(views, NoticeView{ID: n.ID, N: n.N, Incident: n.Incident, Says: n.Says, Recipient: n.Recipient, Channel: n.Channel, Kind: n.Kind, State: string(n.State),
			Possibly: n.Maybe && n.State != record.Told, Written: n.Created, Tried: n.Tried, Told: n.Told, Attempts: n.Attempts, Reason: n.Reason,
			Command: n.Command, Cause: said.Cause})
	}
	return views, err
}

func registerNotices(api huma.API, b Backend, problem problems) {
	huma.Get(api, "/api/v1/incidents/{id}/notices", func(ctx context.Context, in *struct {
		ID int64 `path:"id"`
	}) (*body[[]NoticeView], error) {
		if _, err := b.Store().Incident(ctx, in.ID); err != nil {
			return nil, problem.of(err)
		}
		views, err := noticeViews(b.Store().Notices(ctx, in.ID))
		return &body[[]NoticeView]{views}, problem.of(err)
	}, summary("list-notices", "Who was told of an incident, when, by which channel, and of its withdrawal"))

	huma.Get(api, "/api/v1/recipients/{recipient}/notices", func(ctx context.Context, in *struct {
		Recipient string `path:"recipient"`
		Before    int64  `query:"before" doc:"only numbers below, to page backwards"`
		Limit     int    `query:"limit" minimum:"1" maximum:"1000" default:"200"`
	}) (*body[[]NoticeView], error) {
		views, err := noticeViews(b.Store().NoticesTo(ctx, in.Recipient, in.Before, in.Limit))
		return &body[[]NoticeView]{views}, problem.of(err)
	}, summary("list-recipient-notices", "What a recipient was told, newest first"))

	huma.Get(api, "/api/v1/recipients", func(ctx context.Context, _ *struct{}) (*body[[]json.RawMessage], error) {
		docs, err := b.Store().Recipients(ctx)
		all := []json.RawMessage{}
		for _, d := range docs {
			r, err := roster.ParseRecipient(d.JSON)
			if err != nil {
				return nil, problem.of(err)
			}
			doc, err := marshal(r.Shown())
			if err != nil {
				return nil, problem.of(err)
			}
			all = append(all, json.RawMessage(doc))
		}
		return &body[[]json.RawMessage]{all}, problem.of(err)
	}, summary("list-recipients", "Who is told of incidents, without the secrets of webhooks"))

	huma.Put(api, "/api/v1/recipients", func(ctx context.Context, in *struct{ RawBody []byte }) (*struct{}, error) {
		return nil, problem.of(b.PutRecipient(ctx, actorOf(ctx), in.RawBody))
	}, summary("put-recipient", "Add or replace one recipient, as in the people file"), limit)
}
