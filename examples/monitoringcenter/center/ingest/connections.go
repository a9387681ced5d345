package ingest

import (
	"slices"
	"sync"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/protocol"
)

// commander takes commands for the device that it talks to: a protocol.Link.
type commander interface {
	Command(protocol.Command, func(protocol.Delivery)) error
}

// connections knows which conversation speaks for which device.
type connections struct {
	mu    sync.Mutex
	next  uint64
	open  int
	owner map[em.DeviceID]heard // the conversation that reported last
	units map[em.DeviceID]heard // that come by requests; as many as their handlers take
}

// conversation is an open connection.
type conversation struct {
	number  uint64 // from 1
	link    commander
	devices []em.DeviceID // for which it has reported
}

// heard is what a device was last heard by. There is one for each connection: it
// is kept small.
type heard struct {
	by *conversation
	at int64 // nanoseconds of Unix time
}

// begin counts a conversation, and takes what commands to it go to.
func (c *connections) begin(link commander) *conversation {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.next++
	c.open++
	return &conversation{number: c.next, link: link}
}

func (c *connections) end(conv *conversation) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, d := range conv.devices {
		if c.owner[d].by == conv {
			delete(c.owner, d)
		}
	}
	c.open--
}

// note notes that a conversation has reported as a device.
func (c *connections) note(conv *conversation, d em.DeviceID, at time.Time) {
	if d == "" {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !slices.Contains(conv.devices, d) {
		if len(conv.devices) >= maxIdentities {
			return
		}
		conv.devices = append(conv.devices, d)
	}
	if c.owner == nil {
		c.owner = map[em.DeviceID]heard{}
	}
	c.owner[d] = heard{conv, at.UnixNano()}
}

// request notes a device that comes by requests.
func (c *connections) request(d em.DeviceID, to commander, at time.Time) {
	if d == "" {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.units == nil {
		c.units = map[em.DeviceID]heard{}
	}
	c.units[d] = heard{&conversation{link: to}, at.UnixNano()}
}

// speaker returns what commands to a device go to, and when that was last heard;
// false where the device is not connected.
func (c *connections) speaker(d em.DeviceID) (commander, time.Time, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	h, ok := c.owner[d]
	if !ok {
		h, ok = c.units[d]
	}
	if !ok {
		return nil, time.Time{}, false
	}
	return h.by.link, time.Unix(0, h.at).UTC(), true
}

func (c *connections) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.open
}

// maxIdentities bounds what is remembered of one conversation: a gateway may
// speak for several devices, an attacker for any number.
const maxIdentities = 64
