package centertest

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"testing"
	"time"
)

// Receiver is where notices are posted to. It checks their signatures.
type Receiver struct {
	*httptest.Server
	t      *testing.T
	answer func(n int) int // status of the nth request, from 0; 200 if nil

	mu  sync.Mutex
	got []Posted
}

// Posted is one request of a webhook.
type Posted struct {
	ID     string
	Status int // that it was answered with
	Raw    string
	Header http.Header
	Body   map[string]any
}

const receiverKey = "an invented key of 32 bytes, yes"

// NewReceiver starts a receiver; answer tells the status of the nth request, from
// 0, and may block.
func NewReceiver(t *testing.T, answer func(n int) int) *Receiver {
	r := &Receiver{t: t, answer: answer}
	r.Server = httptest.NewServer(r)
	t.Cleanup(r.Close)
	return r
}

// Recipient is the document of a recipient who is told here.
func (r *Receiver) Recipient(id, who, fields string) string {
	return fmt.Sprintf(`{"id":%q,"who":%q,"webhook":{"url":"%s/hook","secret":"whsec_%s"}%s}`, id, who, r.URL,
		base64.StdEncoding.EncodeToString([]byte(receiverKey)), fields)
}

// ServeHTTP implements http.Handler.
func (r *Receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	raw, err := io.ReadAll(req.Body)
	p := Posted{ID: req.Header.Get("Webhook-Id"), Raw: string(raw), Header: req.Header, Status: http.StatusOK}
	if err == nil {
		err = json.Unmarshal(raw, &p.Body)
	}
	stamp := req.Header.Get("Webhook-Timestamp")
	m := hmac.New(sha256.New, []byte(receiverKey))
	fmt.Fprintf(m, "%s.%s.%s", p.ID, stamp, raw)
	want := "v1," + base64.StdEncoding.EncodeToString(m.Sum(nil))
	sent, serr := strconv.ParseInt(stamp, 10, 64)
	if off := time.Since(time.Unix(sent, 0)); err != nil || serr != nil || off.Abs() > time.Minute || req.Header.Get("Webhook-Signature") != want ||
		p.ID == "" || req.Header.Get("Idempotency-Key") != p.ID || p.Body["id"] != p.ID || req.Method != http.MethodPost {
		r.t.Errorf("a notice that does not hold: %v %v %v %s", err, serr, req.Header, raw)
	}
	r.mu.Lock()
	n := len(r.got)
	r.got = append(r.got, p)
	r.mu.Unlock()
	if r.answer != nil {
		p.Status = r.answer(n)
		r.mu.Lock()
		r.got[n].Status = p.Status
		r.mu.Unlock()
	}
	w.WriteHeader(p.Status)
}

// Posted returns all that came, in order.
func (r *Receiver) Posted() []Posted {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]Posted(nil), r.got...)
}

// Types are the types of what came and was taken, each notice once.
func (r *Receiver) Types() (all []string) {
	seen := map[string]bool{}
	for _, p := range r.Posted() {
		if p.Status == http.StatusOK && !seen[p.ID] {
			seen[p.ID] = true
			all = append(all, fmt.Sprint(p.Body["type"]))
		}
	}
	return all
}
