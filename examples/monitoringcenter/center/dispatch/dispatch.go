// Package dispatch carries commands from the process that evaluates to the
// gateway that holds the device's connection, and tells back how far they have
// come. It speaks over NATS core, on the connection of the log: in process where
// the log is embedded, between processes where it is a cluster.
//
// NATS core may lose a message. So a command is given once, to one gateway; a
// gateway knows each that it was given again; and whoever gave it asks, now and
// then, how far it has come. Whoever may publish to em.command.* commands devices:
// give that right to the center's own processes alone.
package dispatch

import (
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/protocol"
)

// Order is a command on its way to a device.
type Order struct {
	Key     string // names it for ever
	Attempt int64  // rises each time that it is given
	Device  em.DeviceID
	Command protocol.Command
}

// Step is how far an order has come at a gateway.
type Step struct {
	Key     string
	Attempt int64
	State   protocol.DeliveryState
	Reason  string `json:",omitempty"` // in words
	At      time.Time
	Final   bool `json:",omitempty"` // nothing more will be told
	Unsent  bool `json:",omitempty"` // the device has not heard of it: it may be given again
}

const (
	findSubject = "em.command.find"  // asked of all gateways
	giveSubject = "em.command.give." // and the gateway's name
	stepSubject = "em.command.step"  // told to whoever evaluates
)

// find asks which devices a gateway speaks with, and what it knows of orders.
type find struct {
	Devices []em.DeviceID `json:",omitempty"`
	Keys    []string      `json:",omitempty"`
}

// found is a gateway's answer.
type found struct {
	Gateway string
	Heard   map[em.DeviceID]time.Time `json:",omitempty"` // last, by this gateway
	Orders  map[string]given          `json:",omitempty"` // what it was given of those asked for
}

// given is an order that a gateway was given, at its last attempt.
type given struct {
	Attempt int64
	Steps   []Step `json:",omitempty"` // in order
}

// taken is the answer to an order.
type taken struct {
	Error string `json:",omitempty"` // why it was not taken
	Never bool   `json:",omitempty"` // the dialect has no such command
}

// mostAsked bounds what one question asks for, so that it and its answers fit a
// message of any server.
const mostAsked = 1000
