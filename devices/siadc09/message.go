package siadc09

import (
	"time"

	"github.com/sargas-em/em/protocol/wire"
)

// The identifiers of messages.
const (
	DCS       = "SIA-DCS" // events as SIA codes (unit → receiver)
	ContactID = "ADM-CID" // one event as Contact ID (unit → receiver)
	Null      = "NULL"    // supervision: "I am here" (unit → receiver)
	Ack       = "ACK"     // received, durable (receiver → unit)
	Nak       = "NAK"     // refused; Time is the receiver's (receiver → unit)
	Duh       = "DUH"     // understood as a frame, but not to be handled (receiver → unit)
	Rsp       = "RSP"     // an answer with data
)

// Message is one DC-09 message of a known identifier.
type Message struct {
	ID        string // DCS, ContactID …
	Seq       uint16 // 1 to 9999; 0 in Null and Nak
	Receiver  string // 1 to 6 hexadecimal digits; empty where absent
	Line      string // 1 to 6 hexadecimal digits; "0" where unused
	Account   string // 3 to 16 hexadecimal digits as they came; empty where absent
	Data      string // between the brackets, "#9017|Nri1/TA002"; see Events and DataAccount
	Extended  []string
	Time      time.Time // of sending, UTC, whole seconds; zero where absent
	BinaryCRC bool      // the check code stands as two bytes instead of four digits

	Encrypted bool
	Pad       string // the padding as it came; Append makes its own where it is empty or does not fit
	Sealed    string // the encrypted content as hexadecimal digits, where no key is known: Data, Extended, Time and Pad are empty then
}

// Type is the identifier.
func (m *Message) Type() string { return m.ID }

// Poll is the sign of life of the older Osborne-Hoffman panels.
type Poll struct {
	Receiver, Line string // four digits each
	Account        string
	ID             string // eight signs
}

// Type returns "SR".
func (*Poll) Type() string { return "SR" }

// PollAck answers a Poll.
type PollAck struct{}

// Type returns "SR ACK".
func (*PollAck) Type() string { return "SR ACK" }

// Event is one event of a Message.
type Event struct {
	Code       string // "TA"; of Contact ID three digits
	Qualifier  byte   // of Contact ID: '1' new, '3' restored, '6' still so; else 0
	Old        bool   // from the unit's memory
	Address    string // zone, user or device number, as digits
	Area       string // ri; of Contact ID the group
	User       string // id
	Peripheral string // pi
	Time       string // ti, HH:MM or HH:MM:SS, by the unit's clock, in an unknown time zone
	Text       string
}

// Events returns the events of a DCS or ContactID message; nil for others.
func (m *Message) Events() []Event {
	_, events := m.parse()
	return events
}

// DataAccount returns the account number that stands in Data, which may say it
// again or alone; empty where it does not.
func (m *Message) DataAccount() string {
	account, _ := m.parse()
	return account
}

func (m *Message) parse() (account string, events []Event) {
	d := data{text: m.Data, keep: true}
	account = d.read(m.ID)
	return account, d.events
}

// stampLayout is a time stamp, which is always GMT.
const stampLayout = "15:04:05,01-02-2006"

// parseStamp reads a time stamp of the years from 2000.
func parseStamp(s string) (t time.Time, ok bool) {
	if len(s) != len(stampLayout) || s[2] != ':' || s[5] != ':' || s[8] != ',' || s[11] != '-' || s[14] != '-' {
		return time.Time{}, false
	}
	// Something that is no digit makes a number too large.
	two := func(i int) int {
		if high, low := s[i]-'0', s[i+1]-'0'; high <= 9 && low <= 9 {
			return 10*int(high) + int(low)
		}
		return 100
	}
	century, year := two(15), two(17)
	hour, minute, second := two(0), two(3), two(6)
	if century < 20 || century > 99 || year > 99 || hour > 23 || minute > 59 || second > 59 {
		return time.Time{}, false
	}
	if t, ok = wire.Date(100*century+year, two(9), two(12)); !ok {
		return time.Time{}, false
	}
	return t.Add(time.Duration(hour*3600+minute*60+second) * time.Second), true
}
