// Package movement reads stored tracks for reports: where somebody stopped, which
// places recur, and whose track a place and a time agree with. It never raises an
// alert, and no evaluator may import it.
//
//	Authorization + track ─Stops→ stops ─Places→ frequent places
//	Authorization + scene + tracks ─Coincide→ matches
//
// # Authorisation
//
// All of it is off unless the order, or a recorded request of a court, names it.
// Every function takes an Authorization, and without a complete one returns
// ErrUnauthorized and reads nothing. Every result carries a Disclosure, to be
// written into the audit before the result is shown. Observations outside the
// window of the authorisation are not looked at.
//
// # Method
//
// Stops are the stay points of Li et al. (Mining User Similarity Based on
// Location History, 2008), from memory of the paper: from a first fix on, all
// that follow within StopRule.Distance of it, if they span StopRule.Dwell; else the
// next fix is tried as the first. Here a fix leaves the place only if its whole
// 95 % circle is beyond the distance, and a time in which nothing was heard
// (StopRule.MaxGap) ends a stay point. Stay points that follow each other, with
// middles within the distance, are one stop: so neither a gap nor one bad fix makes
// two of it; it says how much of it is unknown. The middle is the mean of the fixes weighted by their accuracies, and its radius is
// the one within which 95 % of them lie with their circles.
//
// Places are clusters of stops by DBSCAN (Ester et al., 1996): a stop with at
// least PlaceRule.Visits stops, itself included, within PlaceRule.Distance is the
// core of a place, and what is within that distance of a core belongs to it. What
// is left is counted.
//
// Coincide asks of each track whether it agrees with a scene. A fix is a circle; and
// between two fixes a person may have been wherever MaxSpeed allows. A match is
// evidence of little by itself: so it cannot be printed, nor encoded, without its
// error circle, the gaps of the track, and the number of others whose tracks agree
// with the scene as well.
package movement
