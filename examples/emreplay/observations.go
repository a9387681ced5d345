package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/sargas-em/em"
)

// longestLine bounds a line of the observations; what an observation can hold is
// far shorter.
const longestLine = 1 << 20

// scan calls f with each line's observation, or why there is none.
func scan(r io.Reader, f func(n int, o em.Observation, err error) error) error {
	br := bufio.NewReaderSize(r, 64<<10)
	for n := 1; ; n++ {
		line, err := readLine(br)
		if errors.Is(err, io.EOF) && len(line) == 0 {
			return nil
		}
		switch {
		case errors.Is(err, errLong):
			if err := f(n, em.Observation{}, err); err != nil {
				return err
			}
			continue
		case err != nil && !errors.Is(err, io.EOF):
			return fmt.Errorf("line %d: %w", n, err)
		}
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		o, perr := parseObservation(line)
		if err := f(n, o, perr); err != nil {
			return err
		}
	}
}

var errLong = fmt.Errorf("longer than %d bytes", longestLine)

// readLine returns a line without its end; errLong for one that is too long, of
// which nothing is kept.
func readLine(br *bufio.Reader) ([]byte, error) {
	var line []byte
	long := false
	for {
		part, err := br.ReadSlice('\n')
		if long = long || len(line)+len(part) > longestLine; !long {
			line = append(line, part...)
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case long:
			return nil, errLong
		}
		return bytes.TrimRight(line, "\r\n"), err
	}
}

// parseObservation reads one line. What the frame did not say is filled in:
// received from device_at or at, at from device_at or received, the ID from the
// content.
func parseObservation(line []byte) (em.Observation, error) {
	if err := observationSchema.check(line); err != nil {
		return em.Observation{}, err
	}
	var o em.Observation
	if err := json.Unmarshal(line, &o); err != nil {
		return o, err
	}
	received := o.Received
	for _, t := range []time.Time{o.DeviceAt, o.At} {
		if received.IsZero() {
			received = t
		}
	}
	if received.IsZero() {
		return o, errors.New("none of received, device_at and at is given")
	}
	id := o.ID
	o = o.Stamp(received)
	if id != (em.ObservationID{}) && id != o.ID {
		return o, fmt.Errorf("the id %v is not that of its content, %v", id, o.ID)
	}
	for _, t := range []time.Time{o.At, o.Received} {
		if t.Year() < 1990 || t.Year() > 2199 {
			return o, fmt.Errorf("the time %v is beyond the years 1990 to 2199", t)
		}
	}
	return o, nil
}
