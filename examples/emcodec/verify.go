package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/sargas-em/em/examples/emcodec/catalogue"
	"github.com/sargas-em/em/examples/internal/program"
	"github.com/sargas-em/em/protocol/codectest"
)

// kitTests are the names that tests of kits have.
const kitTests = "Conformance$"

// sdk is where the SDK's own dialects stand.
const sdk = "github.com/sargas-em/em"

// verify holds a codec to the contract of package codectest. It runs the package's
// own kit in a go test of its own, so that a vendor's package in another module,
// which this program was not built with, is verified like the SDK's.
func (t *tool) verify(ctx context.Context, args []string) error {
	fs := t.flags("verify")
	profile := fs.String("profile", "", "`kind` of device whose demands are to be met; the kit's own where empty")
	vectors := fs.String("vectors", "", "`file` of composed vectors in place of the kit's own")
	test := fs.String("run", kitTests, "`pattern` of the tests that call codectest.Run")
	codec := fs.String("codec", "", "`dialect` of a folder that has several")
	files := map[string]*string{}
	for _, form := range []string{"junit", "html", "json", "badge"} {
		files[form] = fs.String(form, "", "write the report to this `file` too; - for standard output")
	}
	rest, err := program.Parse(fs, args)
	if err != nil {
		return err
	}
	if len(rest) != 1 {
		return program.Usagef("verify: name one codec, or the folder of one")
	}
	if *profile != "" && !slices.ContainsFunc(codectest.Profiles(), func(p codectest.Profile) bool { return p.Name == *profile }) {
		return program.Usagef("verify: no profile %q; there are %s", *profile, profiles())
	}
	quiet := false
	for _, name := range files {
		quiet = quiet || *name == "-"
	}
	dir, dialect, err := t.packageDir(ctx, rest[0])
	if err != nil {
		return err
	}
	env := []string{"EM_PROFILE=" + *profile, "EM_DIALECT=" + cmp.Or(*codec, dialect)}
	if *vectors != "" {
		path, err := filepath.Abs(*vectors)
		if err != nil {
			return err
		}
		if _, err := os.Stat(path); err != nil {
			return err
		}
		env = append(env, "EM_KIT_VECTORS="+path)
	}
	report, err := t.runKit(ctx, dir, *test, env)
	if err != nil {
		return err
	}
	if *profile != "" && report.Profile != *profile {
		return fmt.Errorf("verify: the kit was run for the profile %q: the package uses an SDK that does not know EM_PROFILE", report.Profile)
	}
	writers := map[string]func(io.Writer) error{
		"junit": report.WriteJUnit, "html": report.WriteHTML, "json": report.WriteJSON, "badge": report.WriteBadge,
	}
	for _, form := range []string{"junit", "html", "json", "badge"} {
		if *files[form] == "" {
			continue
		}
		var b bytes.Buffer
		if err := writers[form](&b); err != nil {
			return err
		}
		if *files[form] == "-" {
			_, err = t.out.Write(b.Bytes())
		} else {
			err = os.WriteFile(*files[form], b.Bytes(), 0o644)
		}
		if err != nil {
			return err
		}
	}
	if !quiet {
		if _, err := io.WriteString(t.out, t.reportText(report)); err != nil {
			return err
		}
	}
	if !report.Passed() {
		return program.Errorf(exitConformance, "%s does not meet the contract", report.Device)
	}
	return nil
}

func profiles() string {
	var names []string
	for _, p := range codectest.Profiles() {
		names = append(names, p.Name)
	}
	return strings.Join(names, ", ")
}

