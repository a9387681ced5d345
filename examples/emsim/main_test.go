package main

import (
	"bufio"
	"bytes"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	testscript.Main(leakChecked{m}, map[string]func(){"emsim": main})
}

// leakChecked fails a run of tests that leaves goroutines behind.
type leakChecked struct{ m *testing.M }

func (l leakChecked) Run() int {
	status := l.m.Run()
	if err := goleak.Find(); err != nil && status == 0 {
		os.Stderr.WriteString(err.Error() + "\n")
		return 1
	}
	return status
}

// The scripts are what a vendor's engineer types and must see.
func TestScripts(t *testing.T) {
	if testing.Short() {
		t.Skip("other processes")
	}
	c := startCenter(t, "gt06", nil)
	testscript.Run(t, testscript.Params{
		Dir: "testdata", UpdateScripts: os.Getenv("EM_UPDATE") != "",
		Setup: func(e *testscript.Env) error {
			e.Setenv("CENTER", c.addr)
			return nil
		},
	})
}

// The commands of the package comment work as they stand, but for the address,
// and for the time they would take.
func TestDocumentedCommands(t *testing.T) {
	doc, err := os.ReadFile("main.go")
	if err != nil {
		t.Fatal(err)
	}
	ran := 0
	for sc := bufio.NewScanner(bytes.NewReader(doc)); sc.Scan(); {
		command, ok := strings.CutPrefix(sc.Text(), "//\temsim ")
		if !ok || slices.ContainsFunc([]string{"--pty", "--udp", "--http"}, func(way string) bool { return strings.Contains(command, way) }) {
			continue // TestSerial, TestUDP and TestHTTP have these
		}
		args := strings.Fields(command)
		codec := "gt06"
		for i, a := range args {
			switch {
			case a == "--codec":
				codec, _, _ = strings.Cut(args[i+1], "-") // bactrack-m is a model of bactrack
			case a == "--truth" || a == "--record":
				args[i+1] = t.TempDir() + "/" + args[i+1]
			}
		}
		for i, a := range args {
			if strings.HasPrefix(a, "127.0.0.1:") {
				args[i] = startCenter(t, codec, nil).addr
			}
		}
		switch args[0] {
		case "run":
			args = append(args, "--speed", "max")
		case "load":
			args = append(args, "--devices", "50", "--interval", "100ms", "--duration", "300ms")
		}
		var out, errs bytes.Buffer
		if err := run(t.Context(), args, &out, &errs); err != nil || out.Len() == 0 {
			t.Errorf("emsim %s: %v\n%s%s", command, err, out.String(), errs.String())
		}
		ran++
	}
	if ran != 6 {
		t.Errorf("%d commands, not 6", ran)
	}
}
