package codectest

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/protocol"
)

var update = flag.Bool("update", false, "codectest: rewrite the expectations of the vector files, never their bytes")

// Vector is one line of a vector file: a frame with all that goes over the
// wire, and what it must become. Of the two kinds of files, composed vectors
// stand in the repository and have Name, From and By; external ones come from
// outside and have Kind, Source and Expect.
type Vector struct {
	Name string `json:"name,omitempty"`

	// Hex or Text holds the bytes; Text is UTF-8.
	Hex  string `json:"hex,omitempty"`
	Text string `json:"text,omitempty"`

	From string `json:"from,omitempty"` // "device" or "server": who sends such a frame
	By   string `json:"by,omitempty"`   // who computed the bytes: "hand", "python", "encoder"
	Note string `json:"note,omitempty"`

	// After names the vectors that the session sees first. Where it is absent
	// that is the Kit's Login; an empty list is none.
	After []string `json:"after,omitzero"`

	// The expectations. Type is the message's; Error is a part of the text of
	// the error that splitting, decoding or handling gives. Observations have
	// the fields that are compared, all others may have any value. A number
	// with four decimals or more is compared to as many decimals.
	Type         string            `json:"type,omitempty"`
	Error        string            `json:"error,omitempty"`
	Observations []json.RawMessage `json:"observations,omitempty"`

	// Of external vectors only.
	Protocol string          `json:"protocol,omitempty"`
	Source   string          `json:"source,omitempty"`
	Kind     string          `json:"kind,omitempty"`
	Expect   json.RawMessage `json:"expect,omitempty"`
	HTTP     string          `json:"http,omitempty"`
}

// Bytes returns what goes over the wire.
func (v Vector) Bytes() ([]byte, error) {
	if v.Hex != "" && v.Text != "" {
		return nil, errors.New("vector has both hex and text")
	}
	if v.Hex != "" {
		return hex.DecodeString(strings.ReplaceAll(v.Hex, " ", ""))
	}
	return []byte(v.Text), nil
}

func readVectors(file string, strict bool) ([]Vector, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var vs []Vector
	for i, line := range bytes.Split(b, []byte("\n")) {
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		d := json.NewDecoder(bytes.NewReader(line))
		if strict {
			d.DisallowUnknownFields()
		}
		var v Vector
		if err := d.Decode(&v); err != nil {
			return nil, fmt.Errorf("%s:%d: %w", file, i+1, err)
		}
		if w, err := v.Bytes(); err != nil || len(w) == 0 && strict {
			return nil, fmt.Errorf("%s:%d: no bytes: %v", file, i+1, err)
		}
		vs = append(vs, v)
	}
	return vs, nil
}

func writeVectors(file string, vs []Vector) error {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	for _, v := range vs {
		if err := e.Encode(v); err != nil {
			return err
		}
	}
	return os.WriteFile(file, b.Bytes(), 0o666)
}

// loadComposed reads the composed vectors: each has a name of its own, and says
// who sends it and who computed its bytes.
func loadComposed(t tester, k Kit) []Vector {
	t.Helper()
	vs, err := readVectors(k.Vectors, true)
	if err != nil {
		t.Fatal(err)
	}
	if len(vs) == 0 {
		t.Fatalf("%s: no vectors", k.Vectors)
	}
	seen := map[string]bool{}
	for _, v := range vs {
		if v.Name == "" || seen[v.Name] {
			t.Errorf("vector %q: the name is missing or comes twice", v.Name)
		}
		if v.From != "device" && v.From != "server" {
			t.Errorf("vector %q: from is %q, not device or server", v.Name, v.From)
		}
		if v.By == "" {
			t.Errorf("vector %q does not say who computed its bytes", v.Name)
		}
		for _, name := range v.After {
			if !seen[name] {
				t.Errorf("vector %q comes after %q, which is no vector before it", v.Name, name)
			}
		}
		seen[v.Name] = true
	}
	if k.Login != "" && !seen[k.Login] {
		t.Fatalf("no vector %q to log in with", k.Login)
	}
	return vs
}

// External returns the vectors of one file of real frames. It skips the test
// where EM_VECTORS is unset, and fails it where EM_REQUIRE is set besides.
func External(t testing.TB, name string) []Vector {
	t.Helper()
	return outside(inTest(t), name)
}

func outside(t tester, name string) []Vector {
	t.Helper()
	vs, err := readVectors(filepath.Join(vectorsDir(t), name), false)
	if err != nil {
		t.Fatal(err)
	}
	return vs
}

func vectorsDir(t tester) string {
	t.Helper()
	dir := os.Getenv(envVectors)
	if dir == "" {
		if os.Getenv(envRequire) != "" {
			t.Fatalf("%s is unset, and %s demands the tests on outside data", envVectors, envRequire)
		}
		t.Skipf("SKIPPED: set %s to the folder of real frames to run the tests on outside data", envVectors)
	}
	return dir
}

// externalFiles lists the files of real frames.
func externalFiles(t tester) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(vectorsDir(t), "*.jsonl"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no files of real frames in %s: %v", vectorsDir(t), err)
	}
	for i, p := range paths {
		paths[i] = filepath.Base(p)
	}
	return paths
}

