// Package codectest is the conformance kit for devices: what a
// protocol.Device promises, as a test. A dialect's own tests are one call:
//
//	func TestConformance(t tester) {
//		codectest.Run(t, codectest.Kit{Device: New(), Identity: "990000000000017", Login: "login"})
//	}
//	func FuzzStream(f *testing.F) { codectest.Fuzz(f, kit) }
//
// # The contract
//
// A Codec is held to it at every single call that the kit makes, on good and on
// hostile bytes alike:
//
//   - Split returns a non-empty frame that lies within the n bytes it took, or no
//     frame; n is in 0…len(b); no error comes with a frame or with n == 0.
//   - Split and Decode do not change their input; both give the same result for
//     the same bytes.
//   - Decode returns a message or an error, never both, never neither. The error
//     is a *wire.FieldError, a *protocol.ChecksumError or wraps
//     protocol.ErrMalformed or protocol.ErrChecksum. A message owns its memory:
//     overwriting the frame does not change it.
//   - Dissect, where there is one, agrees with Decode, and its spans cover every
//     byte of the frame exactly once and in order, also where decoding fails.
//   - Append keeps what is in dst. Where it fails, dst comes back unchanged and
//     the error wraps protocol.ErrUnsupported. It is deterministic.
//
// So is a Session (and a Simulator), at every Handle and Wake:
//
//   - An error wraps ErrNoIdentity, ErrIdentity, ErrMalformed or ErrUnsupported.
//   - Observations name the session's Device, have a body, are numbered by Part
//     from 0 within the call, carry times in UTC, and can be stored (binary and
//     JSON form). A current fix has a valid position.
//   - Every message to send can be encoded and is one frame of the dialect.
//   - After Wake(now) the Deadline is zero or after now.
//
// A device's clock may run on local time: whoever makes the Device states its lead
// over UTC then (a field of the dialect's Config). The time zone of the process, and
// that of the time a session is handed, are never to matter; to see that, the kit
// runs some of its checks with time.Local set to others.
//
// Run's subtests then ask for more; each states its requirement where it is
// defined, and has a stable id and a level: see Requirements. Panics are caught, and told with the bytes that caused them.
package codectest

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/protocol"
)

// Kit is what the kit must know of a dialect. Device is required; the zero
// value of every other field is the stricter or the usual choice.
type Kit struct {
	Device protocol.Device

	// Vectors is the file of composed vectors; "testdata/vectors.jsonl" where empty.
	Vectors string

	// External are the files of real frames in the folder that the environment
	// names in EM_VECTORS: "gt06.jsonl". Where the variable is unset their
	// tests are skipped, unless EM_REQUIRE is set: then they fail. What they leave
	// out of a frame the codec completes, where it can (protocol.Completer), or CR
	// LF behind it does.
	External []string

	// Overlaps are further files of that folder whose frames this dialect may
	// rightly decode, because the dialects are kin.
	Overlaps []string

	// Identity is the device's identity in the dialect's own form: what the
	// simulator is made with. It is the SessionConfig's where the wire has none.
	Identity string

	// DeviceID is what the session must make of Identity; the device's name, a
	// colon and Identity where empty.
	DeviceID em.DeviceID

	// Login names the vector that the session must see before the others of
	// "from":"device"; empty where each message has the identity itself.
	Login string

	// Protected returns the half-open range of a good frame's bytes in which
	// every single bit error must be found: the bytes under the checksum and the
	// checksum itself. nil means that the dialect has no protection.
	Protected func(frame []byte) (from, to int)

	// LengthPrefixed says that junk can fake a length and so swallow good
	// frames up to MaxFrame. Otherwise junk costs one good frame at most.
	LengthPrefixed bool

	// Endless is the start of a frame that any number of zero bytes, letters
	// "A" or digits "0" do not end. Where given, it must lead to
	// protocol.ErrFrameTooLong.
	Endless []byte

	// Resolution is the step of the dialect's time stamps; a second where zero.
	Resolution time.Duration

	// Reports are bodies for the simulator beyond the kit's own samples: what
	// only this dialect can say. Each must be supported.
	Reports []em.Body

	// Commands are examples of the kinds whose fields the kit cannot guess. The kit
	// takes one minute, On, and the Text "STATUS" otherwise.
	Commands []protocol.Command

	// Vague lists the commands that the device answers with messages that it also
	// sends by itself.
	Vague []protocol.CommandKind

	// Profile names the kind of device, one of Profiles: what the vectors must
	// show of it. Where it is empty that is not asked.
	Profile string

	// Now is the time of the vectors' observations: what stamps those without
	// a time of their own. 2026-03-14 09:26:53 UTC where zero.
	Now time.Time

	// seen are the frames that the strict and the relaxed codec have decoded in this run.
	seen, seenRelaxed known

	enough string // of the kit's own tests: a failure with it ends the run
}

// Environment variables of the tests on outside data.
const (
	envVectors = "EM_VECTORS"
	envRequire = "EM_REQUIRE"
	envReport  = "EM_REPORT"
)

// Environment variables by which a tool asks for a dissector in place of a test.
const (
	envDissector     = "EM_DISSECTOR"      // the folder for it
	envDissectorPort = "EM_DISSECTOR_PORT" // see layout.Layout.Lua
)

