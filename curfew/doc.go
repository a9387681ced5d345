// Package curfew judges whether a person was where an order wanted it, when it
// wanted it: at home, away from home, or at an appointment.
//
//	Plan ─NewSchedule→ Schedule ─Between→ obligations [Start, End) in UTC
//	observations ─Where, Units→ HOME, AWAY or UNKNOWN ┐
//	Order ─NewEvaluator→ Evaluator ───────────────────┴→ events ─Account→ Statement
//
// # Schedule
//
// A Plan has layers, each of which overrides those before it: weekly rows, the
// day of release and the holidays of calendars, one-off permits, and emergency
// suspensions. A row belongs to the day on which it starts, and ends on the next
// day if its end is not after its start. Rows are MUST_BE_HOME, MUST_BE_AWAY,
// MUST_ATTEND or MAY_LEAVE, which lifts MUST_BE_HOME for its time. What cannot be
// met (two places at once, home and away) is refused by NewSchedule, which names
// both entries; so is everything else that makes no sense, each with its place in
// the plan.
//
// A Schedule is the one place of the library where civil time becomes instants,
// by the clock of the place. Where clocks change:
//
//   - a local time that does not exist is shifted forward by the gap: in
//     Vilnius 03:30 on 29 March 2026 is 04:30 summer time;
//   - of a local time that comes twice, a start is the earlier and an end the
//     later instant: the night is the longer one. Schedule.ClockChanges lists
//     such nights beforehand. Absence in the second pass of the repeated hour
//     counts only if Order.CountRepeatedHour says so;
//   - a weekly row of which the gap leaves nothing (03:30 to 04:00) asks for
//     nothing on that day; a row of one date is refused then;
//   - rows that meet in the repeated hour stay two obligations. Where both ask
//     for the same place, a minute counts against the earlier of them; where
//     they ask for two places, against neither.
//
// A permit is known from an instant on. What it covers before does count, and
// the fact "excused" says how much: a permit given afterwards is an excuse and
// rewrites nothing. It ends by revocation, or by another one that replaces it.
//
// # Presence
//
// Evidence is a fix that Order.Where or Order.Follow places inside or outside, and a contact
// with a home unit or its loss. A wearer is HOME from a contact or a fix
// inside, AWAY from a loss or a fix outside, and UNKNOWN once there was no
// evidence for longer than Config.MaxGap. Unknown is neither presence nor
// proven absence: it is told as a technical event, and its minutes count for
// nothing. A loss of radio is absence once it has lasted for Config.Loss, and
// then from its beginning; what is shorter was bad radio. It proves nothing
// while the unit is off, moved or not heard, the strap open, or the bracelet
// shielded, jammed or switched off.
//
// Each crossing is known to lie between two pieces of evidence, and the doubt
// is the wearer's: an absence runs from the latest possible departure to the
// earliest possible return. So, of fixes a minute apart, absence counts from
// the first fix outside to the last one outside, and one alone proves nothing;
// unless a Follower says for how long the wearer cannot be back from there: then
// that long. By the same measure nobody can have come so far so soon after having
// been home: such a fix, and those that follow it, are false positions and not
// believed for three times as long, half an hour at most. While a unit hears the wearer
// a fix outside proves nothing either; and a position inside outweighs a loss that a unit
// told before it, as bad radio loses who is there. The verdict on the night tells how many
// of each there were (facts "outside_in_contact", "outside_by_jump", "lost_at_place"), of
// the first what it was and what counted in its place, and rests on both. A home unit that reports by
// itself proves absence all the time from the loss to the next contact, for as
// long as it is heard. Being home when ordered to be away is proven in the same
// way.
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
//   - KindStay, where to be away: FAILED_TO_LEAVE, LATE_LEAVE,
//     UNAUTHORISED_RETURN;
//   - KindAttendance: NOT_ARRIVED, then ARRIVED_LATE or ABSENT; LEFT_DURING,
//     LEFT_EARLY. With a Row.Dwell the stays are added up, and what is missing
//     of it counts;
//   - KindUnknown: nothing known for longer than Config.Unknown;
//   - KindNight: at its end, whether it was COMPLIANT, WITHIN_GRACE, UNKNOWN or
//     a BREACH; an event like any other, so that late data can withdraw it.
//
// Of a fault the event has the first two pieces of evidence, and what ended it, with
// why each is evidence: a contact or a loss, or a position with what a Follower says
// of it (facts "first_…", "second_…", "back_…", and in words).
//
// Minutes under a permit do not count, but a segment keeps its true ends. Where a
// device's clock was corrected (At is not DeviceAt), the events that rest on it
// say so.
//
// An Account adds up absences over a time of review, with what was excused and
// what officers excluded; FinalityOf says whether late data can still change a
// verdict, with a Watermark of each device.
//
// # Cost
//
// A year of nightly obligations is expanded in under 0.4 ms with 4 allocations.
// An order of seven rows with its evaluator takes 6.1 kB, 0.45 GB for 77,000 of
// them, and 3.2 kB and 0.24 GB where Zones shares the zone among them (measured on
// linux/amd64, Go 1.26, Europe/Vilnius). Of the next obligations only the next
// instant is kept with each.
//
// # Limits
//
// An Evaluator judges one place of an order; Schedule.Places lists them. The
// place's map and how long a device may be silent are the caller's. A permit's
// place and route are data: whether the person kept to them is for zones to
// judge, for which Permit is active at its times. Check-ins are package checkin.
package curfew
