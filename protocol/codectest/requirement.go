package codectest

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/protocol"
)

// Level is how far a device has come. Each level includes those below.
type Level uint8

// Levels.
const (
	LevelNone     Level = iota
	LevelDecodes        // L1: its frames become the right messages and observations, and back
	LevelRobust         // L2: no bytes, whole, cut or wrong, do harm
	LevelComplete       // L3: it holds whole conversations, and shows what its kind of device must
	LevelProven         // L4: frames of real devices decode
)

var levelNames = [...]string{"none", "L1 decodes", "L2 robust", "L3 complete", "L4 field-proven"}

// String returns "L2 robust".
func (l Level) String() string {
	if int(l) < len(levelNames) {
		return levelNames[l]
	}
	return fmt.Sprintf("Level(%d)", uint8(l))
}

// Requirement is one thing that the kit asks for. IDs are stable: one that is
// given up is never used again.
type Requirement struct {
	ID    string `json:"id"`
	Level Level  `json:"level"`
	Name  string `json:"name"` // of the subtest of Run
	Title string `json:"title"`
}

// requirement is one with its check.
type requirement struct {
	Requirement
	run func(tester, Kit, []goodVector)
}

func requirements() []requirement {
	return []requirement{
		{Requirement{"EM-DEC-01", LevelDecodes, "vectors", "Each composed frame becomes the expected message, observations or error."}, nil},
		{Requirement{"EM-DEC-02", LevelDecodes, "origin", "For each type of message a frame was composed outside the encoder."}, nil},
		{Requirement{"EM-DEC-03", LevelDecodes, "dissect", "Each byte of a frame is in one named field."}, runDissect},
		{Requirement{"EM-DEC-04", LevelDecodes, "chunking", "The same frames come out however the stream is cut: at every byte, glued, byte by byte."}, runChunking},
		{Requirement{"EM-ENC-01", LevelDecodes, "reencode", "What the codec encodes decodes to the same message."}, runReencode},
		{Requirement{"EM-ENC-02", LevelDecodes, "append", "Messages of others are refused, and what is before them is left alone."}, runAppend},
		{Requirement{"EM-TIM-01", LevelDecodes, "zones", "Frames become the same in every time zone of process and clock, and their times are UTC."}, runZones},
		{Requirement{"EM-ROB-01", LevelRobust, "truncation", "A frame that is cut off at any length is no message."}, runTruncation},
		{Requirement{"EM-ROB-02", LevelRobust, "bitflips", "Each wrong bit under the check code is found; none does harm elsewhere."}, runBitFlips},
		{Requirement{"EM-ROB-03", LevelRobust, "resync", "Good frames are found again behind junk."}, runResync},
		{Requirement{"EM-ROB-04", LevelRobust, "maxframe", "A frame without an end takes no more memory than the longest one."}, runMaxFrame},
		{Requirement{"EM-ROB-05", LevelRobust, "foreign", "Frames of other protocols become no messages."}, runForeign},
		{Requirement{"EM-ROB-06", LevelRobust, "relaxed", "The relaxed codec takes wrong check codes, and all that the strict one takes."}, runRelaxed},
		{Requirement{"EM-ROB-07", LevelRobust, "match", "The start of a stream is not taken for another dialect's."}, runMatch},
		{Requirement{"EM-SES-01", LevelComplete, "session", "Messages in any order, before and after the login, keep the contract of a session."}, runSession},
		{Requirement{"EM-SIM-01", LevelComplete, "simulator", "The simulated device logs in, and all that it reports arrives as it was, stored reports too."}, runSimulator},
		{Requirement{"EM-TIM-02", LevelComplete, "instants", "What the simulated device reports arrives as of the same instant in every zone, across midnights and years too."}, runInstants},
		{Requirement{"EM-CMD-01", LevelComplete, "commands", "Each command that the device lists can be sent, and its answer is recognised."}, runCommands},
		{Requirement{"EM-PRF-01", LevelComplete, "profile", "The vectors show what a device of its profile must tell."}, runProfile},
		{Requirement{"EM-PRF-02", LevelComplete, "profile commands", "The device takes the commands that one of its profile must."}, runProfileCommands},
		{Requirement{"EM-FLD-01", LevelProven, "external", "Frames of real devices keep the contract, cut short and with wrong bits too."}, runExternal},
		{Requirement{"EM-FLD-02", LevelProven, "field", "At least 20 frames of real devices are known, and nine of ten decode."}, runField},
	}
}

// Requirements lists all that the kit asks for, in the order of their levels.
func Requirements() []Requirement {
	var all []Requirement
	for _, q := range requirements() {
		all = append(all, q.Requirement)
	}
	return all
}

