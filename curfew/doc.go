// Package curfew judges whether a person was home when the order wanted it.
//
//	Plan ─NewSchedule→ Schedule ─Between→ obligations [Start, End) in UTC
//	observations ─Where, Units→ HOME, AWAY or UNKNOWN ┐
//	Order ─NewEvaluator→ Evaluator ───────────────────┴→ events
//
// # Civil time
//
// A Schedule is weekly rows in the local time of the place, and permits. It is
// the one place of the library where civil time becomes instants. A row belongs
// to the day on which it starts, and ends on the next day if its end is not
// after its start. Where clocks change:
//
//   - a local time that does not exist is shifted forward by the gap: in
//     Vilnius 03:30 on 29 March 2026 is 04:30 summer time;
//   - of a local time that comes twice, a start is the earlier and an end the
//     later instant: the night is the longer one. Absence in the second pass of
//     the repeated hour counts only if Order.CountRepeatedHour says so;
//   - a row of which the gap leaves nothing (03:30 to 04:00) asks for nothing
//     on that day;
//   - rows that meet in the repeated hour stay two obligations. Where both ask
//     for the same place, a minute counts against the earlier of them; where
//     they ask for two places, against neither.
//
// # Presence
//
// Evidence is a fix that Order.Where places inside or outside, and a contact
// with a home unit or its loss. A wearer is HOME from a contact or a fix
// inside, AWAY from a loss or a fix outside, and UNKNOWN once there was no
// evidence for longer than Config.MaxGap. Unknown is neither presence nor
// proven absence: it is told as a technical event, and its minutes count for
// nothing.
//
// Each crossing is known to lie between two pieces of evidence, and the doubt
// is the wearer's: an absence runs from the latest possible departure to the
// earliest possible return. So, of fixes a minute apart, absence counts from
// the first fix outside to the last one outside. A home unit that reports by
// itself proves absence all the time from the loss to the next contact, for as
// long as it is heard.
//
// An absence lasts until the person is proven to be home; time in which
// nothing was known does not end it, but does not count either.
//
// # Verdicts
//
// For each obligation the Evaluator tells
//
//   - KindAbsence: one event for each absence, which is upgraded as it grows. Its
//     class and the fact "code", that of the UK Ministry of Justice's case
//     software, are OUT_PAST_COMMENCEMENT (AL08), then RETURN_LATE (AL09) or
//     OUT_ENTIRE_PERIOD (AL12); LEFT_DURING (AL10), OUT_AT_END (AL11);
//   - KindUnknown: nothing known for longer than Config.Unknown;
//   - KindNight: at its end, whether it was COMPLIANT, WITHIN_GRACE, UNKNOWN or
//     a BREACH; an event like any other, so that late data can withdraw it.
//
// Minutes under a permit do not count. A permit approved after the fact
// (Permit.KnownFrom) rewrites nothing: the minutes before count, and the fact
// "excused" says how many of them it covers.
//
// # Limits
//
// All obligations are to be home. Holiday calendars, attendance, check-ins and
// the sum over many nights are not part of this version. The place's map, a
// unit's range and how long a device may be silent are the caller's. A loss
// counts from the instant that its report carries: a unit that waits a few
// minutes before it reports one should be decoded with the time of the loss.
package curfew
