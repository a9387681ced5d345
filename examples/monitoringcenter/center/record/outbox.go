package record

import (
	"context"
	"fmt"
	"time"
)

// NoticeState is how far a notice has come.
type NoticeState string

// States of a notice. All but Pending are final.
const (
	Pending   NoticeState = "pending"
	Told      NoticeState = "told"
	Failed    NoticeState = "failed"    // given up
	Cancelled NoticeState = "cancelled" // nothing of it was sent, and it is no longer so
	Overtaken NoticeState = "overtaken" // it may have reached the recipient, and is no longer so: a later notice says what is
)

// Notice is something that one recipient is to be told. It is delivered at least
// once, each time with the same ID and Body.
type Notice struct {
	N         int64
	ID        string
	Recipient string
	Channel   string
	Incident  int64 // 0 for what the sides of a pair are told
	Kind      string
	Says      string // what of it is news when it changes
	Body      []byte // JSON
	Created   time.Time
	Next      time.Time // when it may be tried
	Tried     time.Time // the last time; zero: never
	Told      time.Time // zero: it was not, as far as is known
	Attempts  int
	Maybe     bool // an attempt of which it is not known that it failed: the recipient may know
	State     NoticeState
	Reason    string // of the last failure, or of the state
	Command   int64  // that makes a device show it; 0: none
}

// Heard reports whether the recipient knows of the notice, or may.
func (n *Notice) Heard() bool { return n.State == Told || n.Maybe }

const noticeColumns = `n, id, recipient, channel, incident, kind, says, body, created, next, tried, told, attempts, maybe, state, reason, command`

func scanNotice(r row, n *Notice) error {
	var created, next, tried, told, maybe int64
	if err := r.Scan(&n.N, &n.ID, &n.Recipient, &n.Channel, &n.Incident, &n.Kind, &n.Says, (*document)(&n.Body), &created, &next, &tried, &told,
		&n.Attempts, &maybe, &n.State, &n.Reason, &n.Command); err != nil {
		return err
	}
	n.Created, n.Next, n.Tried, n.Told, n.Maybe = fromNanos(created), fromNanos(next), fromNanos(tried), fromNanos(told), maybe != 0
	return nil
}

// AddNotice stores a new notice; N is given to it.
func (t *Tx) AddNotice(n Notice) error {
	return t.exec(`INSERT INTO notice (id, recipient, channel, incident, kind, says, body, created, next, tried, told, attempts, maybe, state, reason, command)
		VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)`, n.ID, n.Recipient, n.Channel, n.Incident, n.Kind, n.Says, string(n.Body), nanos(n.Created), nanos(n.Next),
		nanos(n.Tried), nanos(n.Told), n.Attempts, flag(n.Maybe), string(n.State), n.Reason, n.Command)
}

// MoveNotice stores how far a notice has come.
func (t *Tx) MoveNotice(n Notice) error {
	return t.exec(`UPDATE notice SET channel = ?, next = ?, tried = ?, told = ?, attempts = ?, maybe = ?, state = ?, reason = ?, command = ? WHERE n = ?`,
		n.Channel, nanos(n.Next), nanos(n.Tried), nanos(n.Told), n.Attempts, flag(n.Maybe), string(n.State), n.Reason, n.Command, n.N)
}

// Notice returns one notice by its number.
func (t *Tx) Notice(n int64) (Notice, error) {
	all, err := collect(t.ctx, t.tx, scanNotice, `SELECT `+noticeColumns+` FROM notice WHERE n = ?`, n)
	if err == nil && len(all) != 1 {
		err = fmt.Errorf("record: no notice %d", n)
	}
	if err != nil {
		return Notice{}, err
	}
	return all[0], nil
}

// Notices returns all about an incident, oldest first.
func (t *Tx) Notices(incident int64) ([]Notice, error) {
	return collect(t.ctx, t.tx, scanNotice, `SELECT `+noticeColumns+` FROM notice WHERE incident = ? ORDER BY n`, incident)
}

