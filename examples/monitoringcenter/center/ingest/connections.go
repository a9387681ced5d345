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
	live  map[uint64]*conversation
	owner map[em.DeviceID]heard // the conversation that reported last
	units map[em.DeviceID]heard // that come by requests; as many as their handlers take
}

type conversation struct {
	link    commander
	devices []em.DeviceID // for which it has reported
}

// heard is what a device was last heard by.
type heard struct {
	conv uint64 // 0 where it comes by requests
	to   commander
	at   time.Time
}

// open counts a conversation, and takes what commands to it go to.
func (c *connections) open(link commander) uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.live == nil {
		c.live, c.owner = map[uint64]*conversation{}, map[em.DeviceID]heard{}
	}
	c.next++
	c.live[c.next] = &conversation{link: link}
	return c.next
}

func (c *connections) close(conv uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, d := range c.live[conv].devices {
		if c.owner[d].conv == conv {
			delete(c.owner, d)
		}
	}
	delete(c.live, conv)
}

// note notes that a conversation has reported as a device.
func (c *connections) note(conv uint64, d em.DeviceID, at time.Time) {
	if d == "" {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	l := c.live[conv]
	if !slices.Contains(l.devices, d) {
		if len(l.devices) >= maxIdentities {
			return
		}
		l.devices = append(l.devices, d)
	}
	c.owner[d] = heard{conv, l.link, at}
}

// request notes a device that comes by requests.
func (c *connections) request(d em.DeviceID, to commander, at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.units == nil {
		c.units = map[em.DeviceID]heard{}
	}
	if d != "" {
		c.units[d] = heard{0, to, at}
	}
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
	return h.to, h.at, ok
}

func (c *connections) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.live)
}

// maxIdentities bounds what is remembered of one conversation: a gateway may
// speak for several devices, an attacker for any number.
const maxIdentities = 64