// run makes a report of all requirements.
func (k Kit) run(t tester, at time.Time) *Report {
	t.Helper()
	k = k.withDefaults(t)
	k.seen, k.seenRelaxed = known{}, known{}
	r := &Report{
		Device: k.Device.Name, Title: k.Device.Title, Profile: k.Profile, At: at.UTC().Truncate(time.Second),
		Commands: k.Device.Commands, External: k.External,
	}
	vectors := loadComposed(t, k)
	r.Vectors = len(vectors)
	var good []goodVector
	enough := false
	for _, q := range requirements() {
		if enough {
			r.Results = append(r.Results, Result{Requirement: q.Requirement, Status: Skipped})
			continue
		}
		f := q.run
		switch q.Name {
		case "vectors":
			f = func(t tester, k Kit, _ []goodVector) { runVectors(t, k, vectors) }
		case "origin":
			f = func(t tester, _ Kit, _ []goodVector) { runOrigin(t, vectors) }
		}
		var found *record
		t.Run(q.Name, func(t tester) {
			found = t.result()
			if q.Name != "vectors" && q.Name != "origin" && len(good) == 0 {
				t.Fatal("no vector decodes: nothing else can be tested")
			}
			f(t, k, good)
		})
		if q.Name == "vectors" {
			good = goodVectors(t, k, vectors)
			r.Messages = messageTypes(good)
			r.Frames = dissected(k, good)
		}
		if found == nil { // go test -run left it out
			found = &record{skipped: "left out"}
		}
		r.Results = append(r.Results, found.toResult(q.Requirement))
		enough = k.enough != "" && strings.Contains(strings.Join(found.failures, "\n"), k.enough)
	}
	return r
}

func (r *record) toResult(q Requirement) Result {
	res := Result{Requirement: q, Status: Passed, Count: r.count, Failures: r.failures, Notes: r.notes}
	switch {
	case r.count > 0:
		res.Status = Failed
	case r.na != "":
		res.Status, res.Reason = NotApplicable, r.na
	case r.skipped != "":
		res.Status, res.Reason = Skipped, r.skipped
	}
	return res
}

func messageTypes(good []goodVector) []string {
	types := map[string]bool{}
	for _, v := range good {
		types[v.msg.Type()] = true
	}
	return slices.Sorted(maps.Keys(types))
}

// runOrigin: a round trip proves nothing about the order of bytes.
func runOrigin(t tester, vs []Vector) {
	outside := map[string]bool{}
	for _, v := range vs {
		outside[v.Type] = outside[v.Type] || v.By != "encoder"
	}
	for _, typ := range slices.Sorted(maps.Keys(outside)) {
		if !outside[typ] {
			t.Errorf("all vectors of type %q are the encoder's own", typ)
		}
	}
}

// runDissect: the codec says what each byte means. That the fields have names and
// cover all bytes once and in order the watcher checks, at every call of all
// checks; here each good frame is one, and unknown bytes are counted.
func runDissect(t tester, k Kit, good []goodVector) {
	d, ok := k.Device.Codec.(protocol.Dissector)
	if !ok {
		t.Fatal("the codec is no protocol.Dissector")
	}
	watched := k.device(t)
	bytes, unknown := 0, 0
	for _, v := range good {
		if _, err := watched.Codec.Decode(v.frame); err != nil { // watched: it dissects too
			t.Errorf("%s: %v", v.Name, err)
		}
		_, spans, _ := d.Dissect(v.frame)
		for _, s := range spans {
			bytes += s.Len
			if s.Name == "unparsed" || s.Name == "tail" || s.Name == "unknown" {
				unknown += s.Len
			}
		}
	}
	t.Logf("%d bytes in fields, %d of them unknown", bytes, unknown)
}

// runProfile: what the composed frames of the device become must show everything
// that the profile demands.
func runProfile(t tester, k Kit, good []goodVector) {
	p := k.profile(t)
	byName := map[string]Vector{}
	for _, v := range good {
		byName[v.Name] = v.Vector
	}
	var all []em.Observation
	for _, v := range good {
		if v.From != "device" {
			continue
		}
		obs, _ := k.observe(t, byName, v.Vector, outcome{frame: v.frame, msg: v.msg})
		all = append(all, obs...)
	}
	for _, n := range p.Shows {
		if !slices.ContainsFunc(all, func(o em.Observation) bool { return n.shown(o) }) {
			t.Errorf("no vector shows %s (%s)", n.Name, p.Name)
		}
	}
}

// runProfileCommands: the device takes at least one command of each set that the
// profile demands.
func runProfileCommands(t tester, k Kit, _ []goodVector) {
	p := k.profile(t)
	if len(p.Takes) == 0 {
		t.NotApplicable("the profile demands no command")
	}
	for _, set := range p.Takes {
		if !slices.ContainsFunc(set, func(c protocol.CommandKind) bool { return slices.Contains(k.Device.Commands, c) }) {
			t.Errorf("the device takes none of the commands %v", set)
		}
	}
}

func (k Kit) profile(t tester) Profile {
	t.Helper()
	if k.Profile == "" {
		t.NotApplicable("the kit names no profile")
	}
	names := []string{}
	for _, p := range Profiles() {
		if p.Name == k.Profile {
			return p
		}
		names = append(names, p.Name)
	}
	t.Fatalf("no profile %q; there are %s", k.Profile, strings.Join(names, ", "))
	return Profile{}
}

// runField: what counts as proven; less is no fault, but not yet proof. Where frames were made anonymous, their check
// codes no longer fit: the relaxed codec's count is what counts.
func runField(t tester, k Kit, _ []goodVector) {
	if len(k.External) == 0 {
		t.Skip("the kit names no external files")
	}
	k = k.relax()
	const least = 20
	total, decoded := 0, 0
	for _, file := range k.External {
		for _, v := range outside(t, file) {
			total++
			if slices.ContainsFunc(k.external(t, v), func(o outcome) bool { return o.msg != nil }) {
				decoded++
			}
		}
	}
	t.Logf("%d of %d frames decode", decoded, total)
	if total < least {
		t.Skipf("%d frames of real devices, %d are needed", total, least)
	}
	if 10*decoded < 9*total {
		t.Skipf("%d of %d frames of real devices decode, nine of ten are needed", decoded, total)
	}
}