// Counts says what became of the vectors of one file.
type Counts struct {
	Vectors     int            // lines of the file
	Frames      int            // frames that the codec found in them
	Messages    int            // frames that became a message of a known type
	Unsupported int            // frames that became a *protocol.Raw
	Failed      map[string]int // junk and frames with an error, by reason
}

// String returns one line.
func (c Counts) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d vectors, %d frames: %d messages, %d unsupported", c.Vectors, c.Frames, c.Messages, c.Unsupported)
	for _, r := range slices.Sorted(maps.Keys(c.Failed)) {
		fmt.Fprintf(&b, ", %d %s", c.Failed[r], r)
	}
	return b.String()
}

// Count decodes a file of external vectors with the device's codec; for the
// relaxed counts hand in d.Relax().
func Count(t testing.TB, d protocol.Device, file string) Counts {
	t.Helper()
	k := Kit{Device: d}
	return k.count(inTest(t), External(t, file))
}

func (k Kit) count(t tester, vs []Vector) Counts {
	t.Helper()
	c := Counts{Vectors: len(vs), Failed: map[string]int{}}
	for _, v := range vs {
		for _, o := range k.external(t, v) {
			if o.frame != nil {
				c.Frames++
			}
			_, raw := o.msg.(*protocol.Raw)
			switch {
			case raw:
				c.Unsupported++
			case o.msg != nil:
				c.Messages++
			default:
				c.Failed[reason(o.err)]++
			}
		}
	}
	return c
}

// Whole is the bytes of an outside vector, completed by its codec where they are not
// a frame that decodes: see protocol.Completer. It is nil where the vector has none.
func Whole(c protocol.Codec, v Vector) []byte {
	b, _ := v.Bytes()
	if frame, n, err := c.Split(b); frame != nil && n == len(b) && err == nil {
		if _, err := c.Decode(frame); err == nil {
			return b
		}
	}
	if completer, ok := c.(protocol.Completer); ok {
		if whole, _ := completer.Complete(b); whole != nil {
			return whole
		}
	}
	return b
}

// external feeds one vector, whole: one that gives no frame is tried again with CR LF
// behind it.
func (k Kit) external(t tester, v Vector) []outcome {
	t.Helper()
	d := k.device(t)
	if _, err := v.Bytes(); err != nil {
		t.Fatal(err)
	}
	b := Whole(k.Device.Codec, v)
	all := feed(t, d, true, b)
	if !slices.ContainsFunc(all, func(o outcome) bool { return o.frame != nil }) {
		ended := feed(t, d, true, append(b[:len(b):len(b)], "\r\n"...))
		if slices.ContainsFunc(ended, func(o outcome) bool { return o.frame != nil }) {
			return ended
		}
	}
	return all
}

// observationsJSON renders observations for expectations: without what follows
// from the rest (id, received, and at where it says nothing of its own).
func observationsJSON(obs []em.Observation) ([]json.RawMessage, error) {
	var all []json.RawMessage
	for _, o := range obs {
		if o.At.Equal(o.DeviceAt) || o.At.Equal(o.Received) {
			o.At = time.Time{}
		}
		o.ID, o.Received = em.ObservationID{}, time.Time{}
		b, err := json.Marshal(o)
		if err != nil {
			return nil, err
		}
		all = append(all, b)
	}
	return all, nil
}

// subset says where got lacks something of want, or "" where it has all of it.
func subset(path string, want, got any) string {
	switch w := want.(type) {
	case map[string]any:
		g, ok := got.(map[string]any)
		if !ok {
			return fmt.Sprintf("%s: got %v, want an object", path, got)
		}
		for _, name := range slices.Sorted(maps.Keys(w)) {
			v, ok := g[name]
			if !ok && w[name] != nil { // null: must be absent
				return fmt.Sprintf("%s.%s: missing, want %v", path, name, w[name])
			}
			if diff := subset(path+"."+name, w[name], v); diff != "" {
				return diff
			}
		}
		return ""
	case []any:
		g, ok := got.([]any)
		if !ok || len(g) != len(w) {
			return fmt.Sprintf("%s: got %v, want %v", path, got, want)
		}
		for i := range w {
			if diff := subset(fmt.Sprintf("%s[%d]", path, i), w[i], g[i]); diff != "" {
				return diff
			}
		}
		return ""
	case json.Number:
		if g, ok := got.(json.Number); ok && sameNumber(w, g) {
			return ""
		}
	default:
		if want == got {
			return ""
		}
	}
	return fmt.Sprintf("%s: got %v, want %v", path, got, want)
}

func sameNumber(want, got json.Number) bool {
	if want == got {
		return true
	}
	w, err1 := strconv.ParseFloat(string(want), 64)
	g, err2 := strconv.ParseFloat(string(got), 64)
	tolerance := 1e-9
	if _, frac, ok := strings.Cut(string(want), "."); ok && len(frac) >= 4 && !strings.ContainsAny(frac, "eE") {
		tolerance = 0.5001 * math.Pow10(-len(frac))
	}
	return err1 == nil && err2 == nil && math.Abs(w-g) <= tolerance
}

func parseJSON(b []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	var v any
	err := d.Decode(&v)
	return v, err
}
