package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/sargas-em/em/examples/emsim/scenario"
	"github.com/sargas-em/em/protocol"
)

// mostDevices is how many identities there are.
const mostDevices = 100_000

// identityOf returns an invented identity: of the first form that the dialect
// takes. Those of IMEIs begin with 99, which no maker has.
func identityOf(d protocol.Device, n int) (string, error) {
	var err error
	for _, form := range []string{"9900000000%05d", "9900000%05d", "99%06d"} {
		identity := fmt.Sprintf(form, n)
		if _, err = d.Simulator(identity, 1); err == nil {
			return identity, nil
		}
	}
	return "", fmt.Errorf("codec %s: no invented identity suits it: %w", d.Name, err)
}

// newSimulator returns the n-th device of a fleet. identity, where given, is that
// of the first one.
func newSimulator(d protocol.Device, identity string, n int, seed uint64) (protocol.Resumer, string, error) {
	if identity == "" {
		var err error
		if identity, err = identityOf(d, 100+n); err != nil {
			return nil, "", err
		}
	}
	sim, err := d.Simulator(identity, seed+uint64(n)<<32)
	if err != nil {
		return nil, "", err
	}
	r, err := resumer(d, sim)
	return r, identity, err
}

func resumer(d protocol.Device, sim protocol.Simulator) (protocol.Resumer, error) {
	r, ok := sim.(protocol.Resumer)
	if !ok {
		return nil, fmt.Errorf("codec %s: its simulator cannot reconnect", d.Name)
	}
	return r, nil
}

// short writes a duration without what is zero at its end.
func short[D time.Duration | scenario.Duration](d D) string {
	s := strings.TrimSuffix(time.Duration(d).String(), "0s")
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	if s == "" {
		return "0s"
	}
	return s
}
