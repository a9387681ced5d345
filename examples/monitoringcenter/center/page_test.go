package center_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/sargas-em/em/examples/monitoringcenter/center/internal/centertest"
	"github.com/sargas-em/em/examples/monitoringcenter/center/web"
)

// page is the center's page in a browser.
type page struct {
	t        *testing.T
	c        *centertest.Center
	ctx      context.Context
	problems *centertest.Buffer // what the browser complained of
}

// browse opens the center's page, where there is a browser.
func browse(t *testing.T, c *centertest.Center) *page {
	t.Helper()
	name, err := exec.LookPath("chromium")
	if err != nil {
		const missing = "no chromium here: the page is not tested"
		if os.Getenv("EM_REQUIRE") != "" {
			t.Fatal(missing)
		}
		t.Skip(missing)
	}
	opts := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(name), chromedp.Headless, chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-background-networking", true), chromedp.UserDataDir(t.TempDir()), chromedp.WindowSize(1280, 900))
	read := make(chan struct{})
	t.Cleanup(func() { <-read })
	ctx, stop := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(stop)
	ctx, stop = chromedp.NewExecAllocator(ctx, opts...)
	t.Cleanup(stop)
	ctx, stop = chromedp.NewContext(ctx)
	t.Cleanup(stop)
	p := &page{t: t, c: c, ctx: ctx, problems: new(centertest.Buffer)}
	console := chromedp.Console(ctx)
	go func() {
		defer close(read)
		for m, err := range console {
			if err != nil {
				return
			}
			// Failed requests and violations of the content security policy are
			// entries of the browser's log.
			if m.IsException() || m.Type == chromedp.ConsoleError || m.Type == chromedp.ConsoleWarning {
				fmt.Fprintf(p.problems, "%s %s\n", m, m.URL)
			}
		}
	}()
	p.do(chromedp.Navigate(c.URL + "/"))
	return p
}

func (p *page) do(actions ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	if err := chromedp.Do(p.ctx, actions...); err != nil {
		p.t.Fatalf("%v; the browser says: %s", err, p.problems)
	}
}

// press types keys as a keyboard does: a page that takes a key down for itself
// gets no character of it, which chromedp.KeyEvent would send all the same.
func (p *page) press(keys string) {
	p.t.Helper()
	p.do(chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		for _, r := range keys {
			strokes := kb.Encode(r)
			down, up := *strokes[0], *strokes[len(strokes)-1]
			if len(strokes) == 3 {
				down.Type, down.Text, down.UnmodifiedText = input.DispatchKeyEventTypeKeyDown, strokes[1].Text, strokes[1].UnmodifiedText
			}
			for _, stroke := range []input.DispatchKeyEventParams{down, up} {
				if _, err := cdp.Call(ctx, target, input.DispatchKeyEvent, stroke); err != nil {
					return err
				}
			}
		}
		return nil
	}))
}

// js evaluates an expression in the page.
func js[T any](p *page, expression string) T {
	p.t.Helper()
	v, err := chromedp.Run(p.ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		p.t.Fatalf("%s: %v", expression, err)
	}
	return v
}

// until waits until an expression is true in the page.
func (p *page) until(what, expression string) {
	p.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		so, err := chromedp.Run(p.ctx, chromedp.Evaluate[bool](expression))
		switch {
		case so && err == nil:
			return
		case err != nil && !strings.Contains(err.Error(), "navigated"): // a page that is on its way says nothing
			p.t.Fatalf("%s: %v", expression, err)
		case time.Now().After(deadline):
			p.t.Fatalf("in vain: %s; the page: %s; the browser says: %s", what, p.text("body"), p.problems)
		}
	}
}

func (p *page) text(selector string) string {
	p.t.Helper()
	return js[string](p, fmt.Sprintf("document.querySelector(%q)?.innerText ?? ''", selector))
}

// clean checks what is shown, and that the browser has nothing to complain of.
func (p *page) clean(where string) {
	p.t.Helper()
	shown := p.text("body")
	for _, wrong := range []string{"undefined", "NaN", "null", "[object", "Invalid Date"} {
		if strings.Contains(shown, wrong) {
			p.t.Errorf("%s: the page shows %q: %s", where, wrong, shown)
		}
	}
	if said := p.problems.String(); said != "" {
		p.t.Errorf("%s: the browser says: %s", where, said)
	}
}

