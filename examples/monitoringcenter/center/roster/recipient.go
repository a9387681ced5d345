package roster

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"net/mail"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/examples/monitoringcenter/center/record"
)

// Who a recipient is.
type Who string

// Officers and desks are told of incidents. A protected person and a wearer are
// told what geofence/proximity lets the sides of a pair know, and nothing else.
const (
	Officer   Who = "officer"
	Desk      Who = "desk" // of a district
	Protected Who = "protected"
	Wearer    Who = "wearer"
)

// Channels by which a recipient is told.
const (
	ByWebhook = "webhook"
	ByMail    = "mail"
	ByDevice  = "device"
)

// Recipient is one who is told, by one channel. A recipient is never left out of a
// later document: To ends what is new to it, but of what it was told it is told
// the withdrawal.
//
//	"recipients": [{
//	  "id": "desk-north",
//	  "who": "desk",                       // officer, desk, protected, wearer
//	  "severity": "violation",             // the lowest; warning, if absent
//	  "kinds": ["zone.", "device.strap"],  // all, if absent; a dot at the end: all that begin so
//	  "districts": ["north"],              // all, if neither districts nor people are given
//	  "people": ["p-1"],
//	  "webhook": {"url": "https://duty.example.org/hook", "secret": "whsec_…"}
//	}, {
//	  "id": "p-2-phone",
//	  "who": "protected",
//	  "person": "p-2",
//	  "mail": {"to": "rasa@example.org"}
//	}]
type Recipient struct {
	ID   string    `json:"id"`
	Who  Who       `json:"who"`
	From time.Time `json:"from,omitzero"` // now, if absent
	To   time.Time `json:"to,omitzero"`   // open, if absent

	// Of officers and desks.
	Severity  em.Severity `json:"severity,omitempty"`
	Kinds     []string    `json:"kinds,omitempty"`
	Districts []string    `json:"districts,omitempty"`
	People    []string    `json:"people,omitempty"`

	// Of protected persons and wearers: who it is.
	Person string `json:"person,omitempty"`

	// One of these.
	Webhook *Webhook `json:"webhook,omitempty"`
	Mail    *Mail    `json:"mail,omitempty"`
	Device  *Device  `json:"device,omitempty"`
}

// Webhook is a URL that notices are posted to, signed by Standard Webhooks.
type Webhook struct {
	URL    string `json:"url"`              // https, or http of a loopback address
	Secret string `json:"secret,omitempty"` // "whsec_" and 24 to 64 bytes in base64
}

// Key is the secret's bytes; nil where it is none.
func (w *Webhook) Key() []byte {
	text, ok := strings.CutPrefix(w.Secret, "whsec_")
	key, err := base64.StdEncoding.DecodeString(text)
	if !ok || err != nil || len(key) < 24 || len(key) > 64 {
		return nil
	}
	return key
}

// Mail is an address.
type Mail struct {
	To string `json:"to"`
}

// Device shows texts: one that the recipient carries, and whose dialect has a
// command for it.
type Device struct {
	ID em.DeviceID `json:"id"`
}

// Channel is how the recipient is told.
func (r *Recipient) Channel() string {
	switch {
	case r.Webhook != nil:
		return ByWebhook
	case r.Mail != nil:
		return ByMail
	}
	return ByDevice
}

// Side reports whether the recipient is one side of pairs.
func (r *Recipient) Side() bool { return r.Who == Protected || r.Who == Wearer }

// FieldError says which field of which document is wrong.
type FieldError struct {
	What, ID string // "recipient", and which
	Field    string // "webhook.url"
	Err      error
}

func (e *FieldError) Error() string {
	return fmt.Sprintf("%s %q: %s: %v", e.What, e.ID, e.Field, e.Err)
}

// Unwrap returns what is wrong with the field.
func (e *FieldError) Unwrap() error { return e.Err }

