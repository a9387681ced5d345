package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/sargas-em/em/protocol/faultconn"
)

// faults is what --fault says, as a flag.Value.
type faults struct {
	sent, replies faultconn.Faults
	skew          time.Duration
	late          float64
	text          []string
}

const faultHelp = "`what` goes wrong, comma-separated, may be repeated: drop, dup, reorder, flip, cut and late with a part (2% or 0.02), " +
	"delay=MIN-MAX, split=BYTES, spare=FRAMES at the beginning, skew=DURATION of the device's clock; reply.drop and so on for what the center answers"

func (f *faults) String() string { return strings.Join(f.text, ",") }

// Set adds what one --fault says.
func (f *faults) Set(spec string) error {
	for item := range strings.SplitSeq(spec, ",") {
		if err := f.add(strings.TrimSpace(item)); err != nil {
			return err
		}
	}
	f.text = append(f.text, spec)
	return nil
}

func (f *faults) add(item string) error {
	name, value, ok := strings.Cut(item, "=")
	if !ok {
		return fmt.Errorf("%q is not NAME=VALUE", item)
	}
	side := &f.sent
	if rest, reply := strings.CutPrefix(name, "reply."); reply {
		side, name = &f.replies, rest
	}
	parts := map[string]*float64{"drop": &side.Drop, "dup": &side.Duplicate, "reorder": &side.Reorder, "flip": &side.Flip, "cut": &side.Cut}
	if side == &f.sent {
		parts["late"] = &f.late
	}
	var err error
	switch p := parts[name]; {
	case p != nil:
		*p, err = parsePart(value)
	case name == "delay":
		low, high, between := strings.Cut(value, "-")
		if side.MinDelay, err = time.ParseDuration(low); err != nil {
			break
		}
		if side.MaxDelay = side.MinDelay; between {
			side.MaxDelay, err = time.ParseDuration(high)
		}
		if err == nil && (side.MinDelay < 0 || side.MaxDelay < side.MinDelay) {
			err = fmt.Errorf("it goes from the shorter to the longer")
		}
	case name == "split", name == "spare":
		var n int
		n, err = strconv.Atoi(value)
		if least := map[string]int{"split": 1, "spare": 0}[name]; err == nil && n < least {
			err = fmt.Errorf("it is at least %d", least)
		}
		if name == "split" {
			side.Pieces = n
		} else {
			side.Spare = n
		}
	case name == "skew" && side == &f.sent:
		f.skew, err = time.ParseDuration(strings.TrimPrefix(value, "+"))
	default:
		return fmt.Errorf("there is no fault %q", item)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", item, err)
	}
	return nil
}

// parsePart reads 2% or 0.02.
func parsePart(s string) (float64, error) {
	number, percent := strings.CutSuffix(s, "%")
	v, err := strconv.ParseFloat(number, 64)
	if percent {
		v /= 100
	}
	if err == nil && !(v >= 0 && v <= 1) {
		err = fmt.Errorf("it is from 0 to 1, or 0%% to 100%%")
	}
	return v, err
}
