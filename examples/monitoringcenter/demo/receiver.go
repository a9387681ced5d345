package demo

import (
	"context"
	"crypto/hmac"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/examples/monitoringcenter/center/delivery"
	"github.com/sargas-em/em/examples/monitoringcenter/center/roster"
	"github.com/sargas-em/em/examples/monitoringcenter/center/web"
)

// desk is a duty desk's program on this machine: it prints what the center tells
// it, each notice once.
type desk struct {
	ln  net.Listener
	srv *http.Server
	key []byte
	out io.Writer

	mu   sync.Mutex
	seen map[string]bool
}

// mostBody bounds a notice.
const mostBody = 64 << 10

// openDesk listens. The recipient is what the center is to be told of it.
func openDesk(out io.Writer) (*desk, roster.Recipient, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, roster.Recipient{}, err
	}
	d := &desk{ln: ln, key: []byte("a secret for the demo alone, 32 B"), out: out, seen: map[string]bool{}}
	d.srv = &http.Server{Handler: d, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 10 * time.Second, ErrorLog: log.New(io.Discard, "", 0)}
	return d, roster.Recipient{ID: "demo-desk", Who: roster.Desk, Severity: em.Technical, Webhook: &roster.Webhook{
		URL: "http://" + ln.Addr().String() + "/notices", Secret: "whsec_" + base64.StdEncoding.EncodeToString(d.key),
	}}, nil
}

// run serves until ctx ends.
func (d *desk) run(ctx context.Context) error {
	defer context.AfterFunc(ctx, func() { d.srv.Close() })()
	if err := d.srv.Serve(d.ln); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// ServeHTTP takes one notice: as any receiver should, it checks the signature and
// discards doubles.
func (d *desk) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, mostBody))
	id := r.Header.Get("Webhook-Id")
	want := delivery.Sign(d.key, id, r.Header.Get("Webhook-Timestamp"), body)
	var n web.IncidentNotice
	if err == nil {
		err = json.Unmarshal(body, &n)
	}
	if err != nil || !hmac.Equal([]byte(want), []byte(r.Header.Get("Webhook-Signature"))) {
		http.Error(w, "this is no notice of the center's", http.StatusBadRequest)
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.seen[id] {
		return
	}
	d.seen[id] = true
	late := ""
	if n.Late != "" {
		late = ", late: " + n.Late
	}
	fmt.Fprintf(d.out, "told      demo-desk: %s %d, %s %s, %s%s\n", n.Type, n.Incident, n.Severity, n.Kind, n.Name, late)
}
