// Package geofence answers where a position lies in relation to zones, and
// turns a person's positions into events: entered an exclusion zone, left an
// inclusion zone.
//
// An Index holds zones, compiled once and never changed; it may be shared by
// any number of goroutines. A Set holds one person's own few zones, for tens of
// thousands of persons; a Live holds zones that change while they are read. All
// give the same answers. A Tracker is an em.Evaluator for one subject over an
// Index or a Set. A Presence follows whether a person is home, which package curfew
// asks; Home tells it by one position. Impact tells what other zones would have
// made of a history.
// Package zonejson reads and writes zones as GeoJSON.
//
// # What a zone is
//
// The Earth is a sphere of em.EarthRadius. A zone is one of
//
//   - Area: polygons with holes. As in GeoJSON (RFC 7946), an edge is the
//     straight line in longitude and latitude, not the shortest way over
//     ground. Vertices are rounded to 1e-7 degrees (E7), a centimetre, and edges
//     are split when the index is built, so that the geodesics between the
//     resulting vertices lie within 5 cm of that line; 10 cm about the poles.
//     From then on the split edges are the zone: S2's exact predicates decide,
//     so that every point has a definite answer.
//   - Circle: all points at most Radius metres from Center. The edge belongs
//     to it.
//   - Corridor: all points at most HalfWidth metres from a line, whose edges
//     are split in the same way. Its ends are round and its edge belongs to it.
//
// The border of an area is semi-open in the sense of S2: of areas that tile the
// surroundings, and share their borders vertex for vertex, exactly one contains
// a point on it. Which one is fixed, but not to be guessed from the
// coordinates.
//
// # What is accepted
//
// Rings may run either way and start anywhere; the last vertex may repeat the
// first. A vertex may repeat the one before it. Holes lie within their polygon,
// polygons of one area do not overlap; both may touch at vertices or along
// edges, and an edge that two parts share is no border. No ring crosses itself
// or another; where two go less than a metre over each other, from where they cross
// to where they cross again, as rounding to five decimals leaves, that is taken as
// touching; a sliver that two parts of an area both cover by it is then in neither.
// NewIndex refuses everything else with a *ZoneError that names the zone, the
// polygon, the ring and the vertex. Maps that were simplified often have such rings:
// Zone.EvenOdd takes them as they are.
//
// An edge spans less than 180 degrees of longitude and takes the shorter way:
// from 170 to -170 it crosses the antimeridian. A zone there may be given as
// one such ring or cut at ±180 into parts, as RFC 7946 advises; both mean the
// same, and the cut is no border. An edge of exactly 180 degrees is refused as
// ambiguous. All longitudes of a pole are one point, and a ring may run along
// it (Antarctica drawn down to -90). A ring that goes round a pole without
// touching it encloses the smaller side, the one with that pole.
//
// # Large maps
//
// An Index is a tree of integers in which golang/geo is asked only about points
// within a few centimetres of an edge; the answers are golang/geo's for all
// points. Options.Build says how far it is. WriteTo, OpenIndex and ReadIndex
// keep a compiled index in a file. AppendBatch is for throughput, and a Filter
// leaves out zones that are not meant for somebody. Zone.Covering gives S2
// cells as keys for storage.
//
// # Accuracy and what is not known
//
// A position is a circle of em.Fix.Radius95 metres. It is inside a zone if the
// whole circle is, outside if the whole circle is, and otherwise nothing is
// concluded (em.SideUnknown). A position that is NaN or out of range lies in no
// zone, and is neither inside nor outside.
//
// # How a Tracker judges
//
// It asks of each fix, in this order; every number is a field of Config with a
// documented default, and events name those that decided.
//
// What is the fix worth? Only current fixes count. The radius is the accuracy
// that the device reports, else 5 m × HDOP, else what is assumed for the device;
// beyond MaxRadius95 a fix is not used. Fixes by cells and access points never
// put anybody outside: they end no event of being in a zone and begin none of
// having left one; they put somebody inside only with an accuracy of their own, of
// a circle that lies in the zone whole.
//
// Can it be? A fix that nobody can have come to from the last good one of its
// device, at MaxSpeed, or by the speeds that the device measured with 4 m/s² more,
// and both circles granted, is held back. If the next agrees with the last good
// one it was an outlier and is never used. A row of OutlierRun that agree with
// each other is taken as true, from the first of them on, and so is the newest of
// twice as many that do not agree: nobody is lost for long. A row that begins by a
// jump beyond MaxSpeed, after OutlierRun good fixes, is not believed for three times
// as long as the way takes at MaxSpeed, and JumpHold at most, however well it
// agrees: EventDoubted tells so. If fixes come back before, nothing was judged by
// it; where they stay, they are taken as true, and so is the next such jump, which
// may be the way back.
//
// Does it agree with what else is known? A position of the same device by cells or access
// points, with an accuracy of its own, and a contact with a unit of Config.Contacts say
// where the device is too: to three times the 95 % radius and no better than 5 km the one,
// within its reach the other. A fix by satellites that nobody can have come to from there
// at MaxSpeed, whichever came first, is not believed for as long as a jump would not be, and
// the other says no more of zones than before: EventDoubted tells of both. Of one position by
// cells or access points that excludes the fix before it nothing is held until another
// agrees with it; then fixes that agree with both are believed after OutlierRun. A Presence
// does the same with positions by cells and access points.
//
// Is it drift? A device that measures its speed, says that it stands and lies within
// DriftReach of where it came to rest wanders by reflections. Fixes of that kind alone
// begin and end nothing until they have lasted for DriftHold. They do before if two of
// them, almost a minute apart, are precise (a 95 % radius of 12 m that the device
// reports, or of 8 m by its HDOP), as reflections are not; or if they agree with where
// the device rests, by the mean of its fixes there: who came to rest in a zone is in
// it. Two moving fixes, or a fast one, end the rest. Where a device reports no speed,
// or none yet but that it stands, that between fixes 50 s to three minutes apart takes
// its place, from 0.5 m/s on and farther than the errors of both, within 150 m, and no
// single one ends the rest, unless fixes in between show a steady way, as no reflections
// do. A device that came to rest less than ten minutes ago is about to go on: of it any two
// fixes almost a minute apart do as precise ones do. After that a visit of one or two fixes
// near where it rests may be held to be an error. After a longer silence one fix near there is not believed
// until the next agrees.
//
// What does it say? An event begins with the first fix of a row that satisfies
// Alert, and ends with the first of a row that satisfies Clear, or when the rule is
// no longer in force. Fixes that leave it open neither break a row nor count. Only
// times at which the rule is in force count; it is looked at where the person is,
// not at crossings alone: who is in an exclusion zone when its rule comes into
// force is told by the first fix from then on, as ClassAlready. If the zone is
// gone, or is of another kind, after a change of rules, its event ends at the next
// observation. While nothing is heard an event stays open; the fact "gap_s" and,
// from five minutes on, the Reason say how long before a crossing nothing was
// known.
//
// Where is it permitted? A fix that may be in a zone of KindRoute whose rule is in
// force begins neither an exclusion, nor a buffer, nor the leaving of an inclusion
// zone. A way that must be kept to is a Corridor of KindInclusion.
//
// What was between? If the straight way between two fixes at most PassGap apart
// leads through an exclusion zone, deeper than their radii and 5 m, EventPassed
// tells of it as a warning: unless it takes more than MaxSpeed, less than 1 m/s,
// or the speeds that the device measured tell of a way twice as long. Of an inclusion
// zone it tells nothing: a straight way out of it between two fixes inside is what every
// bend of a corridor makes, and who keeps to the zone goes by the bend. EventUnknown
// tells that the person may have been out. Nor are the parts of an inclusion zone told
// apart, though who is seen in one and then in another was outside between them.
//
// What is left open? So long as no positions lie clear of a zone's wrong side, nobody
// knows that the person is not there: after UndecidedAfter, of half an hour by default,
// from the first that does not EventUnknown tells so. One that claims to lie clear changes
// nothing in that: it takes as many as end an alert, three in a row over a minute, between
// which none is on the wrong side by its best estimate. If the last claims it, the next
// that leaves it open tells. Positions by cells and access points with an accuracy of
// their own count, and drift of a device that does not rest clear of it says nothing else.
// So while positions come a violation goes on for no longer than that without being told
// of in any way, but for what so many claim together. The event ends as an alert does.
// Where Config.SuspectedAfter asks for it, it is told sooner of positions in a row whose
// best estimate is on the wrong side.
//
// What may be? Where Config.UnknownAfter asks for it, EventUnknown tells of each
// violation that may last for so long unseen: from the last position that lies
// clear of a zone the person is taken to go straight to it at UnknownSpeed, or as
// fast as the device said, and to stay there until a position says otherwise. One by
// cells or access points with an accuracy of its own says so too, until there is
// one by satellites. Positions that are not believed say nothing.
//
// A person with several devices is judged by all of them, each by its own way. The
// cost of a fix far from all edges is one to three hundred nanoseconds, the most
// where a device reports no speed, and no allocation: who is far from them is not
// looked at zone by zone.
package geofence
