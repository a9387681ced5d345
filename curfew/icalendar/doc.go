// Package icalendar reads and writes the plans of package curfew as calendars
// of RFC 5545, so that a schedule can come from an office's calendar, and be
// shown in a phone's.
//
//	calendar ─Import→ curfew.Plan ─Export→ calendar
//	obligations ─ExportObligations→ calendar to look at
//
// # What is read
//
// Events (VEVENT) with DTSTART, DTEND or DURATION, RRULE, RDATE, EXDATE and
// RECURRENCE-ID, whole days among them. What recurs is expanded by the clock on
// the wall, and package curfew resolves instants by its own rule. So that an
// event from 22:00 to 06:00 ends at 06:00 in the nights of a clock change, too:
// RFC 5545 3.8.5.3 would let it last eight hours, and end at 05:00 or 07:00.
//
// Rules that come every week without end, in the zone of their place, become
// weekly rows. All other occurrences, within [Options.From, Options.Until),
// become rows of single dates, in a curfew.Calendar; so does every date on which
// an exception makes the week differ. The plan is right for those dates, and an
// order should bind within them.
//
// Times are in the zone that their own TZID names; so are the exceptions of
// EXDATE and RDATE, which may be in another one than the event. Of VTIMEZONE
// only the name is used: rules for clock changes come from the IANA data. An
// event in another zone than its place, or in UTC, is turned into the place's
// local time, date by date.
//
// CATEGORIES with MUST_BE_HOME, MUST_BE_AWAY, MUST_ATTEND or MAY_LEAVE says what
// an event asks for (by default to be home), X-EM-PLACE at which of the order's
// places, X-EM-DWELL for how long; Options.Row reads calendars with other
// conventions. Cancelled events ask for nothing. What lasts longer than 24 hours
// becomes a row for each date.
//
// # What is refused
//
// A calendar is an order here, so nothing is guessed: sub-daily rules, times
// with seconds, unknown zones, RECURRENCE-ID with RANGE, EXRULE, a DTSTART that
// its own RRULE does not give (RFC 5545 leaves open what that means), an
// exception that meets no occurrence, a rule that never comes. An Error says in
// which line of the file and which property. Other components (VTODO, VALARM,
// VFREEBUSY, VJOURNAL) and properties are not looked at.
//
// # What is written
//
// Weekly rows as weekly rules with an EXDATE for each date that differs, what
// single dates ask for as single events, all in the zone of their place with its
// IANA name. Permits and suspensions are not part of it: they are decisions with
// an author, and stay in the order.
package icalendar
