package dispatch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/sargas-em/em"
)

// Center gives orders. Find and Give are for one goroutine.
type Center struct {
	conn *nats.Conn
	here map[string]bool // gateways that answered the last question
}

// Open takes the steps of orders until conn is closed; told is called with each,
// one at a time, and must not call the Center.
func Open(conn *nats.Conn, told func(Step)) (*Center, error) {
	_, err := conn.Subscribe(stepSubject, func(m *nats.Msg) {
		var s Step
		if json.Unmarshal(m.Data, &s) == nil {
			told(s)
		}
	})
	if err == nil {
		err = conn.Flush()
	}
	if err != nil {
		return nil, fmt.Errorf("dispatch: %w", err)
	}
	return &Center{conn: conn}, nil
}

// answerWithin is how long gateways have to answer. It is not used up where all
// that answered the last question have, and every device is found.
const answerWithin = 300 * time.Millisecond

// ErrBus: the messages' server cannot be reached, or does not take a question.
var ErrBus = errors.New("dispatch: nobody can be asked")

// Find asks all gateways which of the devices they speak with, and what they know
// of orders at their last attempt. A device that several have heard is with the
// one that heard it last. An order without an entry is known to nobody who answered.
func (c *Center) Find(ctx context.Context, devices []em.DeviceID, keys []string) (with map[em.DeviceID]string, steps map[string][]Step, err error) {
	with, steps = map[em.DeviceID]string{}, map[string][]Step{}
	heard, attempt := map[em.DeviceID]time.Time{}, map[string]int64{}
	for len(devices) > 0 || len(keys) > 0 {
		var f find
		n, k := min(len(devices), mostAsked), min(len(keys), mostAsked)
		f.Devices, devices = devices[:n], devices[n:]
		f.Keys, keys = keys[:k], keys[k:]
		answers, err := c.ask(ctx, f)
		if err != nil {
			return nil, nil, err
		}
		for _, a := range answers {
			for d, at := range a.Heard {
				if _, ok := with[d]; !ok || at.After(heard[d]) {
					with[d], heard[d] = a.Gateway, at
				}
			}
			for k, o := range a.Orders {
				if o.Attempt >= attempt[k] {
					steps[k], attempt[k] = o.Steps, o.Attempt
				}
			}
		}
	}
	return with, steps, nil
}

func (c *Center) ask(ctx context.Context, f find) ([]found, error) {
	doc, err := json.Marshal(f)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBus, err)
	}
	inbox := c.conn.NewInbox()
	sub, err := c.conn.SubscribeSync(inbox)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBus, err)
	}
	defer sub.Unsubscribe()
	if err := c.conn.PublishRequest(findSubject, inbox, doc); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBus, err)
	}
	within, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	here, missing := map[string]bool{}, maps.Clone(c.here)
	defer func() { c.here = here }()
	absent := map[em.DeviceID]bool{} // whom nobody has yet
	for _, d := range f.Devices {
		absent[d] = true
	}
	var all []found
	for len(all) == 0 || len(missing) > 0 || len(absent) > 0 {
		m, err := sub.NextMsgWithContext(within)
		var a found
		switch {
		case errors.Is(err, nats.ErrNoResponders) || errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil:
			return all, nil
		case err != nil:
			return nil, fmt.Errorf("%w: %w", ErrBus, err)
		case json.Unmarshal(m.Data, &a) != nil || here[a.Gateway]:
			continue
		}
		all = append(all, a)
		here[a.Gateway] = true
		delete(missing, a.Gateway)
		for d := range a.Heard {
			delete(absent, d)
		}
	}
	return all, nil
}

// Errors of Give. Any other leaves open whether the gateway has the order.
var (
	// ErrNever: the device's dialect has no such command.
	ErrNever = errors.New("dispatch: the dialect has no such command")
	// ErrNotTaken: the gateway did not take it; the device is gone, or busy.
	ErrNotTaken = errors.New("dispatch: the gateway did not take it")
)

// giveWithin is how long a gateway has to take an order.
const giveWithin = 2 * time.Second

// Give gives an order to a gateway. Once it has returned nil the order's steps
// follow.
func (c *Center) Give(ctx context.Context, gateway string, o Order) error {
	doc, err := json.Marshal(o)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrNotTaken, err)
	}
	ctx, cancel := context.WithTimeout(ctx, giveWithin)
	defer cancel()
	m, err := c.conn.RequestWithContext(ctx, giveSubject+gateway, doc)
	if errors.Is(err, nats.ErrNoResponders) {
		return fmt.Errorf("%w: %w", ErrNotTaken, err)
	}
	var a taken
	if err == nil {
		err = json.Unmarshal(m.Data, &a)
	}
	switch {
	case err != nil:
		return fmt.Errorf("dispatch: %w", err)
	case a.Never:
		return fmt.Errorf("%w: %s", ErrNever, a.Error)
	case a.Error != "":
		return fmt.Errorf("%w: %s", ErrNotTaken, a.Error)
	}
	return nil
}