// An officer logs in, sees people and incidents, goes through the queue with the
// keyboard alone, and sees what is new without a reload.
func TestPage(t *testing.T) {
	c := centertest.Start(t, centertest.Config{})
	base := now().Add(-time.Hour)
	c.Put("/api/v1/zones", centertest.School("school-1", "z1", 300))
	desk := centertest.NewReceiver(t, nil)
	c.Put("/api/v1/recipients", desk.Recipient("desk-north", "desk", ""))
	for n := 1; n <= 3; n++ {
		c.Put("/api/v1/people", centertest.Person(n, base, `"zones":["school-1"],"home":{"lat":54.70,"lon":25.28,"radius_m":80}`))
	}
	devices := []*centertest.Device{c.Connect(1), c.Connect(2), c.Connect(3), c.Connect(9)} // the last is nobody's
	c.Send(devices[0], centertest.At(base.Add(time.Minute), 1000), centertest.At(base.Add(2*time.Minute), 100))
	c.Send(devices[1], centertest.SOS(now()))
	c.Send(devices[3], centertest.At(now(), 500))
	for _, i := range append(c.Incidents("device.sos"), c.Incidents("zone.exclusion")...) {
		told(c, i.ID, "desk-north incident.raised told")
	}

	p := browse(t, c)
	p.until("the login is shown", `!!document.getElementById("password")`)
	p.press("wrong" + kb.Enter) // the field has the focus
	p.until("a wrong password is told", `document.getElementById("wrong")?.hidden === false`)
	p.clean("login")
	p.press(c.NewPassword() + kb.Enter)
	p.until("people are there", `document.querySelectorAll("#people > li").length === 3`)
	p.until("incidents are there", `document.querySelectorAll("#queue > li[data-id]").length === 2`)
	p.until("the feed is live", `document.getElementById("link").dataset.state === "live"`)
	if got := p.text("#queue"); !strings.Contains(got, "Invented 1") || !strings.Contains(got, "Invented 2") {
		t.Errorf("the queue: %s", got)
	}
	if got := js[string](p, `document.getElementById("people").textContent`); !strings.Contains(got, "Invented 3") {
		t.Errorf("people: %s", got)
	}
	if js[int](p, `document.querySelectorAll("#map path, #map canvas").length`) == 0 {
		t.Error("nothing is drawn on the map")
	}
	p.clean("after the login")

	order(c, "gt06:"+centertest.IMEI(1), restart)
	p.until("a command is shown, and what became of it", `document.getElementById("commands").textContent.includes("acknowledged")`)
	js[bool](p, `document.getElementById("tab-commands").click() === undefined`)
	p.clean("commands")
	js[bool](p, `document.getElementById("tab-queue").click() === undefined`)

	// The most urgent one first: open it, read its evidence in words.
	p.press("j")
	p.until("the first incident is open", `!document.getElementById("detail").hidden && !!document.getElementById("note")`)
	first := js[int64](p, `Number(document.querySelector("#queue > li[aria-current=true]").dataset.id)`)
	incidents := append(c.Incidents("device.sos"), c.Incidents("zone.exclusion")...)
	i := slices.IndexFunc(incidents, func(i web.Incident) bool { return i.ID == first })
	detail := p.text("#detail")
	for _, want := range []string{incidents[i].Name, incidents[i].Reason, "EVIDENCE", "desk-north", "by webhook · told", "gt06:" + centertest.IMEI(1+int(first)-1), "7878", "opened"} {
		if !strings.Contains(strings.ToUpper(detail), strings.ToUpper(want)) {
			t.Errorf("the evidence of incident %d lacks %q: %s", first, want, detail)
		}
	}
	if late := strings.Contains(strings.ToUpper(detail), "LATE: THE DATA CAME LATE"); late != (incidents[i].Kind == "zone.exclusion") {
		t.Errorf("late is %v of incident %d: %s", late, first, detail)
	}
	p.clean("evidence")

	p.press("a")
	p.until("it is acknowledged", `document.getElementById("acknowledge").disabled`)
	p.until("the queue says so", fmt.Sprintf(`document.querySelector('#queue > li[data-id="%d"]').textContent.includes("acknowledged")`, first))
	// What is acknowledged has moved behind the other.
	p.press("k")
	p.until("another one is open", fmt.Sprintf(`document.querySelector("#queue > li[aria-current=true]")?.dataset.id !== "%d"`, first))
	p.until("its evidence is there", `!!document.getElementById("note") && !document.getElementById("acknowledge").disabled`)
	second := js[int64](p, `Number(document.querySelector("#queue > li[aria-current=true]").dataset.id)`)
	p.press("c")
	p.until("a note is asked for", `document.activeElement?.id === "note"`)
	p.press("called, was at the doctor's")
	p.press(kb.Escape)
	p.press("c")
	p.until("it is closed", fmt.Sprintf(`!document.querySelector('#queue > li[data-id="%d"]')`, second))
	p.until("the other one is left", `document.querySelectorAll("#queue > li[data-id]").length === 1`)
	p.clean("handling")
	var closed []string
	for _, i := range append(c.Incidents("device.sos"), c.Incidents("zone.exclusion")...) {
		if i.ID == second {
			closed = append(closed, string(i.Handling), i.Note)
			if !strings.HasPrefix(i.By, "operator-") {
				t.Errorf("closed by %q", i.By)
			}
		}
	}
	if !slices.Equal(closed, []string{"closed", "called, was at the doctor's"}) {
		t.Errorf("the incident that was closed: %q", closed)
	}
	p.press(kb.Escape)
	p.until("the evidence is put away", `document.getElementById("detail").hidden`)

	// What is new comes by itself.
	js[bool](p, `(window.notReloaded = true)`)
	c.Send(devices[2], centertest.SOS(now()))
	p.until("the new incident appears", `document.querySelectorAll("#queue > li[data-id]").length === 2`)
	p.until("the person's position appears", `document.getElementById("people").textContent.includes("heard")`)
	if !js[bool](p, `window.notReloaded === true`) {
		t.Error("the page was loaded anew")
	}

	// With the keyboard's own ways: Tab to an entry, Enter opens it.
	js[bool](p, `(document.querySelector("#queue > li").focus(), true)`)
	p.press(kb.Enter)
	p.until("Enter opens it", `!document.getElementById("detail").hidden`)
	p.do(chromedp.Click(chromedp.ID("tab-unknown")))
	p.until("the unknown device is shown", fmt.Sprintf(`document.getElementById("unknown").textContent.includes(%q)`, centertest.IMEI(9)))
	p.clean("unknown devices")
	p.do(chromedp.Click(chromedp.ID("tab-people")))
	p.do(chromedp.Click(chromedp.CSS("#people > li")))
	p.until("how the person stands is shown", `document.getElementById("detail").textContent.includes("No check-ins")`)
	p.clean("people")
}