// packageDir finds the sources of a codec: a folder, or one of the SDK's by name.
func (t *tool) packageDir(ctx context.Context, name string) (dir, dialect string, err error) {
	entries, err := catalogue.Entries()
	if err != nil {
		return "", "", err
	}
	if e, ok := entries[name]; ok {
		out, err := goTool(ctx, "", nil, "list", "-f", "{{.Dir}}", sdk+"/devices/"+e.Package)
		if err != nil {
			return "", "", fmt.Errorf("verify: the sources of %s are needed: run this where the module %s is known: %w", name, sdk, err)
		}
		return strings.TrimSpace(out), name, nil
	}
	info, err := os.Stat(name)
	switch {
	case err == nil && info.IsDir():
		return name, "", nil
	case err == nil:
		return "", "", program.Usagef("verify: %s is no folder", name)
	case strings.ContainsAny(name, `./\`):
		return "", "", err
	}
	return "", "", program.Usagef("verify: %q is neither a codec nor a folder; list has the codecs", name)
}

// goTool runs the go command and returns what it says on standard output; on
// failure the error has all that it says.
func goTool(ctx context.Context, dir string, env []string, args ...string) (string, error) {
	var out, errs bytes.Buffer
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), env...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	cmd.WaitDelay = 5 * time.Second
	if err := cmd.Run(); err != nil {
		return out.String(), fmt.Errorf("go %s: %w\n%s", args[0], err, strings.TrimSpace(errs.String()+out.String()))
	}
	return out.String(), nil
}

// runKit runs a package's kit and reads the report that it leaves.
func (t *tool) runKit(ctx context.Context, dir, test string, env []string) (*codectest.Report, error) {
	b, err := t.kitFile(ctx, "verify", dir, test, "EM_REPORT", env)
	switch {
	case err != nil:
		return nil, err
	case b == nil:
		return nil, program.Errorf(exitConformance, "verify: no test %s in %s calls codectest.Run, or none of the dialect that was asked for", test, dir)
	}
	return codectest.ReadReport(bytes.NewReader(b))
}

// kitFile runs a package's kit and returns the one file that it leaves in the folder
// which a variable names; nil where it leaves none.
func (t *tool) kitFile(ctx context.Context, command, dir, test, variable string, env []string) ([]byte, error) {
	if _, err := regexp.Compile(test); err != nil {
		return nil, program.Usagef("%s: --run: %w", command, err)
	}
	folder, err := os.MkdirTemp("", "emcodec-"+command+"-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(folder)
	meter := t.meter("running the kit, seconds", 0)
	stop := make(chan struct{})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for n := int64(1); ; n++ {
			select {
			case <-tick.C:
				meter.show(n)
			case <-stop:
				meter.end()
				return
			}
		}
	}()
	_, failure := goTool(ctx, dir, append(env, variable+"="+folder), "test", "-count=1", "-run", test, ".")
	close(stop)
	<-ended
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	found, err := filepath.Glob(filepath.Join(folder, "*.*"))
	if err != nil {
		return nil, err
	}
	var exit *exec.ExitError
	switch {
	case len(found) == 1:
		return os.ReadFile(found[0])
	case failure != nil && !errors.As(failure, &exit):
		return nil, failure // there is no go command
	case failure != nil:
		return nil, program.Errorf(exitConformance, "%s: the kit left no report: %w", command, failure)
	case len(found) == 0:
		return nil, nil
	}
	for i, name := range found {
		name = filepath.Base(name)
		found[i] = strings.TrimSuffix(name, filepath.Ext(name))
	}
	return nil, program.Usagef("%s: %s has the dialects %s: name one with --codec", command, dir, strings.Join(found, ", "))
}

// reportText is the report for people.
func (t *tool) reportText(r *codectest.Report) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s", r.Device, r.Title)
	if r.Profile != "" {
		fmt.Fprintf(&b, " (%s)", r.Profile)
	}
	fmt.Fprintf(&b, ", %d vectors\n", r.Vectors)
	colours := map[codectest.Status]string{codectest.Passed: green, codectest.Failed: red, codectest.Skipped: faint, codectest.NotApplicable: faint}
	for _, q := range r.Results {
		status := fmt.Sprintf("%-14s", q.Status)
		fmt.Fprintf(&b, "%s  %-16s  %s  %s", q.ID, q.Level, t.paint(colours[q.Status], status), q.Title)
		if q.Reason != "" {
			fmt.Fprintf(&b, " (%s)", q.Reason)
		}
		b.WriteByte('\n')
		for _, f := range q.Failures {
			fmt.Fprintf(&b, "    %s\n", strings.ReplaceAll(strings.TrimSpace(f), "\n", "\n    "))
		}
		if q.Count > len(q.Failures) {
			fmt.Fprintf(&b, "    and %d more\n", q.Count-len(q.Failures))
		}
	}
	fmt.Fprintf(&b, "level: %s\n", r.Level())
	return b.String()
}
