package catalogue

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"go/ast"
	"go/doc/comment"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/sargas-em/em/devices"
	"github.com/sargas-em/em/protocol"
	"github.com/sargas-em/em/protocol/codectest"
)

// The catalogue says what the sources say. EM_UPDATE=1 writes it anew.
func TestCatalogue(t *testing.T) {
	var all []Entry
	for _, d := range devices.All() {
		folder, vectors := d.Name, "vectors.jsonl"
		if d.Name == "skyn" { // a guest of bactrack
			folder, vectors = "bactrack", "skyn.jsonl"
		}
		all = append(all, entry(t, d, folder, vectors))
	}
	var want bytes.Buffer
	e := json.NewEncoder(&want)
	e.SetEscapeHTML(false)
	e.SetIndent("", " ")
	if err := e.Encode(all); err != nil {
		t.Fatal(err)
	}
	if os.Getenv("EM_UPDATE") != "" {
		if err := os.WriteFile("catalogue.json", want.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if !bytes.Equal(document, want.Bytes()) {
		t.Error("catalogue.json is not what the sources say: EM_UPDATE=1 go test ./examples/emcodec/catalogue writes it anew")
	}
	entries, err := Entries()
	if err != nil || len(entries) != len(all) {
		t.Fatalf("%d entries, %v", len(entries), err)
	}
	for name, e := range entries {
		if e.About == "" || len(e.Messages) == 0 || e.Profile == "" {
			t.Errorf("%s lacks its framing, messages or profile", name)
		}
	}
}

// entry reads a dialect's folder.
func entry(t *testing.T, d protocol.Device, folder, file string) Entry {
	t.Helper()
	e := Entry{Codec: d.Name, Package: folder}
	dir := filepath.Join("..", "..", "..", "devices", folder)
	names, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	fset := token.NewFileSet()
	for _, name := range names {
		f, err := parser.ParseFile(fset, name, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(name, "_test.go") {
			if e.Profile == "" {
				e.Profile = profile(f, d.Name, folder != d.Name)
			}
			continue
		}
		for _, group := range f.Comments {
			switch text := group.Text(); {
			case group == f.Doc:
				e.About, e.Sections = sections(text)
			case strings.Contains(text, "Unverified"):
				e.Unverified = append(e.Unverified, strings.Join(strings.Fields(text), " "))
			}
		}
	}
	e.Vectors, e.Messages, e.Checks = vectors(t, d, filepath.Join(dir, "testdata", file))
	return e
}

// profile finds the Profile of a Kit: of a guest of another dialect's folder the name
// of one among the arguments of a call whose first is the guest's constructor.
func profile(f *ast.File, dialect string, guest bool) (name string) {
	ast.Inspect(f, func(n ast.Node) bool {
		if call, ok := n.(*ast.CallExpr); ok && guest && len(call.Args) > 1 {
			first, _ := call.Args[0].(*ast.CallExpr)
			if first == nil {
				return true
			}
			constructor, _ := first.Fun.(*ast.Ident)
			if constructor == nil || !strings.EqualFold(constructor.Name, dialect) {
				return true
			}
			for _, arg := range call.Args {
				value, _ := arg.(*ast.BasicLit)
				if value != nil && slices.ContainsFunc(codectest.Profiles(), func(p codectest.Profile) bool { return strconv.Quote(p.Name) == value.Value }) {
					name = strings.Trim(value.Value, `"`)
				}
			}
		}
		if guest {
			return true
		}
		if kv, ok := n.(*ast.KeyValueExpr); ok {
			key, _ := kv.Key.(*ast.Ident)
			value, _ := kv.Value.(*ast.BasicLit)
			if key != nil && value != nil && key.Name == "Profile" {
				name = strings.Trim(value.Value, `"`)
			}
		}
		return true
	})
	return name
}

// sections splits a package's documentation at its headings.
func sections(text string) (about string, rest []Section) {
	doc := new(comment.Parser).Parse(text)
	printer := &comment.Printer{TextWidth: 96}
	render := func(blocks []comment.Block) string {
		return strings.TrimRight(string(printer.Text(&comment.Doc{Content: blocks})), "\n")
	}
	start, title := 0, ""
	cut := func(end int) {
		part := render(doc.Content[start:end])
		if title == "" {
			about = part
		} else {
			rest = append(rest, Section{title, part})
		}
	}
	for i, b := range doc.Content {
		if h, ok := b.(*comment.Heading); ok {
			cut(i)
			start, title = i+1, strings.TrimPrefix(strings.TrimSpace(render([]comment.Block{&comment.Paragraph{Text: h.Text}})), "# ")
		}
	}
	cut(len(doc.Content))
	return about, rest
}

// vectors reads the composed frames: the types of messages with their directions
// and what they become, and the check codes that a wrong bit runs into.
func vectors(t *testing.T, d protocol.Device, file string) (n int, messages []Message, checks []string) {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	type sets struct{ from, observes map[string]bool }
	types, algorithms := map[string]sets{}, map[string]bool{}
	for _, line := range bytes.Split(bytes.TrimSpace(b), []byte("\n")) {
		var v codectest.Vector
		if err := json.Unmarshal(line, &v); err != nil {
			t.Fatal(err)
		}
		n++
		if v.Type == "" || v.Error != "" {
			continue
		}
		if types[v.Type].from == nil {
			types[v.Type] = sets{map[string]bool{}, map[string]bool{}}
		}
		types[v.Type].from[v.From] = true
		for _, raw := range v.Observations {
			var o struct{ Body, Event, What, Name string }
			if err := json.Unmarshal(raw, &o); err != nil {
				t.Fatal(err)
			}
			types[v.Type].observes[strings.TrimSpace(o.Body+" "+cmp.Or(o.Event, o.What, o.Name))] = true
		}
		wire, err := v.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		frame, _, err := d.Codec.Split(wire)
		if err != nil || frame == nil {
			continue
		}
		for i := range frame {
			broken := bytes.Clone(frame)
			broken[i] ^= 1
			var wrong *protocol.ChecksumError
			if _, err := d.Codec.Decode(broken); errors.As(err, &wrong) {
				algorithms[wrong.Algorithm] = true
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(types)) {
		s := types[name]
		messages = append(messages, Message{name, slices.Sorted(maps.Keys(s.from)), slices.Sorted(maps.Keys(s.observes))})
	}
	return n, messages, slices.Sorted(maps.Keys(algorithms))
}