// Environment variables by which a tool that runs a kit's test replaces a part of
// the kit.
const (
	envDialect    = "EM_DIALECT"
	envProfile    = "EM_PROFILE"
	envKitVectors = "EM_KIT_VECTORS"
)

func (k Kit) withDefaults(t tester) Kit {
	t.Helper()
	if _, err := protocol.NewRegistry(k.Device); err != nil {
		t.Fatal(err)
	}
	if k.Vectors == "" {
		k.Vectors = "testdata/vectors.jsonl"
	}
	if k.DeviceID == "" {
		k.DeviceID = em.DeviceID(k.Device.Name + ":" + k.Identity)
	}
	if k.Resolution == 0 {
		k.Resolution = time.Second
	}
	if k.Now.IsZero() {
		k.Now = time.Date(2026, 3, 14, 9, 26, 53, 0, time.UTC)
	}
	return k
}

// device returns the dialect with its codec under watch.
func (k Kit) device(t tester) protocol.Device {
	d := k.Device
	d.Codec = watch(t, k.Device.Codec, k.seen)
	if d.Relaxed != nil {
		d.Relaxed = watch(t, k.Device.Relaxed, k.seenRelaxed)
	}
	return d
}

// relax makes the device one with the relaxed codec.
func (k Kit) relax() Kit {
	if k.Device.Relaxed != nil {
		k.Device, k.seen = k.Device.Relax(), k.seenRelaxed
	}
	return k
}

// session starts a conversation under watch.
func (k Kit) session(t tester) *session {
	return watchSession(t, k.Device, k.Device.Sessions(protocol.SessionConfig{Identity: k.Identity}))
}

// Run holds the device to the contract. No other test may run at the same time, for
// the time zone of the process is changed and set back. The names of the subtests are stable;
// each is one of Requirements. With the environment variable EM_REPORT it leaves
// its Report in that folder, under the device's name and ".json"; where several
// kits are of one device they leave one Report, see [Report.Add]. EM_PROFILE and
// EM_KIT_VECTORS, where they are set, replace Profile and Vectors, and with
// EM_DIALECT the kits of devices of other names are skipped. With EM_DISSECTOR it only
// leaves the dissector of the device's layout in that folder, under the device's name
// and ".lua", for the port that EM_DISSECTOR_PORT names, if any.
func Run(t *testing.T, k Kit) {
	t.Helper()
	if name := os.Getenv(envDialect); name != "" && name != k.Device.Name {
		t.Skipf("SKIPPED: %s asks for %s", envDialect, name)
	}
	if dir := os.Getenv(envDissector); dir != "" {
		if err := leaveDissector(k.Device, dir); err != nil {
			t.Fatal(err)
		}
		return
	}
	k.Profile = cmp.Or(os.Getenv(envProfile), k.Profile)
	k.Vectors = cmp.Or(os.Getenv(envKitVectors), k.Vectors)
	r := k.run(inTest(t), time.Now())
	if dir := os.Getenv(envReport); dir != "" && r.Device != "" {
		if err := leave(r, filepath.Join(dir, r.Device+".json"), t.Name()); err != nil {
			t.Fatal(err)
		}
	}
}

// leaveDissector writes the dissector of a device, where its codec has a layout.
func leaveDissector(d protocol.Device, dir string) error {
	c, ok := d.Codec.(protocol.Described)
	if !ok {
		return nil
	}
	port, err := strconv.ParseUint(cmp.Or(os.Getenv(envDissectorPort), "0"), 10, 16)
	if err != nil {
		return fmt.Errorf("codectest: %s: %w", envDissectorPort, err)
	}
	return os.WriteFile(filepath.Join(dir, d.Name+".lua"), []byte(c.Layout().Lua(uint16(port))), 0o644)
}

// leave writes a report of a test, or adds it to the one that is there.
func leave(r *Report, name, test string) error {
	b, err := os.ReadFile(name)
	switch {
	case err == nil:
		first, err := ReadReport(bytes.NewReader(b))
		if err != nil {
			return err
		}
		first.Add(r, test)
		r = first
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	var out bytes.Buffer
	if err := r.WriteJSON(&out); err != nil {
		return err
	}
	return os.WriteFile(name, out.Bytes(), 0o644)
}

// Verify is Run without a test, for tools: it holds the device to the contract
// and reports. Like Run it changes the time zone of the process for a while. at is the Report's time; all else in it depends on the Kit, and on
// the outside frames where EM_VECTORS names them.
func Verify(k Kit, at time.Time) *Report {
	var r *Report
	root := new(record)
	root.attempt(func(t tester) { r = k.run(t, at) })
	if r == nil || len(root.failures) > 0 && r.Passed() {
		// The kit itself could not begin.
		r = &Report{Device: k.Device.Name, Title: k.Device.Title, At: at.UTC().Truncate(time.Second), Profile: k.Profile}
		for _, q := range Requirements() {
			r.Results = append(r.Results, Result{Requirement: q, Status: Failed, Failures: root.failures[:min(1, len(root.failures))], Count: 1})
		}
	}
	return r
}
