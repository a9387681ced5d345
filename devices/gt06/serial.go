package gt06

// sequence unwraps the 16-bit serial numbers of one conversation.
//
// The first number stands for itself. A number ahead of the newest moves it on,
// over the wrap too. One that is at most repeats behind is a frame sent again and
// gets the value that it had. One further behind is a device that started
// counting anew: it gets the next multiple of 65,536 above, so that values never
// go back but for repeats.
type sequence struct {
	newest uint64
	any    bool
}

// repeats is how far behind the newest a number still is a repeated frame. A
// device keeps some dozens of frames unacknowledged at most.
const repeats = 256

// next returns the value of a serial number.
func (q *sequence) next(serial uint16) uint64 {
	if !q.any {
		q.any, q.newest = true, uint64(serial)
		return q.newest
	}
	ahead := int64(int16(serial - uint16(q.newest)))
	switch {
	case ahead >= 0:
		q.newest += uint64(ahead)
	case ahead >= -repeats && uint64(-ahead) <= q.newest:
		return q.newest - uint64(-ahead)
	default:
		q.anew(serial)
	}
	return q.newest
}

// login returns the value of a login's serial number. A device that logs in
// again with a number behind the newest has started anew, however little behind.
func (q *sequence) login(serial uint16) uint64 {
	if q.any && int16(serial-uint16(q.newest)) < 0 {
		q.anew(serial)
		return q.newest
	}
	return q.next(serial)
}

func (q *sequence) anew(serial uint16) {
	q.newest = (q.newest>>16+1)<<16 | uint64(serial)
}
