package sanav

import (
	"bytes"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/protocol"
	"github.com/sargas-em/em/protocol/wire"
)

const name = "sanav"

// maxFrame bounds a frame. A report with seven cells has about 300 bytes, a GET
// some headers besides.
const maxFrame = 1024

// maxIdentity bounds identities, mostly an IMEI of 15 digits.
const maxIdentity = 20

// Device returns the dialect, with the factory's account for commands.
func Device() protocol.Device { return New(Account{}) }

// New returns the dialect with the account from which the units take commands.
func New(a Account) protocol.Device {
	return protocol.Device{
		Name:      name,
		Title:     "SANAV OT101 ankle bracelet and OT102 home unit",
		Codec:     Codec{},
		Relaxed:   Codec{RelaxedChecksum: true},
		MaxFrame:  maxFrame,
		Datagrams: true,
		Sessions:  func(protocol.SessionConfig) protocol.Session { return &session{account: a} },
		Simulator: newSimulator,
		Match:     match,
		Commands:  []protocol.CommandKind{protocol.CommandStrap, protocol.CommandRelease, protocol.CommandVendor},
	}
}

// match says Yes to the start of a report, and No to a first line that holds
// none; a device's answer in words may come first.
func match(prefix []byte) protocol.Match {
	prefix = prefix[between(prefix):]
	line, _, whole := bytes.Cut(prefix, []byte("\n"))
	switch {
	case bytes.HasPrefix(prefix, []byte(get)):
		if bytes.Contains(line, []byte("?imei=")) {
			return protocol.Yes
		}
	case bytes.HasPrefix(prefix, []byte("imei=")), bytes.HasPrefix(prefix, []byte("imei:")), reportStart(prefix) == 0:
		return protocol.Yes
	case whole:
		if _, ok := outcome(string(line)); ok {
			return protocol.Maybe
		}
	}
	if whole || len(line) > maxFrame || len(line) > 0 && !printable(line[0]) {
		return protocol.No
	}
	return protocol.Maybe
}

// reportStart returns where the last 15 digits before ",$G" begin, or -1.
func reportStart(b []byte) int {
	for from := 0; ; from++ {
		i := bytes.IndexByte(b[from:], '$') // of which there are fewer than commas
		if i < 0 {
			return -1
		}
		from += i
		if at := from - reportDigits - len(","); at >= 0 && reportHead(b[at:]) {
			return at
		}
	}
}

// reportDigits are the digits of the IMEI that a report begins with.
const reportDigits = 15

// reportHead reports whether b begins like a report.
func reportHead(b []byte) bool {
	return len(b) >= reportDigits+len(",$G") && string(b[reportDigits:reportDigits+len(",$G")]) == ",$G" && wire.IsDecimal(b[:reportDigits])
}

func deviceID(identity string) em.DeviceID { return em.DeviceID(name + ":" + identity) }
