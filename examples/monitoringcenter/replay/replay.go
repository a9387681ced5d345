// Package replay sends a file of captured frames to a running center, over TCP
// as the devices would.
package replay

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/examples/internal/frames"
	"github.com/sargas-em/em/examples/monitoringcenter/client"
	"github.com/sargas-em/em/protocol"
)

// Options say what to send where.
type Options struct {
	File   string
	Device protocol.Device
	To     string // address of the center's listener for this dialect; asked of the API if empty
	API    string // base URL of the page and API
	Token  string
	Enrol  bool // create a person for each identity met
	Repeat int  // how often the file is sent; once if 0
	Out    io.Writer
}

// invented is the identity under which frames go that carry none, where the
// dialect asks for a login. It belongs to no device.
const invented = "990000000000017"

// Run sends each frame over a connection of its own, since a capture mixes
// devices, and waits until the center has made it durable: a center answers and
// closes only then. It prints what was sent and what came back.
func Run(ctx context.Context, o Options) error {
	lines, err := read(o.File)
	if err != nil {
		return err
	}
	if o.To == "" {
		if o.To, err = listener(ctx, o); err != nil {
			return err
		}
	}
	login, err := loginBytes(o.Device)
	if err != nil {
		return err
	}
	identities := map[em.DeviceID]bool{}
	needsLogin := make([]bool, len(lines))
	for i, f := range lines {
		id, needs := meet(o.Device, f.Data)
		if needsLogin[i] = needs; needs {
			id, _ = meet(o.Device, login)
		}
		if id != "" {
			identities[id] = true
		}
	}
	if o.Enrol {
		for id := range identities {
			if err := enrol(ctx, o, id); err != nil {
				return err
			}
		}
	}
	var sent, withLogin, answered int
	for range max(1, o.Repeat) {
		for i, f := range lines {
			data := f.Data
			if needsLogin[i] {
				data = append(bytes.Clone(login), data...)
				withLogin++
			}
			reply, err := send(ctx, o.To, data)
			if err != nil {
				return fmt.Errorf("replay: line %d: %w", f.N, err)
			}
			sent++
			if len(reply) > 0 {
				answered++
			}
		}
	}
	fmt.Fprintf(o.Out, "sent %d frames of %s (%d behind an invented login), %d answered; identities met: %d\n", sent, o.File, withLogin, answered, len(identities))
	if o.Token == "" {
		return nil
	}
	if err := caughtUp(ctx, o); err != nil {
		return err
	}
	doc, err := call(ctx, o, http.MethodGet, "/api/v1/counts", nil)
	if err != nil {
		return err
	}
	fmt.Fprintf(o.Out, "record %s\n", bytes.TrimSpace(doc))
	return nil
}

// read takes a file only where all of it can be understood.
func read(name string) ([]frames.Line, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var all []frames.Line
	for l, err := range frames.Lines(f) {
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if l.Err != nil {
			return nil, fmt.Errorf("%s:%d: %w", name, l.N, l.Err)
		}
		all = append(all, l)
	}
	return all, nil
}

// meet runs a frame through a session of our own: whose is it, and does the
// dialect ask for a login before it?
func meet(d protocol.Device, data []byte) (id em.DeviceID, needsLogin bool) {
	relaxed := d.Relax()
	s := relaxed.NewSession()
	dec := protocol.NewDecoder(bytes.NewReader(data), relaxed)
	for {
		f, err := dec.Next()
		var ferr *protocol.FrameError
		switch {
		case errors.As(err, &ferr):
			continue
		case err != nil:
			return s.Device(), needsLogin
		}
		var out protocol.Output
		if err := s.Handle(time.Now(), f.Message, &out); errors.Is(err, protocol.ErrNoIdentity) {
			needsLogin = true
		}
	}
}

// loginBytes is what the dialect's simulator says first.
func loginBytes(d protocol.Device) ([]byte, error) {
	sim, err := d.Simulator(invented, 1)
	if err != nil {
		return nil, fmt.Errorf("replay: %w", err)
	}
	var out protocol.Output
	if err := sim.Wake(time.Now(), &out); err != nil {
		return nil, fmt.Errorf("replay: %w", err)
	}
	if len(out.Send) == 0 {
		return nil, nil
	}
	return d.Codec.Append(nil, out.Send[0])
}

// patience bounds one exchange with the center.
const patience = 30 * time.Second

func send(ctx context.Context, addr string, data []byte) (reply []byte, err error) {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return nil, err
	}
	if _, err := conn.Write(data); err != nil {
		return nil, err
	}
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		return nil, err
	}
	// The center closes once all is durable and answered.
	return io.ReadAll(io.LimitReader(conn, 1<<20))
}

// listener asks the center where it listens for the dialect.
func listener(ctx context.Context, o Options) (string, error) {
	doc, err := call(ctx, o, http.MethodGet, "/api/v1/health", nil)
	if err != nil {
		return "", err
	}
	var h struct {
		Listeners []struct {
			Codec     string `json:"codec"`
			Transport string `json:"transport"`
			Addr      string `json:"addr"`
		} `json:"listeners"`
	}
	if err := json.Unmarshal(doc, &h); err != nil {
		return "", fmt.Errorf("replay: %w", err)
	}
	for _, l := range h.Listeners {
		if l.Codec == o.Device.Name && l.Transport == "tcp" {
			return l.Addr, nil
		}
	}
	return "", fmt.Errorf("replay: the center does not listen for %s over plain TCP", o.Device.Name)
}

// caughtUp waits until all that is in the center's log is in its record.
func caughtUp(ctx context.Context, o Options) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := o.center().CaughtUp(ctx); err != nil {
		return fmt.Errorf("replay: %w", err)
	}
	return nil
}

func enrol(ctx context.Context, o Options, id em.DeviceID) error {
	name := "Replayed " + string(id)
	doc, err := json.Marshal(map[string]any{
		"id": "replay-" + string(id), "name": name,
		// Captures are old: the device is this person's for all their time.
		"devices": []map[string]any{{"id": id, "from": time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)}},
	})
	if err != nil {
		return err
	}
	_, err = call(ctx, o, http.MethodPut, "/api/v1/people", doc)
	return err
}

func (o *Options) center() client.Client { return client.Client{URL: o.API, Token: o.Token} }

func call(ctx context.Context, o Options, method, path string, body []byte) ([]byte, error) {
	doc, err := o.center().Call(ctx, method, path, body)
	if err != nil {
		err = fmt.Errorf("replay: %w", err)
	}
	return doc, err
}
