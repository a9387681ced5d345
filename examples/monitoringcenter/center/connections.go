package center

import (
	"slices"
	"sync"

	"github.com/sargas-em/em"
)

// connections knows which conversation speaks for which device.
type connections struct {
	mu    sync.Mutex
	next  uint64
	live  map[uint64][]em.DeviceID // for which devices each has reported
	links map[uint64]commander
	units map[em.DeviceID]commander // that come by requests; as many as their handlers take
	owner map[em.DeviceID]uint64    // the conversation that reported last
	lost  map[em.DeviceID]uint64    // the one that it took over from
}

// open counts a conversation, and takes what commands to it go to.
func (c *connections) open(link commander) uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.live == nil {
		c.live, c.owner, c.lost, c.links = map[uint64][]em.DeviceID{}, map[em.DeviceID]uint64{}, map[em.DeviceID]uint64{}, map[uint64]commander{}
	}
	c.next++
	c.live[c.next] = nil
	c.links[c.next] = link
	return c.next
}

func (c *connections) close(conv uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, d := range c.live[conv] {
		if c.owner[d] == conv {
			delete(c.owner, d)
		}
		if c.lost[d] == conv {
			delete(c.lost, d)
		}
	}
	delete(c.live, conv)
	delete(c.links, conv)
}

// request notes a device that comes by requests.
func (c *connections) request(d em.DeviceID, to commander) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.units == nil {
		c.units = map[em.DeviceID]commander{}
	}
	if d != "" {
		c.units[d] = to
	}
}

// speaker returns what commands to a device go to; nil where it is not connected.
func (c *connections) speaker(d em.DeviceID) commander {
	c.mu.Lock()
	defer c.mu.Unlock()
	if conv, ok := c.owner[d]; ok {
		return c.links[conv]
	}
	return c.units[d]
}

func (c *connections) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.live)
}

// conflict notes that conv has reported as device. A device that reconnects
// leaves its old connection silent; it is a conflict only when a conversation
// reports again after another has taken over.
func (c *connections) conflict(conv uint64, d em.DeviceID) bool {
	if d == "" {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if devices := c.live[conv]; !slices.Contains(devices, d) {
		if len(devices) >= maxIdentities {
			return false
		}
		c.live[conv] = append(devices, d)
	}
	owner, owned := c.owner[d]
	if !owned || owner == conv {
		c.owner[d] = conv
		return false
	}
	back := c.lost[d] == conv
	c.owner[d], c.lost[d] = conv, owner
	return back
}

// maxIdentities bounds what is remembered of one conversation: a gateway may
// speak for several devices, an attacker for any number.
const maxIdentities = 64
