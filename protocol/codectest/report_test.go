package codectest

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/sargas-em/em/protocol"
	"github.com/sargas-em/em/protocol/internal/sample"
)

var reportedAt = time.Date(2026, 3, 14, 9, 26, 53, 589793238, time.UTC)

// The list is a promise to those who keep reports: ids are added, never changed.
func TestRequirementsAreStable(t *testing.T) {
	var got []string
	for _, q := range Requirements() {
		got = append(got, fmt.Sprintf("%s L%d %s", q.ID, q.Level, q.Name))
		if q.Title == "" || !strings.HasSuffix(q.Title, ".") {
			t.Errorf("%s has the title %q", q.ID, q.Title)
		}
	}
	want := []string{
		"EM-DEC-01 L1 vectors", "EM-DEC-02 L1 origin", "EM-DEC-03 L1 dissect", "EM-DEC-04 L1 chunking",
		"EM-ENC-01 L1 reencode", "EM-ENC-02 L1 append", "EM-TIM-01 L1 zones",
		"EM-ROB-01 L2 truncation", "EM-ROB-02 L2 bitflips", "EM-ROB-03 L2 resync", "EM-ROB-04 L2 maxframe",
		"EM-ROB-05 L2 foreign", "EM-ROB-06 L2 relaxed", "EM-ROB-07 L2 match",
		"EM-SES-01 L3 session", "EM-SIM-01 L3 simulator", "EM-TIM-02 L3 instants", "EM-CMD-01 L3 commands",
		"EM-PRF-01 L3 profile", "EM-PRF-02 L3 profile commands",
		"EM-FLD-01 L4 external", "EM-FLD-02 L4 field",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// A good dialect without frames of real devices is complete; what was looked at
// and what was not is told. Two runs give the same report, in all its forms.
func TestVerify(t *testing.T) {
	t.Setenv(envVectors, "")
	t.Setenv(envRequire, "")
	r := Verify(sampleKit(), reportedAt)
	if !r.Passed() || r.Level() != LevelComplete {
		t.Errorf("%v, %+v", r.Level(), r.Results)
	}
	statuses := map[string]Status{}
	for _, q := range r.Results {
		statuses[q.ID] = q.Status
	}
	for id, want := range map[string]Status{"EM-DEC-01": Passed, "EM-CMD-01": Passed, "EM-PRF-01": NotApplicable, "EM-FLD-01": Skipped} {
		if statuses[id] != want {
			t.Errorf("%s %s, want %s", id, statuses[id], want)
		}
	}
	again := Verify(sampleKit(), reportedAt)
	forms := map[string]func(*Report, io.Writer) error{
		"json": (*Report).WriteJSON, "junit": (*Report).WriteJUnit, "html": (*Report).WriteHTML, "badge": (*Report).WriteBadge,
	}
	for name, write := range forms {
		var a, b bytes.Buffer
		if err := errors.Join(write(r, &a), write(again, &b)); err != nil {
			t.Fatal(err)
		}
		if a.String() != b.String() {
			t.Errorf("%s differs between two runs:\n%s", name, cmp.Diff(a.String(), b.String()))
		}
	}
	var js bytes.Buffer
	if err := r.WriteJSON(&js); err != nil {
		t.Fatal(err)
	}
	back, err := ReadReport(&js)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(r, back); d != "" {
		t.Errorf("-written +read\n%s", d)
	}
}

// With frames of real devices a dialect is proven, with too few it is not.
func TestVerifyField(t *testing.T) {
	dir := t.TempDir()
	t.Setenv(envVectors, dir)
	line := `{"protocol":"sample","source":"composed","text":"#alive,990000000000017*6D\r\n","kind":"x","expect":{}}` + "\n"
	bad := strings.Replace(line, "#alive", "~alive", 1)
	for _, c := range []struct {
		name string
		file string
		want Level
	}{
		{"enough", strings.Repeat(line, 20), LevelProven},
		{"few", strings.Repeat(line, 19), LevelComplete},
		{"nine of ten", strings.Repeat(line, 18) + strings.Repeat(bad, 2), LevelProven},
		{"fewer", strings.Repeat(line, 17) + strings.Repeat(bad, 3), LevelComplete},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := os.WriteFile(filepath.Join(dir, "sample.jsonl"), []byte(c.file), 0o666); err != nil {
				t.Fatal(err)
			}
			k := sampleKit()
			k.External = []string{"sample.jsonl"}
			if r := Verify(k, reportedAt); r.Level() != c.want || !r.Passed() {
				t.Errorf("%v, %+v", r.Level(), r.Results)
			}
		})
	}
}

