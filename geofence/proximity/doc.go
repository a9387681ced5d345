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
// person. Fixes go through a geofence.Sieve first: outliers are left out, and of
// a device that rests the position is the mean of its fixes, with half the radius
// of the last. A position by cells or access points counts only where the person
// can be by the last one: by radii, 100 m, and the speed bound × age. One beyond
// 100 m of radius says no more than that who rests is still there. Of each person
// the two latest positions are kept. Each has an age, a circle of em.Fix.Radius95,
// and a bound for the speed since: twice the measured speed, or twice that of the
// position before if that was faster, at least MinSpeed, at most MaxSpeed; and
// none of a device that rests. A wearer who leaves a house is seen while he goes,
// or is stale.
//
//   - EventAlert (critical): the evidence that the distance is below R adds up to
//     an eighth. Each position adds (depth/r)², by how deep within R the best
//     estimate is, and the radius r of both errors together; one at most. So one
//     fix is enough at 0.35 r, more are needed nearer the edge, and
//     an estimate beyond R ends the row.
//     There are two estimates, of which the better one counts. One is the distance
//     d of the last known positions; where a
//     person was moving when last heard, the way s × age that this makes widens it
//     to √(d² + Σ(s × age)²), as for an unknown direction, so that two who
//     follow one road in cars are not at one place because one reports later. The
//     other is time-aligned: where the latest legs of both tracks overlap in time,
//     both are interpolated, and their closest approach counts. So a wearer who
//     passed through between two fixes is found, with the first fix that shows it;
//     the alert is then as of that approach.
//   - EventPreAlert (warning): the worst case is below the pre-alert radius:
//     d less both 95 % radii, less for each person the speed bound × age. It falls
//     between fixes, and the event begins at the instant at which it crosses.
//   - EventStale (technical): unprotected time. The latest usable position of a person
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
// How often this is right is measured by benchmarks/verdicts, beside the naive rule
// of two latest fixes.
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
// A report takes 1.9 to 3.1 µs, 2.5 to 4.8 µs under a Timeline: 50,000 pairs in
// which both sides report once a second take half of one core at most. A pair
// whose persons are far apart takes 3.6 kB, 5.2 kB with its Timeline; one with
// open events 6 to 8 kB (benchmarks/proximity; linux/amd64, Go 1.26).
//
// # Limits
//
// Interpolation goes along the chord between two fixes no more than MaxAge apart:
// over 10 km it runs 2 m below the ground. The earth is em's sphere. Nothing is
// extrapolated. Of two fixes of a person at one instant the more accurate counts.
// A person with several devices is where the latest fix of any of them is, so a
// device that is laid aside is to be unassigned. Rest is told by the speed that a
// device measures: one that reports none has drift taken for ways. Unverified: the
// defaults of MinSpeed, MaxSpeed, Margin and Clear; they are for the order or the
// center to set.
package proximity