// ParseRecipient reads one recipient.
func ParseRecipient(doc []byte) (r Recipient, err error) {
	if err := strict(doc, &r); err != nil {
		return r, fmt.Errorf("recipient: %w", err)
	}
	return r, nil
}

// check finds what is wrong with a recipient by itself.
func (r *Recipient) check() error {
	bad := func(field, format string, args ...any) error {
		return &FieldError{"recipient", r.ID, field, fmt.Errorf(format, args...)}
	}
	channels := 0
	for _, has := range []bool{r.Webhook != nil, r.Mail != nil, r.Device != nil} {
		if has {
			channels++
		}
	}
	switch {
	case !plain(r.ID) || r.ID == "" || strings.Contains(r.ID, "/"):
		return bad("id", "it is empty, or not plain text without blanks and slashes")
	case r.Who != Officer && r.Who != Desk && !r.Side():
		return bad("who", "%q is not officer, desk, protected or wearer", r.Who)
	case !r.To.IsZero() && !r.From.Before(r.To):
		return bad("to", "it is not after from")
	case channels != 1:
		return bad("webhook", "of webhook, mail and device there is one, not %d", channels)
	case r.Side() && r.Person == "":
		return bad("person", "it is missing")
	case !r.Side() && r.Person != "":
		return bad("person", "it is for protected and wearer; people of an officer or desk go into people")
	case !r.Side() && r.Device != nil:
		return bad("device", "a device tells what it shows to who carries it: protected or wearer")
	case r.Side() && r.Severity != em.Info:
		return bad("severity", "it is for officer and desk")
	case r.Side() && len(r.Kinds) > 0:
		return bad("kinds", "it is for officer and desk")
	case r.Side() && len(r.Districts) > 0:
		return bad("districts", "it is for officer and desk")
	case r.Side() && len(r.People) > 0:
		return bad("people", "it is for officer and desk")
	case slices.Contains(r.Kinds, "") || slices.Contains(r.Kinds, "."):
		return bad("kinds", "one of them is empty")
	case slices.Contains(r.Districts, ""):
		return bad("districts", "one of them is empty")
	}
	switch {
	case r.Webhook != nil:
		u, err := url.Parse(r.Webhook.URL)
		switch {
		case err != nil || u.Host == "" || u.User != nil || u.Fragment != "" || u.Scheme != "https" && u.Scheme != "http":
			return bad("webhook.url", "it is not https://HOST/PATH")
		case u.Scheme == "http" && !loopback(u.Hostname()):
			return bad("webhook.url", "http is for loopback addresses alone: use https")
		case r.Webhook.Key() == nil:
			return bad("webhook.secret", "it is not whsec_ and 24 to 64 bytes in base64")
		}
	case r.Mail != nil:
		a, err := mail.ParseAddress(r.Mail.To)
		if err != nil || a.Name != "" || a.Address != r.Mail.To {
			return bad("mail.to", "it is not one bare address")
		}
	}
	return nil
}

// loopback reports whether a host is this machine.
func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// WithRecipients returns the roster with recipients added or replaced. now is the
// From of new ones that have none; a known one's From stays. Errors of one are a
// *FieldError.
func (r *Roster) WithRecipients(now time.Time, recipients ...Recipient) (*Roster, error) {
	n := r.clone()
	for _, rc := range recipients {
		bad := func(field, format string, args ...any) error {
			return &FieldError{"recipient", rc.ID, field, fmt.Errorf(format, args...)}
		}
		if old, ok := n.recipients[rc.ID]; ok {
			if old.Who != rc.Who || old.Person != rc.Person {
				return nil, bad("who", "somebody else has this id")
			}
			rc.From = old.From
		} else if rc.From.IsZero() {
			rc.From = now
		}
		if !rc.Side() && rc.Severity == em.Info {
			rc.Severity = em.Warning
		}
		if err := rc.check(); err != nil {
			return nil, err
		}
		for _, id := range rc.People {
			if _, ok := n.people[id]; !ok {
				return nil, bad("people", "nobody is %q", id)
			}
		}
		p, known := n.people[rc.Person]
		switch {
		case rc.Side() && !known:
			return nil, bad("person", "nobody is %q", rc.Person)
		case rc.Device != nil && !slices.ContainsFunc(p.Devices, func(a Assignment) bool { return a.ID == rc.Device.ID }):
			return nil, bad("device.id", "the person does not carry it")
		case rc.Who == Protected && !slices.ContainsFunc(n.pairs[rc.Person], func(k Pair) bool { return k.Protected == rc.Person }):
			return nil, bad("person", "no order keeps anybody away from this person")
		case rc.Who == Wearer && !slices.ContainsFunc(p.KeepAway, func(k KeepAway) bool { return len(k.Named) > 0 }):
			return nil, bad("person", "the person's order names no zone to the wearer (keep_away, named)")
		}
		n.recipients[rc.ID] = rc
	}
	return n, nil
}

