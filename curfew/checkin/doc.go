// Package checkin judges whether a person reported when asked to: by an app, a
// call or a video appointment, as the right person and at the right place.
//
//	Rule ─Between→ requests [From, To) ┐
//	em.CheckIn, Where ─────────────────┴─ Evaluator → events
//
// # Requests
//
// A Rule has windows, which are the rows of a curfew.Schedule, and a list of
// single requests. A window is one request to report at some time in it; or, if
// the rule is Unpredictable, it holds requests at drawn times, each to be
// answered within Answer. They are drawn by em.Draw, so that nobody without the
// key can foresee them, and everybody with it can show that none was chosen:
//
//	date = local date of the window's start, "2026-03-14"
//	w    = "checkin/" + Rule.ID + "/" + local start and end of the window, "18:00-20:00"
//	D    = Answer + Late, L = length of the window, in seconds
//	N    = Min + draw(date, w + "/count", Max-Min+1), but at most L / D
//	u    = the N numbers draw(date, w + "/0", L-N·D+1), w + "/1", …, sorted
//
// and request i (from 0) begins u[i] + i·D seconds after the window. They never
// overlap, and end, lateness included, within the window. With Min below Max
// nobody knows, after one, whether another will come.
//
// # Answers
//
// An answer is an em.CheckIn from one of the rule's sources that names the
// request, or names none and comes while it is open (by video for a video
// appointment, otherwise for all others). An answer that is good
// closes the request: the identity matched by an allowed method, and, where the
// evaluator was given a Where, the position nearest in time, at most
// PositionWithin away, was inside. All else leaves it open for another try until
// To + Late; then the best try is the verdict:
//
//	ANSWERED           good, before To
//	ANSWERED_LATE      good, before To + Late
//	POSITION_UNKNOWN   the right person, and no position at that time
//	WRONG_PLACE        the right person, outside
//	IDENTITY_UNSURE    the check could not tell: for a person to look at
//	UNCHECKED          no check of identity, or by another method
//	IDENTITY_MISMATCH  somebody else
//	REFUSED            the person said no
//	MISSED             no try, and the source was heard since
//	NOT_RECEIVED       no try, and nothing heard of the source: unknown, not missed
//
// The first version, at From, is REQUESTED, information that an answer is
// awaited. MISSED and NOT_RECEIVED are told at To and stay open, that is
// provisional, until MaxUpload is over: a phone without network sends its
// answers later. After that, and for all other verdicts from their close on, only
// late data changes them, as em.Timeline does it.
//
// A video appointment is a request of KindVideo: the answer is the record that
// the officer makes of it, an em.CheckIn of method "video" with the identity as
// the officer saw it, and who held it stands in the request. With Rule.Unasked,
// what is answered without having been asked is told as KindUnasked, information.
//
// # What is not verified
//
// All defaults are ours: 15 minutes to answer, as many to be late, a position
// within two minutes, 72 hours of upload. The order decides.
package checkin
