package main

import (
	"bytes"
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/sargas-em/em/examples/internal/program"
)

// scaffold is a codec package that works, and is tested as part of this module: what
// init writes is a copy of it under another name. Its folders have what differs for
// other kinds of devices.
//
//go:embed scaffold
var scaffold embed.FS

// variant is how a kind of device differs from the scaffold: a folder of files that
// come in addition or instead, and what is left out.
type variant struct {
	profile, folder string
	without         []string
	yours           string // what the vendor calls it
}

var variants = []variant{
	{profile: "gps-bracelet", yours: "bracelet"},
	{profile: "home-unit", folder: "homeunit", without: []string{"status.go"}, yours: "unit"},
	{profile: "transdermal", folder: "transdermal", yours: "bracelet"},
	{profile: "breathalyser", folder: "breathalyser", without: []string{"frame.go", "status.go", "tamper.go"}, yours: "instrument"},
}

func variantNames() string {
	var names []string
	for _, v := range variants {
		names = append(names, v.profile)
	}
	return strings.Join(names, ", ")
}

// overlay is what the files of a folder begin with, since they are no package alone.
const overlay = "//go:build overlay\n\n"

// files returns what a package of that name consists of.
func (v variant) files(name string) (map[string][]byte, error) {
	files := map[string][]byte{}
	take := func(dir string) error {
		for _, pattern := range []string{"*.go", "testdata/vectors.jsonl"} {
			found, err := fs.Glob(scaffold, path.Join(dir, pattern))
			if err != nil {
				return err
			}
			for _, p := range found {
				b, err := scaffold.ReadFile(p)
				if err != nil {
					return err
				}
				b = bytes.TrimPrefix(b, []byte(overlay))
				files[strings.TrimPrefix(p, dir+"/")] = bytes.ReplaceAll(b, []byte("scaffold"), []byte(name))
			}
		}
		return nil
	}
	if err := take("scaffold"); err != nil {
		return nil, err
	}
	for _, file := range v.without {
		delete(files, file)
	}
	if v.folder == "" {
		return files, nil
	}
	return files, take(path.Join("scaffold", v.folder))
}

// initialize writes a codec package that passes its own kit, to start from.
func (t *tool) initialize(ctx context.Context, args []string) error {
	flags := t.flags("init")
	profile := flags.String("profile", variants[0].profile, "`kind` of device: "+variantNames())
	from := flags.String("sdk", "", "`folder` of the SDK for the go.mod of a new module; found where this runs in the SDK's own or a module that needs it")
	rest, err := program.Parse(flags, args)
	if err != nil {
		return err
	}
	if len(rest) != 1 {
		return program.Usagef("init: name the folder of the new package")
	}
	i := slices.IndexFunc(variants, func(v variant) bool { return v.profile == *profile })
	if i < 0 {
		return program.Usagef("init: there is no scaffold for the profile %q, only for %s", *profile, variantNames())
	}
	dir, err := filepath.Abs(rest[0])
	if err != nil {
		return err
	}
	name := filepath.Base(dir)
	if !regexp.MustCompile(`^[a-z][a-z0-9]{0,31}$`).MatchString(name) || name == "main" || name == "scaffold" {
		return program.Usagef("init: %q is no name for a codec: lower-case letters and digits, a letter first", name)
	}
	if _, err := t.reg.Device(name); err == nil {
		return program.Usagef("init: the SDK has a codec %q already", name)
	}
	files, err := variants[i].files(name)
	if err != nil {
		return err
	}
	fresh, err := t.moduleFiles(ctx, dir, name, *from, files)
	if err != nil {
		return err
	}
	for file := range files {
		if _, err := os.Lstat(filepath.Join(dir, filepath.FromSlash(file))); !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("init: %s is there already; nothing was written", filepath.Join(rest[0], file))
		}
	}
	for file, b := range files {
		full := filepath.Join(dir, filepath.FromSlash(path.Clean(file)))
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(full, b, 0o644); err != nil {
			return err
		}
	}
	fmt.Fprintf(t.out, "%s: a codec package with %d files", rest[0], len(files))
	if fresh {
		fmt.Fprint(t.out, ", a module of its own")
	}
	_, err = fmt.Fprintf(t.out, "\nNext: cd %s && go test . && emcodec verify .\nThen put your %s's frames in codec.go, kinds.go and testdata/vectors.jsonl, and the source in doc.go.\n", rest[0], variants[i].yours)
	return err
}

// moduleFiles adds a go.mod where the folder is in no module yet. It points to a copy
// of the SDK: the SDK's module is not published.
func (t *tool) moduleFiles(ctx context.Context, dir, name, from string, files map[string][]byte) (bool, error) {
	for parent := dir; ; parent = filepath.Dir(parent) {
		if _, err := os.Stat(filepath.Join(parent, "go.mod")); err == nil {
			return false, nil
		}
		if parent == filepath.Dir(parent) {
			break
		}
	}
	if from == "" {
		out, err := goTool(ctx, "", nil, "list", "-m", "-f", "{{.Dir}}", sdk)
		if from = strings.TrimSpace(out); err != nil || from == "" {
			return false, program.Usagef("init: %s is in no module, and the SDK is not known here: name its folder with --sdk", dir)
		}
	}
	from, err := filepath.Abs(from)
	if err != nil {
		return false, err
	}
	mod, err := os.ReadFile(filepath.Join(from, "go.mod"))
	if err != nil {
		return false, fmt.Errorf("init: --sdk: %w", err)
	}
	if !bytes.HasPrefix(mod, []byte("module "+sdk+"\n")) {
		return false, program.Usagef("init: --sdk: %s is not the module %s", from, sdk)
	}
	version := regexp.MustCompile(`(?m)^go \S+$`).Find(mod)
	files["go.mod"] = fmt.Appendf(nil, "module example.org/%s\n\n%s\n\nrequire %s v0.0.0\n%s\nreplace %[3]s => %[5]s\n",
		name, version, sdk, indirect(mod), quoted(from))
	if files["go.sum"], err = os.ReadFile(filepath.Join(from, "go.sum")); err != nil {
		return false, fmt.Errorf("init: --sdk: %w", err)
	}
	return true, nil
}

// indirect takes over the SDK's own requirements, which hold for a module that
// replaces it, so that nothing needs to be fetched or tidied first.
func indirect(mod []byte) string {
	var b strings.Builder
	for _, m := range regexp.MustCompile(`(?m)^(?:require )?\t?(\S+\.\S+/\S+) (v\S+)`).FindAllSubmatch(mod, -1) {
		fmt.Fprintf(&b, "\nrequire %s %s // indirect\n", m[1], m[2])
	}
	return b.String()
}

// quoted is a path as go.mod has it.
func quoted(p string) string {
	if strings.ContainsAny(p, " \t\"'`()[]{},;") {
		return fmt.Sprintf("%q", p)
	}
	return p
}
