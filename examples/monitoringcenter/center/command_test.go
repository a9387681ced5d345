package center_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sargas-em/em/devices/gt06"
	"github.com/sargas-em/em/examples/monitoringcenter/center"
	"github.com/sargas-em/em/examples/monitoringcenter/center/ingest"
	"github.com/sargas-em/em/examples/monitoringcenter/center/internal/centertest"
	"github.com/sargas-em/em/examples/monitoringcenter/center/record"
	"github.com/sargas-em/em/examples/monitoringcenter/center/web"
)

// order gives a command to a device, which must be taken.
func order(c *centertest.Center, device, doc string) web.Command {
	c.T.Helper()
	status, answer := c.Call(http.MethodPost, "/api/v1/devices/"+device+"/commands", doc)
	var v web.Command
	if err := json.Unmarshal([]byte(answer), &v); err != nil || status != http.StatusOK || v.ID == 0 || v.State != "queued" {
		c.T.Fatalf("%s: %d %s", doc, status, answer)
	}
	return v
}

// stateOf is a command as the API lists it.
func stateOf(c *centertest.Center, id int64) web.Command {
	c.T.Helper()
	for _, v := range centertest.Get[[]web.Command](c, "/api/v1/commands?limit=1000") {
		if v.ID == id {
			return v
		}
	}
	c.T.Fatalf("command %d is not listed", id)
	return web.Command{}
}

// becomes waits for a final state.
func becomes(c *centertest.Center, id int64, state string) web.Command {
	c.T.Helper()
	var v web.Command
	c.Eventually(fmt.Sprintf("command %d is final", id), func() bool { v = stateOf(c, id); return v.Final })
	if v.State != state {
		c.T.Errorf("command %d: %+v, want %q", id, v, state)
	}
	return v
}

const restart = `{"kind":"vendor","text":"RESET#"}`

// A command goes to the device that is connected, or waits for it, over a
// restart of the center too; what becomes of it is in the record, in the audit
// and on the feed.
func TestCommand(t *testing.T) {
	c := centertest.Start(t, centertest.Config{})
	d := c.Connect(1)
	c.Send(d, centertest.At(now(), 0))
	first := order(c, "gt06:"+centertest.IMEI(1), restart)
	if v := becomes(c, first.ID, "acknowledged"); v.By != "api" || v.Text != "RESET#" || v.Changed.Before(v.Created) {
		t.Errorf("%+v", v)
	}
	waiting := order(c, "gt06:"+centertest.IMEI(2), restart)
	time.Sleep(50 * time.Millisecond) // it must stay
	if v := stateOf(c, waiting.ID); v.State != "queued" || v.Final {
		t.Errorf("without its device: %+v", v)
	}
	c = c.Restart()
	c.Connect(2)
	becomes(c, waiting.ID, "acknowledged")
	if v := stateOf(c, first.ID); v.State != "acknowledged" {
		t.Errorf("after the restart: %+v", v)
	}
	var said []string
	for _, e := range centertest.Get[[]record.Entry](c, "/api/v1/audit?target=device%20gt06:"+centertest.IMEI(2)) {
		said = append(said, e.Actor+" "+e.Action)
	}
	if got := strings.Join(said, ", "); got != "center command acknowledged, api order command" {
		t.Errorf("the audit says %s", got)
	}
	if all := centertest.Get[[]web.Command](c, "/api/v1/commands?device=gt06:"+centertest.IMEI(1)); len(all) != 1 || all[0].ID != first.ID {
		t.Errorf("of the first device: %+v", all)
	}
	// The feed has each step, in order.
	resp, err := http.DefaultClient.Do(c.Request("GET", "/api/v1/feed?after=0", ""))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var states []string
	buf := make([]byte, 64<<10)
	for text := ""; len(states) < 8; {
		n, err := resp.Body.Read(buf)
		if err != nil {
			t.Fatalf("%v behind %v", err, states)
		}
		text += string(buf[:n])
		states = nil
		for _, event := range strings.Split(text, "\n\n") {
			if _, data, ok := strings.Cut(event, "event: command\ndata: "); ok {
				var v web.Command
				if json.Unmarshal([]byte(data), &v) == nil {
					states = append(states, fmt.Sprint(v.ID, " ", v.State))
				}
			}
		}
	}
	want := fmt.Sprintf("[%d queued %[1]d handed %[1]d sent %[1]d acknowledged %[2]d queued %[2]d handed %[2]d sent %[2]d acknowledged]", first.ID, waiting.ID)
	if fmt.Sprint(states) != want {
		t.Errorf("the feed says %v, want %s", states, want)
	}
}

