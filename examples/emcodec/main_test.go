package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"emcodec": main})
}

// The scripts are what a vendor's engineer types and must see.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{Dir: "testdata", UpdateScripts: os.Getenv("EM_UPDATE") != ""})
}

// What the README's table of devices says of outside frames, this tool shows.
func TestOutsideFrames(t *testing.T) {
	dir := os.Getenv("EM_VECTORS")
	if dir == "" {
		if os.Getenv("EM_REQUIRE") != "" {
			t.Fatal("EM_VECTORS is not set")
		}
		t.Skip("SKIPPED: EM_VECTORS is not set, no outside frames are decoded")
	}
	for _, c := range []struct {
		codec, mode                   string
		lines, ok, unsupported, fixes int
	}{
		{"gt06", "strict", 111, 105, 12, 45},
		{"gt06", "--relaxed", 111, 110, 12, 47},
		{"laipac", "strict", 23, 23, 0, 19},
		{"laipac", "--relaxed", 23, 23, 0, 19},
		{"megastek", "strict", 23, 18, 0, 16},
		{"megastek", "--relaxed", 23, 20, 0, 18},
		{"bactrack", "strict", 10, 3, 0, 0},
	} {
		t.Run(c.codec+" "+c.mode, func(t *testing.T) {
			args := []string{"decode", "--codec", c.codec, "--in", filepath.Join(dir, c.codec+".jsonl"), "-o", "jsonl"}
			if c.mode != "strict" {
				args = append(args, c.mode)
			}
			var out, errs bytes.Buffer
			err := run(args, nil, &out, &errs)
			if (err == nil) != (c.ok == c.lines) {
				t.Errorf("error %v", err)
			}
			var lines, ok, unsupported, fixes int
			for dec := json.NewDecoder(&out); dec.More(); lines++ {
				var r struct {
					OK           bool
					Messages     []struct{ Kind string }
					Observations []struct {
						Body     string
						Lat, Lon float64
					}
				}
				if err := dec.Decode(&r); err != nil {
					t.Fatal(err)
				}
				if r.OK {
					ok++
				}
				for _, m := range r.Messages {
					if len(m.Kind) > 11 && m.Kind[:11] == "unsupported" {
						unsupported++
					}
				}
				for _, o := range r.Observations {
					if o.Body == "fix" {
						fixes++
					}
				}
			}
			if lines != c.lines || ok != c.ok || unsupported != c.unsupported || fixes != c.fixes {
				t.Errorf("%d lines, %d decoded, %d of unsupported types, %d positions; want %d, %d, %d, %d",
					lines, ok, unsupported, fixes, c.lines, c.ok, c.unsupported, c.fixes)
			}
		})
	}
}
