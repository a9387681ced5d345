package center

import (
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/examples/monitoringcenter/center/journal"
	"github.com/sargas-em/em/examples/monitoringcenter/center/roster"
)

// speakers know which conversation reports as which device, as the log tells:
// those of all gateways, whichever of them a device comes to. A new start knows
// none yet; who goes on on two connections is found again.
type speakers map[em.DeviceID]speaker

type speaker struct {
	now, before conversation
	since       time.Time // when now's first report was received
}

// conversation is one connection, at whichever gateway.
type conversation struct {
	gateway string
	number  uint64
}

// returns notes that a conversation has reported as a device. A device that
// reconnects leaves its old connection silent; it is a conflict, and the answer
// true, only when a conversation reports again after another has taken over. What
// was received before that is no sign of it: one gateway may be slower than
// another to bring it into the log.
func (all speakers) returns(d em.DeviceID, c conversation, received time.Time) bool {
	was, known := all[d]
	switch {
	case !known:
		all[d] = speaker{now: c, since: received}
		return false
	case c == was.now || received.Before(was.since):
		return false
	}
	all[d] = speaker{now: c, before: was.now, since: received}
	return was.before == c
}

// identity looks at who sent an entry of the log, whose device is carried so, and
// makes an incident of an identity that more than one claims. Devices that nobody carries are not looked
// at: anybody may invent any number of them.
func (s *step) identity(gateway string, e *journal.Entry, carried roster.Carried) error {
	device, reason := e.Foreign, "A connection with another device's certificate sent under this device's identity. Nothing of it was judged."
	if device == "" {
		device, reason = e.Device, "The same device identity sends over two connections at once: one of them may not be the device."
	} else {
		carried = s.roster.Carried(device)
	}
	id := carried.By(e.Received)
	if id == "" || e.Foreign == "" && (e.Conversation == 0 || !s.speakers.returns(device, conversation{gateway, e.Conversation}, e.Received)) {
		return nil
	}
	return s.raise(id, "device.identity", string(device), e.Received, em.Technical, reason, em.Fact{Name: "codec", Text: e.Codec})
}