// SideNotices returns the newest of what a recipient was told as a side of pairs,
// oldest first: from the last one that it may have heard on.
func (t *Tx) SideNotices(recipient string) ([]Notice, error) {
	return collect(t.ctx, t.tx, scanNotice, `SELECT `+noticeColumns+` FROM notice WHERE incident = 0 AND recipient = ?1
		AND n >= (SELECT coalesce(max(n), 0) FROM notice WHERE incident = 0 AND recipient = ?1 AND (state = 'told' OR maybe = 1)) ORDER BY n`, recipient)
}

// Waiting returns how many notices wait for a recipient.
func (t *Tx) Waiting(recipient string) (n int, err error) {
	if err = t.tx.QueryRowContext(t.ctx, `SELECT count(*) FROM notice WHERE state = 'pending' AND recipient = ?`, recipient).Scan(&n); err != nil {
		err = fmt.Errorf("record: %w", err)
	}
	return n, err
}

// Notices returns all about an incident, oldest first.
func (s *Store) Notices(ctx context.Context, incident int64) ([]Notice, error) {
	return collect(ctx, s.r, scanNotice, `SELECT `+noticeColumns+` FROM notice WHERE incident = ? ORDER BY n`, incident)
}

// NoticesTo returns all to a recipient, newest first: at most n with numbers below
// before (0 for no bound).
func (s *Store) NoticesTo(ctx context.Context, recipient string, before int64, n int) ([]Notice, error) {
	if before <= 0 {
		before = 1<<63 - 1
	}
	return collect(ctx, s.r, scanNotice, `SELECT `+noticeColumns+` FROM notice WHERE recipient = ? AND n < ? ORDER BY n DESC LIMIT ?`, recipient, before, n)
}

// Due returns the notices that may be tried at an instant, one for each
// recipient: of those tried least often, the oldest.
func (s *Store) Due(ctx context.Context, now time.Time) ([]Notice, error) {
	recipients, err := collect(ctx, s.r, func(r row, id *string) error { return r.Scan(id) },
		`SELECT DISTINCT recipient FROM notice WHERE state = 'pending' AND next <= ? ORDER BY recipient`, nanos(now))
	if err != nil {
		return nil, err
	}
	var all []Notice
	for _, id := range recipients {
		one, err := collect(ctx, s.r, scanNotice, `SELECT `+noticeColumns+` FROM notice
			WHERE state = 'pending' AND recipient = ? AND next <= ? ORDER BY attempts, n LIMIT 1`, id, nanos(now))
		if err != nil {
			return nil, err
		}
		all = append(all, one...)
	}
	return all, nil
}

// Untold is what waits for one recipient.
type Untold struct {
	Recipient string
	Notices   int
	Oldest    time.Time // when the oldest was written
}

// Untold returns who waits for notices.
func (s *Store) Untold(ctx context.Context) ([]Untold, error) {
	return collect(ctx, s.r, func(r row, u *Untold) error {
		var oldest int64
		err := r.Scan(&u.Recipient, &u.Notices, &oldest)
		u.Oldest = fromNanos(oldest)
		return err
	}, `SELECT recipient, count(*), min(created) FROM notice WHERE state = 'pending' GROUP BY recipient ORDER BY recipient`)
}

// PutRecipient stores a recipient's document.
func (t *Tx) PutRecipient(d Doc) error {
	return t.exec(`INSERT INTO recipient (id, doc) VALUES (?,?) ON CONFLICT (id) DO UPDATE SET doc = excluded.doc`, d.ID, string(d.JSON))
}

// Recipients returns all recipients by ID.
func (s *Store) Recipients(ctx context.Context) ([]Doc, error) {
	return collect(ctx, s.r, func(r row, d *Doc) error { return r.Scan(&d.ID, (*document)(&d.JSON)) }, `SELECT id, doc FROM recipient ORDER BY id`)
}