// A profile is met only by what the vectors show and the device takes.
func TestVerifyProfile(t *testing.T) {
	t.Setenv(envVectors, "")
	t.Setenv(envRequire, "")
	for _, c := range []struct{ profile, want string }{
		{"tracker", "no vector shows that there is no current position (tracker); no vector shows its battery (tracker)"},
		{"breathalyser", "no vector shows a reading of breath (breathalyser); no vector shows its battery (breathalyser); no vector shows a test without a result (breathalyser)"},
		{"sensor", "no vector shows a reading of breath (sensor); the device takes none of the commands [read]"},
		{"toaster", `no profile "toaster"; there are tracker, gps-bracelet, home-unit, alarm-unit, sensor, breathalyser, transdermal, beacon; ` +
			`no profile "toaster"; there are tracker, gps-bracelet, home-unit, alarm-unit, sensor, breathalyser, transdermal, beacon`},
	} {
		k := sampleKit()
		k.Profile = c.profile
		r := Verify(k, reportedAt)
		var got []string
		for _, q := range r.Results {
			got = append(got, q.Failures...)
		}
		if s := strings.Join(got, "; "); s != c.want || r.Level() != LevelRobust || r.Passed() {
			t.Errorf("%s: %v\n%s", c.profile, r.Level(), s)
		}
	}
}

// Every mistake that the kit finds under go test it finds as a tool, without a
// panic, and no such dialect is complete.
func TestVerifyFindsMistakes(t *testing.T) {
	if testing.Short() {
		t.Skip("long, in one goroutine")
	}
	t.Setenv(envVectors, "")
	t.Setenv(envRequire, "")
	for _, m := range mistakes {
		if strings.HasPrefix(m.name, "vectors by") {
			continue // it needs a file
		}
		t.Run(m.name, func(t *testing.T) {
			calls = 0
			k := sampleKit()
			m.make(&k)
			k.enough = m.want // the rest was looked at with the other mistakes
			r := Verify(k, reportedAt)
			if m.want == "ok" {
				if !r.Passed() {
					t.Errorf("%+v", r)
				}
				return
			}
			said := ""
			for _, q := range r.Results {
				said += strings.Join(q.Failures, "\n") + "\n"
			}
			if r.Passed() || r.Level() >= LevelComplete || !strings.Contains(said, m.want) {
				t.Errorf("%v, want a failure with %q:\n%.2000s", r.Level(), m.want, said)
			}
		})
	}
}

// A report with failures in every form: JUnit is well-formed and counts them,
// the page has every id and escapes what frames hold.
func TestReportForms(t *testing.T) {
	r := &Report{Device: "beta", Title: "Beta <b>7</b>", Profile: "tracker", At: reportedAt, Vectors: 3, Messages: []string{"a<b"}, Commands: []protocol.CommandKind{"locate"}}
	r.Frames = []Frame{{Vector: "first <i>", Type: "login", Fields: []Field{{0x0E, "d9d4", "crc", "0xD9D4", "OK   CRC-16/X-25"}}}}
	for i, q := range Requirements() {
		res := Result{Requirement: q, Status: Passed, Notes: []string{"2 of 2"}}
		switch i {
		case 7:
			res.Status, res.Count, res.Failures = Failed, 12, []string{"input \x00<script>alert(1)</script>\xff"}
		case 18:
			res.Status, res.Reason = Skipped, "no files"
		}
		r.Results = append(r.Results, res)
	}
	if r.Level() != LevelDecodes || r.Passed() {
		t.Errorf("%v", r.Level())
	}
	var junit, html, badge bytes.Buffer
	if err := errors.Join(r.WriteJUnit(&junit), r.WriteHTML(&html), r.WriteBadge(&badge)); err != nil {
		t.Fatal(err)
	}
	var suite struct {
		Tests    int `xml:"tests,attr"`
		Failures int `xml:"failures,attr"`
		Skipped  int `xml:"skipped,attr"`
		Cases    []struct {
			Name    string `xml:"name,attr"`
			Failure *struct {
				Text string `xml:",chardata"`
			} `xml:"failure"`
		} `xml:"testcase"`
	}
	if err := xml.Unmarshal(junit.Bytes(), &suite); err != nil {
		t.Fatal(err)
	}
	if suite.Tests != 22 || suite.Failures != 1 || suite.Skipped != 1 || suite.Cases[8].Name != "EM-ROB-02 bitflips" ||
		suite.Cases[7].Failure == nil || !strings.Contains(suite.Cases[7].Failure.Text, "<script>") {
		t.Errorf("%+v", suite)
	}
	page := html.String()
	for _, q := range Requirements() {
		if !strings.Contains(page, `id="`+q.ID+`"`) {
			t.Errorf("the page lacks %s", q.ID)
		}
	}
	for _, want := range []string{"login: first &lt;i&gt;", "<td>000E</td><td><code>d9d4</code></td><th scope=\"row\">crc</th><td>0xD9D4 OK   CRC-16/X-25</td>"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %s", want)
		}
	}
	if strings.Contains(page, "<script") || strings.Contains(page, "<b>7") || regexp.MustCompile(`(src|href)=`).MatchString(page) {
		t.Error("the page is not self-contained, or lets through what frames hold")
	}
	if err := xml.Unmarshal(badge.Bytes(), new(struct{})); err != nil || !strings.Contains(badge.String(), "L1 decodes") {
		t.Errorf("%v\n%s", err, badge.String())
	}
}

