// Package alcohol judges breath tests: was the test taken, by the wearer, and
// was it passed? It also has the units of alcohol in breath and blood, with
// exact conversions.
//
// Nothing here is legal or medical advice. The rule in force is the order's; a
// verdict is a proposal with its evidence, and people decide.
//
// # Units
//
// An instrument's number and unit are kept as they came (em.AlcoholReading).
// [Measured] and [Stated] make a [Value] of them, which converts by exact
// rational arithmetic from the number first given and cuts off further digits,
// as instruments do; nothing is ever rounded up. Breath and blood are related
// by a blood:breath ratio only where somebody states one: [ErrNoRatio]
// otherwise. A blood figure made from breath is never shown without its ratio
// and an interval, because the ratio differs among people: 1981 to 2833 for
// 95 of 100 drivers in one study. Per mille is g/L or g/kg, which differ by the
// density of blood; the rule says which. A figure of the skin is refused: no
// breath or blood concentration follows from it.
//
// # A breath test
//
// [NewEvaluator] returns an em.Evaluator on event time for one subject, from a
// [BreathRule] and a [Schedule] of windows in which a test is asked for.
//
//	window ─ first sample ─ below the limit ───────────────→ PASSED
//	   │          │
//	   │          └ at or above it → CONFIRM_DUE ─ second ─→ FAILED, AT_THRESHOLD,
//	   │                                  │     sample       FAILED_ABNORMAL_CONFIRMATION,
//	   │                                  │                  MOUTH_ALCOHOL_SUSPECTED, NOT_CONFIRMED
//	   │                                  └ none ──────────→ FAILED_MISSED_CONFIRMATION,
//	   │                                                     FAILED_INCOMPLETE_CONFIRMATION
//	   ├ no valid sample ──────────────────────────────────→ INCOMPLETE, AMBIENT
//	   └ no sample ────────────────────────────────────────→ NOT_RECEIVED, MISSED
//
// The verdict on a pair is the first that holds: a sample within Guard of its
// limit is AT_THRESHOLD; two at or above their limits that differ by more than
// PairTolerance are abnormal, by less are FAILED; a second far below the first
// points to alcohol in the mouth; else the first is not confirmed. Both samples,
// the lower and the higher, are facts of the event: which of them counts is for
// the law to say. In a test to zero, which follows a failure, a high sample is
// STILL_ABOVE and needs no confirmation.
//
// A sample that is not the wearer's for certain neither passes nor fails the
// wearer: it is an event of its own, PENDING_REVIEW, and so are samples after
// calibration was due (UNCALIBRATED, no evidence) and figures that cannot be
// related to the limit (NOT_COMPARABLE). They keep a window from being missed
// and a confirmation from being failed, but they do not answer them: a good
// sample may still follow.
//
// A test that the wearer starts outside all windows is judged alike. Samples of
// two instruments are two tests, unless the rule pairs across devices.
//
// # Silence
//
// Unknown is not missed. A window without a sample is NOT_RECEIVED, told
// NotReceived after its end, until the instrument is heard again without one:
// then it is MISSED. Heard means a reading of any instrument, or anything from a
// device that the rule lists. Either stays open, that is provisional, until
// MaxUpload is over. A missing confirmation is treated alike: NOT_RECEIVED until
// anything comes from the instrument that gave the first sample. This rests on
// instruments that upload in the order of time; where one does not, the late
// sample corrects the verdict, as late data always does (em.Timeline).
//
// # What is not verified
//
// [Presets] has the limits of some countries with the source of each number, or
// that it has none; it is a start, not the law.
//
// Defaults without a source say so at their declaration: DefaultCompleteBy
// outside Lithuania, DefaultMaxUpload, the limit of the air blank, and that a
// guard band be made of the error that a standard allows. These are readings of
// ours, too: a good confirmation goes before an aborted one within its time; a
// sample that is too early decides nothing; an instrument that refuses the
// confirmation leads to review, not to a failure; an unmatched sample in a
// window keeps it from being missed; a number above what the instrument measures
// is above every limit, with a difference to the other sample that is not known.
// How many tries an instrument allows, and its air blanks every ten minutes
// after an alert, are its own affair.
package alcohol
