package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// block returns the README's first fenced block of a language that has a line
// start.
func block(t *testing.T, readme, lang, start string) string {
	t.Helper()
	for i, part := range strings.Split("\n"+readme, "\n```") {
		// Every second part is inside a fence; its first line is the language.
		if name, body, _ := strings.Cut(part, "\n"); i%2 == 1 && name == lang && strings.Contains("\n"+body+"\n", "\n"+start+"\n") {
			return body + "\n"
		}
	}
	t.Fatalf("the README has no block of %q with the line %q", lang, start)
	return ""
}

// What the README tells a newcomer to do works as it stands: its first example,
// copied unchanged into a module of its own, prints what the README shows.
func TestReadmeFirstExample(t *testing.T) {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	doc, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	readme := string(doc)
	source := block(t, readme, "go", "package main")
	own, err := os.ReadFile("main.go")
	if err != nil {
		t.Fatal(err)
	}
	if source != string(own) {
		t.Error("the README's first example differs from examples/first/main.go")
	}

	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "main.go"), []byte(source), 0o644); err != nil {
		t.Fatal(err)
	}
	run := func(args ...string) string {
		t.Helper()
		cmd := exec.Command("go", args...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=-mod=mod")
		var out, errs bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &errs
		if err := cmd.Run(); err != nil {
			t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, &errs)
		}
		return out.String()
	}
	run("mod", "init", "example.org/demo")
	run("mod", "edit", "-require", "github.com/sargas-em/em@v0.0.0", "-replace", "github.com/sargas-em/em="+root)
	run("mod", "tidy")
	got := run("run", ".")
	_, want, _ := strings.Cut(block(t, readme, "", "$ go run ."), "$ go run .\n")
	if got != want {
		t.Errorf("go run . prints\n%swhere the README shows\n%s", got, want)
	}

	modules := map[string]bool{}
	for _, m := range strings.Fields(run("list", "-deps", "-f", "{{with .Module}}{{.Path}}{{end}}", ".")) {
		if m != "example.org/demo" && m != "github.com/sargas-em/em" {
			modules[m] = true
		}
	}
	if len(modules) > 6 {
		t.Errorf("it compiles %d third-party modules, more than 6: %v", len(modules), modules)
	}
}
