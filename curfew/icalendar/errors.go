package icalendar

import (
	"errors"
	"fmt"
	"strings"
)

// Why a calendar is refused; Error wraps them.
var (
	ErrSyntax      = errors.New("no iCalendar")
	ErrTooLarge    = errors.New("too large")
	ErrMissing     = errors.New("missing")
	ErrValue       = errors.New("no such value here")
	ErrZone        = errors.New("unknown zone")
	ErrUnsupported = errors.New("not supported")
	ErrTwice       = errors.New("given twice")
	ErrSeconds     = errors.New("not at a whole minute")
	ErrStart       = errors.New("DTSTART is none of the rule's own times")
	ErrNever       = errors.New("the rule never comes")
	ErrHorizon     = errors.New("goes on for ever, and no end of the time to be read is given")
	ErrNoInstance  = errors.New("there is no occurrence at that time")
	ErrRepeated    = errors.New("lies in an hour that clocks repeat, where the place's time cannot tell it from the other one")
	ErrRange       = errors.New("beyond the years 1900 to 2199, or longer than 31 days")
)

// Error says what is wrong, and where.
type Error struct {
	Line      int    // of the file, from 1; zero where it is about the whole
	Component string // "VEVENT"; may be empty
	UID       string // of the event; may be empty
	Property  string // "RRULE"; may be empty
	Err       error  // wraps one of those above, or is an error of package curfew
}

func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("icalendar: ")
	if e.Line > 0 {
		fmt.Fprintf(&b, "line %d: ", e.Line)
	}
	if e.Component != "" {
		b.WriteString(e.Component)
		if e.UID != "" {
			fmt.Fprintf(&b, " %q", e.UID)
		}
		b.WriteString(": ")
	}
	if e.Property != "" {
		b.WriteString(e.Property + ": ")
	}
	return b.String() + e.Err.Error()
}

// Unwrap returns Err.
func (e *Error) Unwrap() error { return e.Err }