// A device that takes a command and does not answer is not said to have done it,
// nor is one that was never there.
func TestCommandWithoutAnswer(t *testing.T) {
	c := centertest.Start(t, centertest.Config{})
	conn := c.Dial()
	if _, err := conn.Write(login(t, 1, 1)); err != nil {
		t.Fatal(err)
	}
	c.Eventually("it is connected", func() bool { return centertest.Get[record.Counts](c, "/api/v1/counts").Frames == 1 })
	device := "gt06:" + centertest.IMEI(1)
	lost := order(c, device, restart)
	buf := make([]byte, 1024)
	for text := ""; !strings.Contains(text, "RESET#"); {
		n, err := conn.Read(buf)
		if err != nil {
			t.Fatal(err)
		}
		text += string(buf[:n])
	}
	c.Eventually("it is sent", func() bool { return stateOf(c, lost.ID).State == "sent" })
	next := order(c, device, restart) // it goes after the answer to the first one
	conn.Close()
	if v := becomes(c, lost.ID, "failed"); v.Reason == "" {
		t.Errorf("no reason: %+v", v)
	}
	c.Eventually("the one that was not sent waits", func() bool { return stateOf(c, next.ID).State == "queued" })
	brief := order(c, "gt06:"+centertest.IMEI(9), `{"kind":"vendor","text":"x","expires_s":0.01}`)
	becomes(c, brief.ID, "expired")
	p := play(t, gt06.Device(), centertest.IMEI(1), c.Dial())
	p.report(centertest.At(now(), 0))
	becomes(c, next.ID, "acknowledged")
}

// A center that is killed while an answer is out says so.
func TestCommandSentBeforeTheStop(t *testing.T) {
	c := centertest.Start(t, centertest.Config{})
	conn := c.Dial()
	if _, err := conn.Write(login(t, 1, 1)); err != nil {
		t.Fatal(err)
	}
	c.Eventually("it is connected", func() bool { return centertest.Get[record.Counts](c, "/api/v1/counts").Frames == 1 })
	o := order(c, "gt06:"+centertest.IMEI(1), restart)
	c.Eventually("it is sent", func() bool { return stateOf(c, o.ID).State == "sent" })
	becomes(c.Restart(), o.ID, "failed")
}

func TestCommandIsChecked(t *testing.T) {
	c := centertest.Start(t, centertest.Config{})
	device := "gt06:" + centertest.IMEI(1)
	for name, in := range map[string][2]string{
		"unknown codec":    {"none:1", restart},
		"no codec":         {"1", restart},
		"no identity":      {"gt06:", restart},
		"kind":             {device, `{"kind":"test"}`},
		"life":             {device, `{"kind":"vendor","text":"x","expires_s":604801}`},
		"negative timeout": {device, `{"kind":"vendor","text":"x","timeout_s":-1}`},
		"long text":        {device, `{"kind":"vendor","text":"` + strings.Repeat("x", 1001) + `"}`},
		"unknown field":    {device, `{"kind":"vendor","text":"x","now":true}`},
	} {
		if status, answer := c.Call(http.MethodPost, "/api/v1/devices/"+in[0]+"/commands", in[1]); status != http.StatusUnprocessableEntity {
			t.Errorf("%s: %d %s", name, status, answer)
		}
	}
	for range 16 {
		order(c, device, restart)
	}
	if status, answer := c.Call(http.MethodPost, "/api/v1/devices/"+device+"/commands", restart); status != http.StatusUnprocessableEntity || !strings.Contains(answer, "16") {
		t.Errorf("the seventeenth: %d %s", status, answer)
	}
	order(c, "gt06:"+centertest.IMEI(2), restart)
}

// A unit that comes by requests gets its command with a reply, once.
func TestCommandByRequest(t *testing.T) {
	c := centertest.Start(t, centertest.Config{Options: func(o *center.Options) {
		o.Devices = []ingest.Listener{{Codec: "rftrack", Transport: ingest.HTTP, Addr: "127.0.0.1:0"}}
	}})
	url := "http://" + addresses(c)["http"] + "/deviceDataUpload.do"
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	report := func() string {
		resp, err := client.Post(url, "application/x-www-form-urlencoded", strings.NewReader(fmt.Sprintf("i=%s&t=%d", centertest.IMEI(1), now().UnixMilli())))
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	o := order(c, "rftrack:"+centertest.IMEI(1), `{"kind":"vendor","text":"invented"}`)
	if got := report(); got != "{}" {
		t.Errorf("the first reply is %q", got)
	}
	got := ""
	c.Eventually("a reply has it", func() bool { got = report(); return got != "{}" })
	if got != "invented" {
		t.Errorf("the reply is %q", got)
	}
	if v := becomes(c, o.ID, "sent"); !strings.Contains(v.Reason, "no answer") {
		t.Errorf("%+v", v)
	}
	if got := report(); got != "{}" {
		t.Errorf("the reply after it is %q", got)
	}
}
