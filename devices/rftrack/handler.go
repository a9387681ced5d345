package rftrack

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/protocol"
)

// HandlerConfig is what a Handler needs.
type HandlerConfig struct {
	// Commit makes a report durable; the unit is answered after it returned nil, and
	// with 503 otherwise, so that it sends again. It may be called for several units
	// at once. Its context ends with the request, or after Timeout.
	Commit func(context.Context, *protocol.Report) error

	// Now is the clock: time.Now in programs.
	Now func() time.Time

	// Known, where set, says which units are served; others get 400, and nothing of
	// them is kept.
	Known func(em.DeviceID) bool

	// Timeout bounds reading a body and Commit; 30 seconds where zero.
	Timeout time.Duration

	// MaxUnits bounds the units of which a session is kept, some 200 bytes each;
	// 10,000 where zero. One more gets 503.
	MaxUnits int
}

// Handler serves units over HTTP: a session a unit, whichever connection a
// request comes by. It is safe for concurrent use. The server around it bounds
// heads and connections: set http.Server.ReadHeaderTimeout and MaxHeaderBytes.
type Handler struct {
	c     HandlerConfig
	mu    sync.Mutex
	units map[em.DeviceID]*unit
}

var _ http.Handler = (*Handler)(nil)

// unit is a session, and who is at it.
type unit struct {
	mu      sync.Mutex
	session session
}

// NewHandler returns a Handler; Commit and Now are required.
func NewHandler(c HandlerConfig) (*Handler, error) {
	if c.Timeout == 0 {
		c.Timeout = 30 * time.Second
	}
	if c.MaxUnits == 0 {
		c.MaxUnits = 10_000
	}
	if c.Commit == nil || c.Now == nil || c.Timeout < 0 || c.MaxUnits < 0 {
		return nil, errors.New("rftrack: handler: Commit and Now are required, limits are not negative")
	}
	return &Handler{c: c, units: map[em.DeviceID]*unit{}}, nil
}

// errFull: no more units fit.
var errFull = errors.New("rftrack: too many units")

func (h *Handler) unit(id em.DeviceID) (*unit, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	u := h.units[id]
	if u == nil {
		if len(h.units) >= h.c.MaxUnits {
			return nil, errFull
		}
		u = &unit{}
		h.units[id] = u
	}
	return u, nil
}

// Command queues a command, which goes with the reply to the unit's next report,
// once, when that report is durable. Whether the unit heard it nobody knows.
// Errors wrap protocol.ErrUnsupported, or ErrNoIdentity where the unit has not
// reported since the start.
func (h *Handler) Command(id em.DeviceID, text string) error {
	h.mu.Lock()
	u := h.units[id]
	h.mu.Unlock()
	if u == nil {
		return fmt.Errorf("rftrack: command: %w", protocol.ErrNoIdentity)
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	_, err := u.session.Command(h.c.Now(), protocol.Command{Kind: protocol.CommandVendor, Text: text})
	return err
}

// ServeHTTP takes one report. It answers 200 with "{}" or a command; 400 where the
// form is malformed or the unit not known; 404, 405 and 413 for other requests;
// 503 where nothing was kept.
func (h *Handler) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	switch {
	case req.URL.Path != path:
		http.NotFound(w, req)
		return
	case req.Method != http.MethodPost:
		w.Header().Set("Allow", http.MethodPost)
		http.Error(w, "{}", http.StatusMethodNotAllowed)
		return
	}
	// Not every ResponseWriter has deadlines; the server's own bound it then.
	_ = http.NewResponseController(w).SetReadDeadline(h.c.Now().Add(h.c.Timeout))
	body, err := io.ReadAll(http.MaxBytesReader(w, req.Body, maxBody))
	if err != nil {
		status := http.StatusBadRequest
		var long *http.MaxBytesError
		if errors.As(err, &long) {
			status = http.StatusRequestEntityTooLarge
		}
		http.Error(w, "{}", status)
		return
	}
	ctx, cancel := context.WithTimeout(req.Context(), h.c.Timeout)
	defer cancel()
	reply := h.report(ctx, req.RemoteAddr, Frame(body))
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(reply.Body)))
	w.WriteHeader(reply.Status)
	io.WriteString(w, reply.Body) // an error is the unit's: it reports again
}

// Frame returns a request of Codec's with a body, as a Handler records it: the
// head is the shortest, since the proxies on the way have made the unit's another.
func Frame(body []byte) []byte {
	return fmt.Appendf(nil, "%s%s HTTP/1.1\r\nContent-Length: %d\r\n\r\n%s", postStart, path, len(body), body)
}

// report hands one frame to its unit's session, commits, and returns the reply.
func (h *Handler) report(ctx context.Context, conn string, frame []byte) *Reply {
	now := h.c.Now().Round(0).UTC()
	rep := &protocol.Report{Conn: conn, Codec: Name, Received: now, Frames: []protocol.ReportFrame{{Raw: frame}}}
	f := &rep.Frames[0]
	m, err := Codec{}.Decode(frame)
	r, ok := m.(*Report)
	if err != nil || !ok { // evidence too, of nobody's
		f.Err = err
		if h.c.Commit(ctx, rep) != nil {
			return &Reply{Status: http.StatusServiceUnavailable, Body: "{}"}
		}
		return &Reply{Status: http.StatusBadRequest, Body: "{}"}
	}
	id := deviceID(r.Unit())
	if h.c.Known != nil && !h.c.Known(id) {
		return &Reply{Status: http.StatusBadRequest, Body: "{}"}
	}
	u, err := h.unit(id)
	if err != nil {
		return &Reply{Status: http.StatusServiceUnavailable, Body: "{}"}
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	before := u.session
	var out protocol.Output
	f.Type, f.Err = m.Type(), u.session.Handle(now, m, &out)
	for _, o := range out.Observations {
		f.Observations = append(f.Observations, o.Stamp(now))
	}
	rep.Device = u.session.Device()
	if err := h.c.Commit(ctx, rep); err != nil {
		u.session = before // as if it had not come
		return &Reply{Status: http.StatusServiceUnavailable, Body: "{}"}
	}
	return out.Send[0].(*Reply)
}
