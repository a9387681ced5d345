package faultconn

import (
	"math/rand/v2"
	"slices"
	"time"
)

// cell is the unit, in bytes, of a stream whose frames are not known.
const cell = 16

// lane is one direction: it takes bytes as they come and gives pieces to deliver.
type lane struct {
	faults Faults
	split  func([]byte) ([]byte, int, error)
	max    int // bytes of a frame that is waited for
	told   func(unit int64, k Kind)

	fates, pieces *rand.Rand
	in            []byte // a frame that is not whole yet; at most max bytes and one chunk
	held          []byte // the frame that comes after the next one
	units         int64
	now           fate // of the cell that is under way
	place         int  // in it
	left          int  // bytes up to the next end of a piece

	out   []piece
	timer *time.Timer // runs for out[0]'s delay
	over  bool        // a cut is in out: nothing comes after it
}

// piece is bytes to deliver, after a time; cut says that the connection ends
// behind them.
type piece struct {
	b     []byte
	delay time.Duration
	cut   bool
}

// feed takes the next bytes of the stream; it does not keep b.
func (l *lane) feed(b []byte) {
	if l.split == nil {
		l.cells(b)
		return
	}
	l.in = append(l.in, b...)
	for len(l.in) > 0 && !l.over {
		frame, n, err := l.split(l.in)
		if n <= 0 || n > len(l.in) {
			if len(l.in) <= l.max {
				return
			}
			n, frame = len(l.in), nil // no frame is that long
		}
		if frame == nil || err != nil {
			l.push(slices.Clone(l.in[:n]), 0, false) // junk is left alone
		} else {
			l.frame(slices.Clone(l.in[:n]))
		}
		l.in = l.in[:copy(l.in, l.in[n:])]
	}
}

// end delivers what waits, for the stream is over.
func (l *lane) end() {
	l.push(l.in, 0, false)
	l.push(l.held, 0, false)
	l.in, l.held = nil, nil
}

// frame decides about one frame and owns it.
func (l *lane) frame(b []byte) {
	unit := l.units
	f := l.faults.draw(l.fates, unit)
	l.units++
	switch {
	case f.cut:
		l.told(unit, WasCut)
		l.push(b[:int(f.where*float64(len(b)))], f.delay, true)
		return
	case f.drop:
		l.told(unit, Dropped)
		return
	}
	if f.flip {
		l.told(unit, Flipped)
		bit := int(f.where * float64(8*len(b)))
		b[bit/8] ^= 1 << (bit % 8)
	}
	if f.duplicate {
		l.told(unit, Duplicated)
		b = append(b, b...)
	}
	if f.reorder && l.held == nil {
		l.told(unit, Reordered)
		l.held = b
		return
	}
	l.push(b, f.delay, false)
	l.push(l.held, 0, false)
	l.held = nil
}

// cells does the same without knowing frames.
func (l *lane) cells(b []byte) {
	for len(b) > 0 && !l.over {
		var delay time.Duration
		if l.place == 0 {
			l.now = l.faults.draw(l.fates, l.units)
			delay = l.now.delay
			switch {
			case l.now.cut:
				l.told(l.units, WasCut)
			case l.now.drop:
				l.told(l.units, Dropped)
			case l.now.flip:
				l.told(l.units, Flipped)
			}
			l.units++
		}
		n := min(len(b), cell-l.place)
		part := slices.Clone(b[:n])
		bit := int(l.now.where * 8 * cell)
		here := bit/8 - l.place // the byte that the fate is about
		switch hit := here >= 0 && here < n; {
		case l.now.cut && hit:
			l.push(part[:here], delay, true)
			return
		case l.now.drop && !l.now.cut:
			part = nil
		case l.now.flip && !l.now.cut && hit:
			part[here] ^= 1 << (bit % 8)
		}
		l.push(part, delay, false)
		l.place = (l.place + n) % cell
		b = b[n:]
	}
}

// push queues bytes, in pieces where they are to be split.
func (l *lane) push(b []byte, delay time.Duration, cut bool) {
	if len(b) == 0 && !cut || l.over {
		return
	}
	l.over = cut
	for l.faults.Pieces > 0 && len(b) > 0 {
		if l.left == 0 {
			l.left = 1 + l.pieces.IntN(l.faults.Pieces)
		}
		n := min(l.left, len(b))
		l.left -= n
		l.out = append(l.out, piece{b: b[:n], delay: delay})
		b, delay = b[n:], 0
	}
	if len(b) > 0 || cut {
		l.out = append(l.out, piece{b, delay, cut})
	}
}

// wait spends the time of the first piece. One that is interrupted goes on with
// the next call.
func (l *lane) wait(interrupted, closed <-chan struct{}) error {
	if l.out[0].delay <= 0 {
		return nil
	}
	if l.timer == nil {
		l.timer = time.NewTimer(l.out[0].delay)
	}
	select {
	case <-l.timer.C:
		l.timer, l.out[0].delay = nil, 0
		return nil
	case <-interrupted:
		return errDeadline
	case <-closed:
		l.timer.Stop()
		return errClosed
	}
}

func (l *lane) shift() { l.out = slices.Delete(l.out, 0, 1) }
