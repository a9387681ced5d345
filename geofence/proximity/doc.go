// Package proximity watches the distance between a protected person and the
// wearer of a device whom an order keeps away: round fixed places, and round the
// protected person, wherever that person goes.
//
//	observations of both ─Evaluator→ events for operators ─Disclosure→ ProtectedNotice, WearerNotice
//
// A pair is a subject of its own: one Timeline is fed with the observations of
// both persons, and Config says which devices are whose, and when.
//
// # What is judged
//
// A zone has an alert radius R, and a pre-alert radius, 2R by default. Fixed
// zones are circles on the ground; the moving zone is round the protected
// person. Of each person the two latest usable fixes are kept. A fix has an age,
// a circle of em.Fix.Radius95, and a bound for the speed since: twice the
// measured speed, at least MinSpeed, at most MaxSpeed. A person whose speed was
// never measured may have MaxSpeed.
//
//   - EventAlert (critical): the best estimate of the distance is below R.
//     There are two. One is the distance d of the last known positions; where a
//     person was moving when last heard, the way s × age that this makes widens it
//     to √(d² + Σ(s × age)²), as for an unknown direction, so that two who
//     follow one road in cars are not at one place because one reports later. The
//     other is time-aligned: where the latest legs of both tracks overlap in time,
//     both are interpolated, and their closest approach counts. So a wearer who
//     passed through between two fixes is found, with the first fix that shows it.
//     A fix whose 95 % radius is beyond R/2, and beyond 100 m, counts for neither.
//   - EventPreAlert (warning): the worst case is below the pre-alert radius:
//     d less both 95 % radii, less for each person the speed bound × age. It falls
//     between fixes, and the event begins at the instant at which it crosses.
//   - EventStale (technical): unprotected time. The latest usable fix of a person
//     whom the zones need is older than MaxAge. A stale position is no estimate:
//     it neither raises nor ends an alert or a pre-alert.
//
// An alert ends once d and the aligned distance were at least R + Margin for
// Clear; a pre-alert once the worst case was at least the pre-alert radius +
// Margin for Clear, at each fix and just before it. Both end as of the first fix
// of that time. Silence ends nothing.
//
// MaxAge must not be shorter than the interval at which both devices upload: a
// telephone that uploads every ten minutes is stale half of the time if it is
// five.
//
// # Who approached whom
//
// The class of an alert or a pre-alert says who closed the distance since the two
// were farthest apart within the last Lookback: by how much it would be shorter
// had that person alone moved. The protected person may have come to the wearer;
// the danger is the same, the blame is not. Once told, the class stays.
//
// # What both are told
//
// Events are for operators. What the two persons themselves are told goes through
// Disclosure, into types that hold no more than a level: see there.
//
// # Cost
//
// A report takes 1.8 to 2.6 µs, 2.4 to 3.1 µs under a Timeline: 50,000 pairs in
// which both sides report once a second take a third of one core at most. A pair
// whose persons are far apart takes 1.0 kB, 2.6 kB with its Timeline; one with
// open events 3 to 5 kB (benchmarks/proximity; linux/amd64, Go 1.26).
//
// # Limits
//
// Interpolation goes along the chord between two fixes no more than MaxAge apart:
// over 10 km it runs 2 m below the ground. The earth is em's sphere. Nothing is
// extrapolated. Of two fixes of a person at one instant the more accurate counts.
// A person with several devices is where the latest fix of any of them is, so a
// device that is laid aside is to be unassigned. Unverified: the defaults of
// MinSpeed, MaxSpeed, Margin and Clear; they are for the order or the center to
// set.
package proximity
