package alcohol

import "github.com/sargas-em/em"

// Meaning says of a verdict what it means and what it does not, for those who
// read it without knowing the rule: beside the event's own Reason, which has the
// figures of the case.
type Meaning struct {
	Kind   em.EventKind `json:"kind"` // of breath, of the skin …; NOT_WORN is of two
	Class  string       `json:"class"`
	Means  string       `json:"means"`
	Not    string       `json:"not,omitempty"`    // what must not be concluded
	Person string       `json:"person,omitempty"` // what a person has to do
}

const (
	noFailure = "It is no failure."
	noSober   = "It does not show that the wearer was sober."
	decide    = "An analyst looks at the readings and decides."
)

// meanings has every class once.
var meanings = [...]Meaning{
	{KindBreath, ClassStarted, "A test has begun, and no sample can be used yet.", noFailure, ""},
	{KindBreath, ClassConfirmDue, "The first sample is at or above the limit; a second one is awaited.", "It is no failure yet: the first sample may be of alcohol in the mouth.", ""},
	{KindBreath, ClassPassed, "A sample of the wearer's is below the limit.", "It shows nothing of the hours before.", ""},
	{KindBreath, ClassFailed, "Two samples of the wearer's, far enough apart in time, are at or above their limits and agree.", "Which of the two figures counts is for the law to say.", "The failure is reported as the order says; tests to zero follow."},
	{KindBreath, ClassMissedConfirmation, "The first sample was at or above the limit, and the wearer gave no second one in time.", "It does not show how much the wearer had drunk.", "The wearer is asked why."},
	{KindBreath, ClassIncompleteConfirm, "The first sample was at or above the limit, and the second was begun and not finished.", "It does not show how much the wearer had drunk.", "The wearer is asked why."},
	{KindBreath, ClassAbnormalConfirmation, "Both samples are at or above their limits, and differ by more than two samples of one person should.", "It is no failure by itself.", decide},
	{KindBreath, ClassAtThreshold, "A sample is nearer to its limit than the instrument's error.", noFailure, decide},
	{KindBreath, ClassMouthAlcohol, "The second sample is far below the first: the first was probably of alcohol in the mouth.", noFailure, ""},
	{KindBreath, ClassNotConfirmed, "The second sample is below the limit.", noFailure, ""},
	{KindBreath, ClassStillAbove, "In a test after a failure the wearer is not yet below the limit.", "It is no second failure.", ""},
	{KindBreath, ClassPendingReview, "Whose breath it was, or what the sample means, is not certain.", "It neither passes nor fails the wearer.", "A person compares the pictures or the voice; a new test is asked for."},
	{KindBreath, ClassIncomplete, "A test was begun and has no sample that can be used.", noFailure, "The wearer is asked why."},
	{KindBreath, ClassAmbient, "There was alcohol in the air around the instrument.", noFailure, "The test is repeated elsewhere."},
	{KindBreath, ClassUncalibrated, "The sample was taken after calibration was due.", "It is no evidence, whatever it shows.", "The instrument is calibrated."},
	{KindBreath, ClassNotComparable, "The instrument's figure cannot be related to the limit of the rule.", "It neither passes nor fails the wearer.", "The rule is completed: unit, ratio, density."},
	{KindMissed, ClassMissed, "The wearer gave no sample in the time of the test, and the instrument was heard since.", "It does not show that the wearer had drunk.", "The wearer is asked why."},
	{KindMissed, ClassNotReceived, "No sample came, and nothing else from the instrument either: it may have been given and not come.", "It is not a missed test.", "The instrument is looked for."},
	{KindCalibration, ClassCalibrationDue, "The instrument's calibration is due soon.", "Samples until then count.", "The instrument is calibrated."},
	{KindTransdermal, ClassEpisodeOpen, "Alcohol is at the skin; the verdict follows when it is over.", "It does not show yet that the wearer has drunk.", ""},
	{KindTransdermal, ClassCandidate, "Alcohol at the skin rose and fell as a body's does.", "It is not confirmed, and no concentration in blood or breath follows from it.", "An analyst confirms or rejects it."},
	{KindTransdermal, ClassReview, "Alcohol at the skin rose or fell faster than a body's does: perhaps not drinking, but gel, cleaning or spray.", "It does not show drinking, nor rule it out.", decide},
	{KindTransdermal, ClassInsufficient, "There was alcohol at the skin, and the readings do not show enough of it.", noSober, decide},
	{KindTransdermal, ClassNotWorn, "The instrument was off or covered.", noSober, decide},
	{KindWear, ClassPotentialTamper, "The infrared voltage left its range for a moment, as it does with people who wear the instrument.", "It does not show tampering.", ""},
	{KindWear, ClassObstruction, "The infrared voltage left its range for hours: something may be between instrument and skin.", "It does not show tampering by itself.", decide},
	{KindWear, ClassRemoval, "Infrared voltage, temperature and strap agree that the instrument may have been off.", "It is not confirmed.", decide},
	{KindReading, ClassNegative, "A reading is below zero.", noSober, ""},
	{KindReading, ClassSaturated, "A reading is as much as the instrument can show.", "Its level is not known, but it is not low.", decide},
	{KindReading, ClassWrongUnit, "A reading is in another unit than the rule's.", "It was not converted.", "The rule or the import is corrected."},
	{KindReading, ClassNotANumber, "What came with a reading is no number.", noSober, "The instrument is checked."},
	{KindReading, ClassTemperature, "A reading's temperature is of no skin and no room.", noSober, "The import is corrected: perhaps it is in °F."},
	{KindReading, ClassConflict, "Two readings of one instant differ; the first counts.", noSober, "The instrument is checked."},
	{KindFlat, ClassFlatLine, "The readings are alike in all figures for hours: the sensor may be dead.", noSober, "The instrument is checked."},
	{KindCrossCheck, ClassIdentityOrTamper, "A breath test was passed while alcohol at the skin was high: another may have blown, or an instrument is wrong.", "It does not show which.", decide},
	{KindCrossCheck, ClassMouthOrDevice, "A breath test was failed, and alcohol never came to the skin: alcohol in the mouth, or an instrument is wrong.", "It does not show which.", decide},
	{KindCrossCheck, ClassNotChecked, "A breath test was failed, and there are too few readings at the skin to compare.", "The failure stands as it is.", ""},
}

// MeaningOf returns what a class of this package means; ok is false for a class
// that is not of this package.
func MeaningOf(class string) (m Meaning, ok bool) {
	for _, m := range meanings {
		if m.Class == class {
			return m, true
		}
	}
	return m, false
}