// Under go test the kit leaves the same report where it is asked for one.
func TestRunReports(t *testing.T) {
	dir := t.TempDir()
	t.Setenv(envReport, dir)
	t.Setenv(envVectors, "")
	t.Setenv(envRequire, "")
	t.Run("kit", func(t *testing.T) { Run(t, sampleKit()) })
	f, err := os.Open(filepath.Join(dir, "sample.json"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	got, err := ReadReport(f)
	if err != nil {
		t.Fatal(err)
	}
	want := Verify(sampleKit(), got.At)
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("-verify +run\n%s", d)
	}
}

// Two kits of one device leave one report, and where a tool asks for another device
// they are skipped.
func TestRunReportsTogether(t *testing.T) {
	dir := t.TempDir()
	t.Setenv(envReport, dir)
	t.Setenv(envVectors, "")
	t.Setenv(envRequire, "")
	t.Run("one", func(t *testing.T) { Run(t, sampleKit()) })
	t.Run("two", func(t *testing.T) { Run(t, sampleKit()) })
	t.Setenv(envDialect, "other")
	t.Run("skipped", func(t *testing.T) { Run(t, sampleKit()); t.Error("it was not skipped") })
	f, err := os.Open(filepath.Join(dir, "sample.json"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	got, err := ReadReport(f)
	if err != nil {
		t.Fatal(err)
	}
	one := Verify(sampleKit(), got.At)
	want := *one
	want.Add(one, t.Name()+"/two")
	if d := cmp.Diff(&want, got); d != "" || got.Vectors != 2*one.Vectors {
		t.Errorf("-want +got\n%s", d)
	}
}

// What one kit lacks, the report of both lacks; what one has nothing to show for,
// the other may have.
func TestReportAdd(t *testing.T) {
	report := func(vectors int, typ string, results ...Result) *Report {
		for i := range results {
			results[i].ID = string(rune('A' + i))
		}
		return &Report{Vectors: vectors, Messages: []string{"both", typ}, Results: results, Frames: []Frame{{"first", "both", nil}, {"second", typ, nil}}}
	}
	a := report(3, "a", Result{Status: Passed}, Result{Status: NotApplicable, Reason: "none"}, Result{Status: Skipped, Reason: "first"}, Result{Status: Failed, Count: 12, Failures: []string{"x"}}, Result{Status: Passed})
	a.Add(report(4, "b",
		Result{Status: Failed, Count: 1, Failures: []string{"y"}}, Result{Status: Passed, Notes: []string{"n"}}, Result{Status: Skipped, Reason: "second"}, Result{Status: Passed}, Result{Status: NotApplicable, Reason: "none"},
	), "Mobile")
	want := &Report{Vectors: 7, Messages: []string{"both", "a", "b"}, Results: []Result{
		{Status: Failed, Count: 1, Failures: []string{"Mobile: y"}}, {Status: Passed, Notes: []string{"Mobile: n"}},
		{Status: Skipped, Reason: "first"}, {Status: Failed, Count: 12, Failures: []string{"x"}}, {Status: Passed},
	}}
	want.Frames = []Frame{{"first", "both", nil}, {"second", "a", nil}, {"second", "b", nil}}
	for i := range want.Results {
		want.Results[i].ID = string(rune('A' + i))
	}
	if d := cmp.Diff(want, a, cmpopts.EquateEmpty()); d != "" {
		t.Errorf("-want +got\n%s", d)
	}
}

// A kit that cannot even begin fails every requirement with its reason.
func TestVerifyCannotBegin(t *testing.T) {
	k := sampleKit()
	k.Vectors = "none.jsonl"
	r := Verify(k, reportedAt)
	if r.Passed() || r.Level() != LevelNone || len(r.Results) != len(Requirements()) || !strings.Contains(r.Results[0].Failures[0], "no such file") {
		t.Errorf("%+v", r)
	}
}

func ExampleVerify() {
	r := Verify(Kit{
		Device: sample.Device(), Vectors: "../internal/sample/testdata/vectors.jsonl", Identity: "990000000000017",
	}, time.Date(2026, 3, 14, 9, 26, 53, 0, time.UTC))
	fmt.Println(r.Device, r.Level(), r.Passed())
	// Output: sample L3 complete true
}
