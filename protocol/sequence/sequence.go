// Package sequence unwraps the 16-bit serial numbers that devices give their
// frames.
package sequence

// Sequence unwraps the serial numbers of one conversation. The zero value is
// ready; it is not safe for concurrent use.
//
// The first number stands for itself. A number ahead of the newest moves it on,
// over the wrap too. One that is at most Repeats behind is a frame sent again and
// gets the value that it had. One further behind is a device that started
// counting anew: it gets the next multiple of 65,536 above, so that values never
// go back but for repeats.
type Sequence struct {
	newest uint64
	any    bool
}

// Repeats is how far behind the newest a number still is a repeated frame. A
// device keeps some dozens of frames unacknowledged at most.
const Repeats = 256

// Next returns the value of a serial number.
func (q *Sequence) Next(serial uint16) uint64 {
	if !q.any {
		q.any, q.newest = true, uint64(serial)
		return q.newest
	}
	ahead := int64(int16(serial - uint16(q.newest)))
	switch {
	case ahead >= 0:
		q.newest += uint64(ahead)
	case ahead >= -Repeats && uint64(-ahead) <= q.newest:
		return q.newest - uint64(-ahead)
	default:
		q.anew(serial)
	}
	return q.newest
}

// Login returns the value of a login's serial number. A device that logs in
// again with a number behind the newest has started anew, however little behind.
func (q *Sequence) Login(serial uint16) uint64 {
	if q.any && int16(serial-uint16(q.newest)) < 0 {
		q.anew(serial)
		return q.newest
	}
	return q.Next(serial)
}

func (q *Sequence) anew(serial uint16) {
	q.newest = (q.newest>>16+1)<<16 | uint64(serial)
}
