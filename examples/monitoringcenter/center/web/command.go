package web

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/examples/monitoringcenter/center/record"
	"github.com/sargas-em/em/protocol"
)

// NewCommand is what a device is told to do. Which kinds there are, and which
// fields they take, is the dialect's; see protocol.Command.
type NewCommand struct {
	Kind    string  `json:"kind" doc:"locate, interval, restart, poweroff, show, strap, release, read, test, cancel or vendor"`
	Every   float64 `json:"every_s,omitempty" minimum:"0" maximum:"86400" doc:"of interval and strap, in seconds"`
	On      bool    `json:"on,omitempty" doc:"of strap"`
	Text    string  `json:"text,omitempty" maxLength:"1000" doc:"of show, release and vendor"`
	Timeout float64 `json:"timeout_s,omitempty" minimum:"0" maximum:"86400" doc:"from sending to the device's answer; five minutes, if absent"`
	Expires float64 `json:"expires_s,omitempty" minimum:"0" maximum:"604800" doc:"how long it may wait for the device's next connection; 24 hours, if absent"`
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// Command is the SDK's form of it.
func (n NewCommand) Command() protocol.Command {
	return protocol.Command{Kind: protocol.CommandKind(n.Kind), Every: seconds(n.Every), On: n.On, Text: n.Text, Timeout: seconds(n.Timeout)}
}

// Life is how long it may wait; otherwise where it does not say.
func (n NewCommand) Life(otherwise time.Duration) time.Duration {
	if n.Expires == 0 {
		return otherwise
	}
	return seconds(n.Expires)
}

// Command is a command and how far it has come.
type Command struct {
	NewCommand
	ID      int64     `json:"id"`
	Device  string    `json:"device"`
	By      string    `json:"by"`
	Created time.Time `json:"created"`
	Until   time.Time `json:"until" doc:"it is not sent any more from then on"`
	State   string    `json:"state" enum:"queued,handed,sent,acknowledged,refused,timed out,failed,expired" doc:"queued: it waits for the device; handed: the process that has the device's connection has it; sent: that has written it"`
	Changed time.Time `json:"changed"`
	Reason  string    `json:"reason,omitempty"`
	Final   bool      `json:"final" doc:"nothing more will happen to it"`
}

// CommandView builds the view of a command.
func CommandView(c record.Command) (Command, error) {
	v := Command{ID: c.ID, Device: string(c.Device), By: c.By, Created: c.Created, Until: c.Expires, State: c.State, Changed: c.Changed, Reason: c.Reason, Final: c.Final}
	if err := json.Unmarshal(c.Doc, &v.NewCommand); err != nil {
		return v, fmt.Errorf("web: stored command: %w", err)
	}
	return v, nil
}

func registerCommands(api huma.API, b Backend, problem problems) {
	huma.Post(api, "/api/v1/devices/{device}/commands", func(ctx context.Context, in *struct {
		Device string `path:"device" doc:"as in the people file: gt06:990000000000017"`
		Body   NewCommand
	}) (*body[Command], error) {
		c, err := b.Order(ctx, actorOf(ctx), em.DeviceID(in.Device), in.Body)
		return &body[Command]{c}, problem.of(err)
	}, summary("order-command", "Tell a device to do something, now or at its next connection"))

	huma.Get(api, "/api/v1/commands", func(ctx context.Context, in *struct {
		Device string `query:"device"`
		Before int64  `query:"before" doc:"only numbers below, to page backwards"`
		Limit  int    `query:"limit" minimum:"1" maximum:"1000" default:"200"`
	}) (*body[[]Command], error) {
		all, err := b.Store().Commands(ctx, em.DeviceID(in.Device), in.Before, in.Limit)
		views := []Command{}
		for _, c := range all {
			v, err := CommandView(c)
			if err != nil {
				return nil, problem.of(err)
			}
			views = append(views, v)
		}
		return &body[[]Command]{views}, problem.of(err)
	}, summary("list-commands", "Commands to devices and how far they have come, newest first"))
}
