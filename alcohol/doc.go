// Package alcohol judges breath tests (was the test taken, by the wearer, and
// was it passed?) and readings of alcohol at the skin (was there drinking, and
// was the instrument worn?). It has the units of alcohol in breath and blood,
// with exact conversions, and computes back for plausibility.
//
//	breath    BreathRule, Evaluator, Schedule, Presets
//	plans     RandomPlan, ZeroPlan: which tests are asked for, and when
//	skin      TransdermalRule, Transdermal (streams), Analyze (files), Explain, Series
//	both      CrossCheck
//	words     MeaningOf: what each verdict means, and what it does not
//	blood     Elimination: Widmark, Watson, intervals only
//	units     Value, Conversion
//	files     package alcohol/tacfile
//	model     package alcohol/pharmacokinetic
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
// # When tests are asked for
//
// A [RandomPlan] draws windows that nobody can foresee without its key and an
// auditor with it can draw again ([RandomPlan.Audit]), within the open hours of a
// day, apart from each other and from scheduled tests. A [ZeroPlan] asks again
// after a failure, at the contacts with the instrument, until a sample is below
// the limit. Both give tests for a [List].
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
// # Alcohol at the skin
//
// A [TransdermalRule] says how readings of an ankle instrument (the defaults) or
// of a wrist instrument ([WristRule]) are judged. [Transdermal] takes them one
// by one, late ones too through em.Timeline; [Analyze] takes them at hand. Both
// run the same steps and end in the same verdicts.
//
//	readings ─ refused? ─ thinned ─ smoothed ─ runs at the level ─ episode ─→ verdict
//	     └ infrared, temperature, motion, strap ─ worn? ────────────┘
//
// An episode is at least MinRun readings in a row at or above Level, with all
// readings above Zero around them and one at or below Zero on both sides; two
// that share such a reading are one. Its verdict is the first that holds:
// INSUFFICIENT, where readings begin or end above Unfinished (with the data, or
// at a gap), the peak is the first or the last reading, a reading within is
// saturated, or the sensor was dead; NOT_WORN, where it was off or covered
// meanwhile; REVIEW, where it rises or falls faster than a body; CANDIDATE.
// An analyst confirms or rejects: this package never says that somebody drank.
//
// Smoothing is explicit and matters. The median of three flattens what is
// sudden, so that a rise of one reading that is REVIEW when raw may be a
// CANDIDATE when smoothed; services that can show both run two rules, each with
// its Name. When drinking began is an interval, 69 ± 40 minutes before the first
// reading above Zero. The area and the rates are the skin's own; no
// concentration in blood or breath is made of them, here or anywhere: there is
// no elementary formula, and a figure of the skin is no [Value].
//
// An ankle instrument's infrared voltage is compared with its own first day.
// One reading off by more than a quarter volt is noted (info), as 2.6 % of
// readings of people who wear it are; six in a row are an
// OBSTRUCTION_CANDIDATE; with a temperature of a room and a strap event it is a
// REMOVAL_CANDIDATE. The first day is judged when it is over, and so are its
// episodes, unless the rule states the baseline. A wrist instrument is worn by
// temperature and motion.
//
// What cannot be judged is told with its reason, and never taken for zero: a
// negative or saturated reading, another unit, figures that are no numbers, a
// temperature in °F, two readings of one instant, a sensor that shows the same
// for hours. One thing cannot be told: a dead sensor that shows zero and gives
// no other figure looks like a sober week.
//
// [Explain] derives a verdict again from the observations and lays open which
// readings it rests on, what was measured against which limit, and what to
// draw; it fails where the observations no longer give the verdict.
//
// # How well the skin rule works
//
// On real readings: of eight people who drank heavily the rule finds all eight,
// seven as CANDIDATE and one as REVIEW with the median, six and two raw, and
// none of them is held to be off or covered. Eight evenings prove little.
//
// On a model of drinking (package pharmacokinetic: seed 1, 1,000 people of each
// dose, drinks of 14 g, readings every 30 minutes, medium noise, median of 3),
// in per cent of evenings with intervals of 95 %:
//
//	drinks   any ≥ 0.020        an episode         CANDIDATE          onset interval holds
//	1        11.2 (9.4–13.3)    5.6 (4.3–7.2)      3.5 (2.5–4.8)      71.4 (58.5–81.6)
//	2        69.4 (66.5–72.2)   52.4 (49.3–55.5)   50.2 (47.1–53.3)   96.6 (94.6–97.8)
//	3        94.5 (92.9–95.8)   87.8 (85.6–89.7)   84.7 (82.3–86.8)   94.9 (93.2–96.1)
//	4        98.7 (97.8–99.2)   97.0 (95.7–97.9)   94.4 (92.8–95.7)   93.4 (91.7–94.8)
//	5        99.8 (99.3–99.9)   99.7 (99.1–99.9)   95.7 (94.3–96.8)   91.9 (90.0–93.4)
//	8        100 (99.6–100)     100 (99.6–100)     95.3 (93.8–96.4)   93.9 (92.2–95.2)
//
// An episode of any class, in per cent of evenings, by sampling and rule (500
// people, medium noise), and false alarms per 1,000 sober person-days where one
// day in ten has an exposure to other alcohol (hand gel, cleaning):
//
//	sampling           rule       2 drinks  3   4   5    any episode   CANDIDATE
//	15 min             median        59    90  98  100      83.4       0.0 (0.0–0.7)
//	30 min             median        52    87  97  100      60.2       0.2 (0.0–1.1)
//	30 min             raw           51    86  96  100      60.0       0.0 (0.0–0.7)
//	30 min             sensitive     60    91  98  100      79.4      47.4 (41.6–53.8)
//	30 min, 20 % lost  median        49    83  96   99      45.2       3.0 (1.7–4.9)
//	30 min, 20 % lost  raw           47    82  96   99      45.2       0.6 (0.1–1.8)
//	60 min             median        34    75  92   98      19.4       4.0 (2.4–6.2)
//
// With high noise the median gives 4.2 (2.6–6.4) CANDIDATEs at 30 minutes.
// Without exposures nothing is told of sober days at low and medium noise by
// median and raw (0.0, 0.0–0.7), and at 30 minutes and high noise 1.6 (0.7–3.2)
// episodes by the median. So what an analyst has to reject comes of exposures
// nearly alone, and the share of them that is REVIEW shrinks as readings are
// lost; and one or two drinks are missed as a rule: an evening without an episode
// proves no abstinence.
//
// A wrist instrument that reads every 20 seconds, by [WristRule] (100 people):
// with low noise it finds one drink in 97.0 % (91.5–99.0) of evenings and tells
// nothing of 1,000 sober days (0.0–12.2), 110 (75.7–154.5) with exposures. With
// medium noise it tells 6.5 episodes on every sober day: its level of 5 µg/L is a
// line of zero, not of drinking, and single wild readings and noise that is cut off
// at zero lift a mean of 30 minutes above it. Whether a real instrument has
// such noise no source says; a service that uses one measures that first, and
// raises Level and MinRun accordingly.
//
// All tables, with every noise and rule, are in benchmarks/transdermal/results.md;
// they are printed again, the same to the last digit, by
//
//	go run ./benchmarks/transdermal -people 1000 -seed 1
//
// Limits: the model is no people. Its doses, lags, noise, spikes and exposures
// are partly published and partly guesses (package pharmacokinetic says which),
// and it knows no fitness, illness, sweat, water or cunning. Published of people with an
// ankle instrument: one beer gives any reading above zero in about 60 %, two in
// more than 95 % (the model: 88 and 100); the maker's rule finds five beers
// reliably and misses 45.9 % of occasions of one to three (the model: 51 %);
// the peak comes 120 minutes after that of breath (the model: 100 after blood).
//
// # Breath and skin
//
// [CrossCheck] tells where they contradict each other: a test passed while the
// skin is high, a test failed that the skin never follows.
//
// # Computing back
//
// [Elimination] has Widmark's model and Watson's water, for planning and
// plausibility, never for proof: can the stated drinks have given this figure;
// can the second sample follow the first? All results are intervals, breath
// stays breath and blood stays blood, and nothing leads back past two hours
// after the last drink.
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
//
// Of the skin: the criteria of an episode (Level, MinRun, Rise, Fall, FallHigh,
// HighPeak) are the maker's as others describe them, remembered; Zero,
// Unfinished, LagWidth, Saturation, FlatRun, FlatSpan, Ambient, StrapWindow and
// OffFor have no source; the baseline of a day and six readings for "sustained"
// are inferred. Ours, too: Unfinished judges both ends, so that readings that
// stop between Level and Zero still give a verdict; smoothing does not reach
// across a gap; the baseline is a median of readings 20 minutes apart. Of
// computing back: DefaultAbsorbed, the factors and their spread, and the
// elimination from blood. Of CrossCheck: all of it.
package alcohol
