package dispatch

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/protocol"
)

// Holder holds connections with devices.
type Holder interface {
	// Heard returns when a device that commands can be given to was last heard;
	// false where it is not connected.
	Heard(em.DeviceID) (time.Time, bool)
	// Command gives a device a command; see protocol.Link.Command.
	Command(d em.DeviceID, c protocol.Command, tell func(protocol.Delivery)) error
}

// Gateway takes orders for a Holder.
type Gateway struct {
	conn   *nats.Conn
	name   string
	holder Holder

	mu   sync.Mutex
	all  map[string]*given // by key
	over []string          // those of them that are final, oldest first
	subs []*nats.Subscription
}

// final reports whether nothing more will happen to an attempt.
func (o *given) final() bool { return o != nil && len(o.Steps) > 0 && o.Steps[len(o.Steps)-1].Final }

// unsent reports whether the device has not heard of it, and will not.
func (o *given) unsent() bool { return o.final() && o.Steps[len(o.Steps)-1].Unsent }

// mostOver bounds the final orders that a gateway remembers: as many as may be on
// their way in a center.
const mostOver = 10_000

// Serve takes orders under a name of the gateway's own until Close.
func Serve(conn *nats.Conn, name string, h Holder) (*Gateway, error) {
	g := &Gateway{conn: conn, name: name, holder: h, all: map[string]*given{}}
	for subject, handle := range map[string]func([]byte) any{findSubject: g.find, giveSubject + name: g.give} {
		sub, err := conn.Subscribe(subject, func(m *nats.Msg) {
			if answer, err := json.Marshal(handle(m.Data)); err == nil {
				m.Respond(answer) // who asked asks again where it does not arrive
			}
		})
		if err != nil {
			g.Close()
			return nil, fmt.Errorf("dispatch: %w", err)
		}
		g.subs = append(g.subs, sub)
	}
	if err := conn.Flush(); err != nil {
		g.Close()
		return nil, fmt.Errorf("dispatch: %w", err)
	}
	return g, nil
}

// Close takes no more orders.
func (g *Gateway) Close() {
	for _, sub := range g.subs {
		sub.Unsubscribe() // it fails only where the connection is closed
	}
	g.conn.FlushTimeout(time.Second) // the last steps
}

func (g *Gateway) find(data []byte) any {
	var f find
	if err := json.Unmarshal(data, &f); err != nil {
		return found{Gateway: g.name}
	}
	a := found{Gateway: g.name, Heard: map[em.DeviceID]time.Time{}, Orders: map[string]given{}}
	for _, d := range f.Devices {
		if at, ok := g.holder.Heard(d); ok {
			a.Heard[d] = at
		}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, k := range f.Keys {
		if o, ok := g.all[k]; ok {
			a.Orders[k] = given{o.Attempt, slices.Clone(o.Steps)}
		}
	}
	return a
}

func (g *Gateway) give(data []byte) any {
	var o Order
	if err := json.Unmarshal(data, &o); err != nil {
		return taken{Error: err.Error()}
	}
	g.mu.Lock()
	was := g.all[o.Key]
	if was != nil && !was.unsent() {
		g.mu.Unlock()
		return taken{} // it has this one, or a device may have heard of it
	}
	g.all[o.Key] = &given{Attempt: o.Attempt}
	g.mu.Unlock()
	err := g.holder.Command(o.Device, o.Command, func(d protocol.Delivery) { g.told(o, d) })
	if err != nil {
		g.mu.Lock()
		delete(g.all, o.Key)
		g.mu.Unlock()
		return taken{Error: err.Error(), Never: errors.Is(err, protocol.ErrUnsupported)}
	}
	return taken{}
}

// told takes a step of a delivery, on the link's goroutine.
func (g *Gateway) told(o Order, d protocol.Delivery) {
	if d.State == protocol.DeliveryQueued {
		return
	}
	s := Step{Key: o.Key, Attempt: o.Attempt, State: d.State, At: d.At, Final: d.Final}
	if d.Err != nil {
		s.Reason = d.Err.Error()
	}
	g.mu.Lock()
	have := g.all[o.Key]
	s.Unsent = len(have.Steps) == 0 && d.Final && (d.State == protocol.DeliveryTimedOut || errors.Is(d.Err, protocol.ErrLinkClosed))
	have.Steps = append(have.Steps, s)
	if d.Final {
		g.over = append(g.over, o.Key)
		if len(g.over) > mostOver {
			if g.all[g.over[0]].final() { // it was not given again
				delete(g.all, g.over[0])
			}
			g.over = g.over[1:]
		}
	}
	g.mu.Unlock()
	if doc, err := json.Marshal(s); err == nil {
		g.conn.Publish(stepSubject, doc) // it is asked for where it is lost
	}
}