// loadRecipients takes those that the record holds: they were checked when they
// were given.
func (r *Roster) loadRecipients(docs []record.Doc) error {
	for _, d := range docs {
		rc, err := ParseRecipient(d.JSON)
		if err == nil {
			err = rc.check()
		}
		if err != nil {
			return err
		}
		r.recipients[rc.ID] = rc
	}
	return nil
}

// Recipients returns all by ID.
func (r *Roster) Recipients() []Recipient {
	all := make([]Recipient, 0, len(r.recipients))
	for _, id := range slices.Sorted(maps.Keys(r.recipients)) {
		all = append(all, r.recipients[id])
	}
	return all
}

// Recipient returns one.
func (r *Roster) Recipient(id string) (Recipient, bool) {
	rc, ok := r.recipients[id]
	return rc, ok
}

// At reports whether new incidents of an instant are for the recipient.
func (r *Recipient) At(at time.Time) bool {
	return !at.Before(r.From) && (r.To.IsZero() || at.Before(r.To))
}

// Wants reports whether an officer or desk is told of an event.
func (r *Roster) Wants(rc *Recipient, e *em.Event) bool {
	kind := string(e.Detail.Kind)
	switch {
	case rc.Side() || e.Detail.Severity < rc.Severity:
		return false
	case len(rc.Kinds) > 0 && !slices.ContainsFunc(rc.Kinds, func(k string) bool {
		return k == kind || strings.HasSuffix(k, ".") && strings.HasPrefix(kind, k)
	}):
		return false
	case len(rc.People)+len(rc.Districts) == 0:
		return true
	}
	return slices.ContainsFunc(r.concerned(e.Subject), func(p Person) bool {
		return slices.Contains(rc.People, p.ID) || p.District != "" && slices.Contains(rc.Districts, p.District)
	})
}

// concerned are the people whom a subject's events are about: the person, both of
// a pair, or those who are monitored with a unit. The system's are about nobody.
func (r *Roster) concerned(s em.SubjectID) (all []Person) {
	ids := []string{string(s)}
	if w, p, ok := PairOf(s); ok {
		ids = []string{w, p}
	} else if d, ok := UnitOf(s); ok {
		ids = nil
		for id, p := range r.people {
			if slices.Contains(p.Hears(), d) {
				ids = append(ids, id)
			}
		}
	}
	for _, id := range ids {
		if p, ok := r.people[id]; ok {
			all = append(all, p)
		}
	}
	return all
}

// RecipientDoc is a recipient's document as it is stored.
func RecipientDoc(rc Recipient) (record.Doc, error) {
	doc, err := json.Marshal(rc)
	return record.Doc{ID: rc.ID, JSON: doc}, err
}

// Shown is the recipient without what nobody is to read.
func (r Recipient) Shown() Recipient {
	if r.Webhook != nil {
		r.Webhook = &Webhook{URL: r.Webhook.URL}
	}
	return r
}
