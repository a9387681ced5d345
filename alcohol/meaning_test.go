package alcohol

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// Every class that the package declares has one meaning, in whole sentences.
func TestEveryClassHasAMeaning(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	declared := map[string]bool{}
	for _, file := range files {
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			v, ok := n.(*ast.ValueSpec)
			if !ok || len(v.Values) != 1 || !strings.HasPrefix(v.Names[0].Name, "Class") {
				return true
			}
			if lit, ok := v.Values[0].(*ast.BasicLit); ok {
				class, _ := strconv.Unquote(lit.Value)
				declared[class] = true
			}
			return true
		})
	}
	if len(declared) < 30 || len(declared) != len(meanings) {
		t.Errorf("%d classes, %d meanings", len(declared), len(meanings))
	}
	for class := range declared {
		m, ok := MeaningOf(class)
		if !ok || m.Kind == "" || !strings.HasSuffix(m.Means, ".") {
			t.Errorf("%s: %+v", class, m)
		}
		for _, s := range []string{m.Not, m.Person} {
			if s != "" && !strings.HasSuffix(s, ".") {
				t.Errorf("%s: %q is no sentence", class, s)
			}
		}
	}
	if _, ok := MeaningOf("DRUNK"); ok {
		t.Error("a class of nobody's")
	}
}
