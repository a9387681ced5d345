package codectest

import (
	"errors"
	"slices"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/protocol"
)

// kinds are all kinds of commands.
var kinds = []protocol.CommandKind{
	protocol.CommandLocate, protocol.CommandInterval, protocol.CommandRestart, protocol.CommandPowerOff,
	protocol.CommandShow, protocol.CommandStrap, protocol.CommandRelease, protocol.CommandRead,
	protocol.CommandTest, protocol.CommandCancel, protocol.CommandVendor,
}

// example is a command of a kind: the Kit's, or one that suits most dialects.
func (k Kit) example(kind protocol.CommandKind) protocol.Command {
	if i := slices.IndexFunc(k.Commands, func(c protocol.Command) bool { return c.Kind == kind }); i >= 0 {
		return k.Commands[i]
	}
	return protocol.Command{Kind: kind, Every: time.Minute, On: true, Text: "STATUS"}
}

// runCommands: a session takes the commands that the device lists and no others,
// each as frames of the dialect; where the dialect answers, the simulator's
// answer is recognised, and nothing that the device says by itself is. A session
// that observed without commands observes the same with them.
func runCommands(t tester, k Kit, _ []goodVector) {
	for _, kind := range k.Device.Commands {
		if !slices.Contains(kinds, kind) {
			t.Errorf("the device lists the command %q, which is no kind of package protocol", kind)
		}
	}
	for _, kind := range kinds {
		t.Run(string(kind), func(t tester) {
			listed := slices.Contains(k.Device.Commands, kind)
			x := newExchange(t, k, 4)
			s, ok := x.ses.Session.(protocol.Commander)
			if !ok {
				if listed {
					t.Fatal("the session is no protocol.Commander")
				}
				return
			}
			c := k.example(kind)
			var o protocol.Order
			var err error
			ask := func() { guard(t, "Command", []byte(kind), func() { o, err = s.Command(x.now, c) }) }
			if ask(); err != nil && !errors.Is(err, protocol.ErrUnsupported) && !errors.Is(err, protocol.ErrNoIdentity) {
				t.Errorf("before the login: %v wraps neither ErrUnsupported nor ErrNoIdentity", err)
			}
			x.start()
			for _, b := range append(samples(), k.Reports...) { // until one names the device
				if x.ses.Device() == k.DeviceID {
					break
				}
				x.report(em.Observation{Device: k.DeviceID, DeviceAt: x.now, At: x.now, Body: b})
				x.run(time.Minute)
			}
			// What the device says by itself answers nothing; where the dialect cannot
			// tell, Kit.Vague says so.
			answers := map[protocol.Answer]int{}
			listen := false
			x.heard = func(m protocol.Message) {
				if listen && o.Answer != nil {
					answers[o.Answer(m)]++
				}
			}
			ask()
			switch {
			case !listed && err == nil:
				t.Fatal("the session takes it, and the device does not list it")
			case !listed:
				if !errors.Is(err, protocol.ErrUnsupported) {
					t.Fatalf("%v does not wrap ErrUnsupported", err)
				}
				return
			case err != nil:
				t.Fatal(err)
			}
			out := &protocol.Output{Send: o.Send}
			listen = true
			if !slices.Contains(k.Vague, kind) {
				x.run(30 * time.Minute)
				if n := answers[protocol.Acknowledged] + answers[protocol.Refused]; n > 0 {
					t.Errorf("%d messages of a device that was not told anything are taken for an answer", n)
				}
			}
			for _, m := range o.Send {
				b, err := x.d.Codec.Append(nil, m)
				if err != nil {
					t.Fatalf("it cannot be encoded: %v", err)
				}
				if all := feed(t, x.d, false, b); len(all) != 1 || all[0].msg == nil || all[0].msg.Type() != m.Type() {
					t.Errorf("its %s is not one frame of that type: %v", m.Type(), all)
				}
			}
			x.put("session", x.toSim, out, nil)
			x.settle()
			x.run(time.Minute)
			if o.Answer != nil && answers[protocol.Acknowledged] == 0 {
				t.Errorf("the simulator's answer is not recognised\n%s", tail(x.log.String()))
			}
			for _, m := range []protocol.Message{&protocol.Raw{}, alien{1}} {
				if o.Answer != nil && o.Answer(m) != protocol.NoAnswer {
					t.Errorf("a %s is taken for the answer", m.Type())
				}
			}
		})
	}
}
