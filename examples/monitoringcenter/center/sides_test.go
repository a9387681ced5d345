package center_test

import (
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"mime/quotedprintable"
	"net"
	"net/http"
	"net/mail"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/devices/watch3g"
	"github.com/sargas-em/em/examples/monitoringcenter/center"
	"github.com/sargas-em/em/examples/monitoringcenter/center/delivery"
	"github.com/sargas-em/em/examples/monitoringcenter/center/ingest"
	"github.com/sargas-em/em/examples/monitoringcenter/center/internal/centertest"
	"github.com/sargas-em/em/examples/monitoringcenter/center/web"
)

// pairStory is a wearer and a protected person somewhere on earth, with a zone
// that the order names to the wearer, and all that both of them are told.
type pairStory struct {
	c             *centertest.Center
	base          time.Time
	home, work    em.LatLng // about the protected person, and the middle of the named zone
	wearer, phone *centertest.Device
	zone          string
	secrets       []string

	protectedHook, wearerHook *centertest.Receiver
	mails                     *centertest.MailServer
	watch                     string
}

func tellPair(t *testing.T, rnd *rand.Rand, grid time.Duration) *pairStory {
	s := &pairStory{base: now().Add(-50 * time.Minute).Truncate(time.Minute), zone: fmt.Sprintf("zone-%d-kestrel", rnd.IntN(1e6)), watch: "9900000017"}
	s.home = em.LatLng{Lat: 60 * rnd.Float64(), Lng: 170 * rnd.Float64()}
	s.work = em.LatLng{Lat: s.home.Lat, Lng: s.home.Lng + 0.12 + 0.02*rnd.Float64()}
	s.mails = centertest.NewMailServer(t, false, nil, "")
	s.c = centertest.Start(t, centertest.Config{
		Options: func(o *center.Options) {
			o.Devices = append(o.Devices, ingest.Listener{Codec: "watch3g", Addr: "127.0.0.1:0"})
			o.Telling.Mail = &delivery.SMTP{Addr: s.mails.Addr, From: "center@example.org"}
		},
		Before: func(c *center.Center) { c.Grid(grid); c.Again(10 * time.Millisecond) },
	})
	s.protectedHook, s.wearerHook = centertest.NewReceiver(t, nil), centertest.NewReceiver(t, nil)
	since := s.base.Format(time.RFC3339)
	s.c.Put("/api/v1/people", centertest.Person(2, s.base, ""))
	s.c.Put("/api/v1/people", fmt.Sprintf(`{"id":"p-1","name":"Invented 1","since":%q,"devices":[{"id":"gt06:%s"},{"id":"watch3g:%s"}],
		"keep_away":[{"person":"p-2","since":%[1]q,"radius_m":500,"max_age":"2h","named":[%[4]q],
			"zones":[{"id":%[4]q,"lat":%[5]g,"lon":%[6]g,"radius_m":1000}]}]}`, since, centertest.IMEI(1), s.watch, s.zone, s.work.Lat, s.work.Lng))
	s.c.Put("/api/v1/recipients", s.protectedHook.Recipient("app-of-p-2", "protected", `,"person":"p-2"`))
	s.c.Put("/api/v1/recipients", `{"id":"mail-of-p-2","who":"protected","person":"p-2","mail":{"to":"rasa@example.org"}}`)
	s.c.Put("/api/v1/recipients", s.wearerHook.Recipient("app-of-p-1", "wearer", `,"person":"p-1"`))
	s.c.Put("/api/v1/recipients", fmt.Sprintf(`{"id":"watch-of-p-1","who":"wearer","person":"p-1","device":{"id":"watch3g:%s"}}`, s.watch))
	s.wearer, s.phone = s.c.Connect(1), s.c.Connect(2)
	at := slices.IndexFunc(s.c.Addresses().Devices, func(l ingest.Listener) bool { return l.Codec == "watch3g" })
	conn, err := net.Dial("tcp", s.c.Addresses().Devices[at].Addr)
	if err != nil {
		t.Fatal(err)
	}
	play(t, watch3g.Device(), s.watch, conn)
	s.secrets = []string{s.zone, "kestrel", "Invented", "p-1", "p-2", "metre", "north", "south", "east", "west", "moving"}
	return s
}

// at is a fix so many metres north of a place, at a minute of the story.
func (s *pairStory) at(place em.LatLng, minute int, metres float64) em.Observation {
	o := centertest.At(s.base.Add(time.Duration(minute)*time.Minute), 0)
	o.Body.(*em.Fix).LatLng = em.LatLng{Lat: place.Lat + metres/111_195, Lng: place.Lng}
	return o
}

// said is what a recipient was told, oldest first, as it is in the ledger.
func (s *pairStory) said(recipient string) (all []string) {
	s.c.T.Helper()
	for _, n := range centertest.Get[[]web.NoticeView](s.c, "/api/v1/recipients/"+recipient+"/notices") {
		if n.State == "told" {
			all = append(all, n.Says)
		}
	}
	slices.Reverse(all)
	return all
}

func (s *pairStory) tells(recipient string, want ...string) {
	s.c.T.Helper()
	s.c.Eventually(fmt.Sprintf("%s is told %q", recipient, want), func() bool { return slices.Equal(s.said(recipient), want) })
}

// outputs are all that left the center for either side.
func (s *pairStory) outputs() (protected, wearer []string) {
	t := s.c.T
	t.Helper()
	post := func(p centertest.Posted, keys ...string) string {
		for k := range p.Body {
			if !slices.Contains(keys, k) {
				t.Errorf("a notice has %q: %s", k, p.Raw)
			}
		}
		allowed := []string{"Content-Type", "User-Agent", "Webhook-Id", "Webhook-Timestamp", "Webhook-Signature", "Idempotency-Key", "Content-Length", "Accept-Encoding"}
		for h := range p.Header {
			if !slices.Contains(allowed, h) {
				t.Errorf("a notice has the header %s: %q", h, p.Header[h])
			}
		}
		return strings.ReplaceAll(p.Raw, p.ID, "")
	}
	for _, p := range s.protectedHook.Posted() {
		protected = append(protected, post(p, "id", "type", "level", "text"))
	}
	for _, p := range s.wearerHook.Posted() {
		wearer = append(wearer, post(p, "id", "type", "keep_away", "text"))
	}
	for len(s.mails.Mails) > 0 {
		m, err := mail.ReadMessage(strings.NewReader(<-s.mails.Mails))
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(quotedprintable.NewReader(m.Body))
		if err != nil || len(m.Header) != 9 || m.Header.Get("Subject") != "Notice" {
			t.Errorf("%v %v", m.Header, err)
		}
		protected = append(protected, string(text))
	}
	for _, c := range centertest.Get[[]web.Command](s.c, "/api/v1/commands?device=watch3g:"+s.watch) {
		if c.Kind != "show" || c.By != "center" {
			t.Errorf("the device was told %+v", c)
		}
		wearer = append(wearer, c.Text)
	}
	return protected, wearer
}

// Random pairs live through the same: the wearer comes to the protected person,
// whose zone moves and is not named, goes away, comes into the named zone and
// leaves it. Of no output can either side tell where the other is.
func TestBothSidesAreTold(t *testing.T) {
	var first []string
	digits := regexp.MustCompile(`[0-9]`)
	for range 2 {
		seed := rand.Uint64()
		t.Logf("seed %d", seed)
		s := tellPair(t, rand.New(rand.NewPCG(seed, 0)), 200*time.Millisecond)
		s.c.Send(s.phone, s.at(s.home, 0, 0), s.at(s.home, 10, 10))
		s.c.Send(s.wearer, s.at(s.home, 0, 9000), s.at(s.home, 9, 8000), s.at(s.home, 11, 100))
		s.tells("app-of-p-2", "alert")
		s.tells("mail-of-p-2", "alert")
		// The wearer is told nothing of a zone that is not named, on any line.
		time.Sleep(700 * time.Millisecond) // three lines
		if got := append(s.said("app-of-p-1"), s.said("watch-of-p-1")...); len(got) > 0 {
			t.Errorf("the wearer was told %q of a zone that is not named", got)
		}
		s.c.Send(s.wearer, s.at(s.home, 14, 9000), s.at(s.home, 18, 9000), s.at(s.home, 22, 9000))
		s.c.Send(s.phone, s.at(s.home, 15, 0), s.at(s.home, 19, 0), s.at(s.home, 23, 0))
		s.tells("app-of-p-2", "alert", "clear")
		s.c.Send(s.wearer, s.at(s.work, 27, 100))
		s.tells("app-of-p-1", "keep away")
		s.tells("watch-of-p-1", "keep away")
		s.tells("app-of-p-2", "alert", "clear", "alert")
		s.c.Send(s.wearer, s.at(s.work, 31, 10_000), s.at(s.work, 35, 10_000), s.at(s.work, 39, 10_000))
		s.tells("app-of-p-1", "keep away", "nothing")
		s.tells("watch-of-p-1", "keep away", "nothing")
		s.tells("mail-of-p-2", "alert", "clear", "alert", "clear")

		protected, wearer := s.outputs()
		for _, text := range slices.Concat(protected, wearer) {
			if digits.MatchString(text) || slices.ContainsFunc(s.secrets, func(secret string) bool { return strings.Contains(text, secret) }) {
				t.Errorf("told: %s", text)
			}
		}
		if len(wearer) != 4 || len(protected) < 8 {
			t.Errorf("the wearer was told %q, the protected person %q", wearer, protected)
		}
		if first == nil {
			first = wearer
		}
		if !slices.Equal(wearer, first) {
			t.Errorf("elsewhere the wearer was told %q, here %q", first, wearer)
		}
		// Nothing of it is on the page's feed, and whoever is told has no way to read that.
		if status, doc := s.c.Call("GET", "/api/v1/audit?limit=1000", ""); status != http.StatusOK || strings.Contains(doc, `"told alert"`) {
			t.Errorf("%d %s", status, doc)
		}
		resp, _ := s.c.Do(must(http.NewRequestWithContext(t.Context(), "GET", s.c.URL+"/api/v1/feed", nil)))
		if resp.StatusCode != http.StatusUnauthorized {
			t.Errorf("the feed without the operators' token: %s", resp.Status)
		}
		s.c.Stop()
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// Between two lines the protected person's level rises, and does not fall; the
// wearer hears nothing.
func TestSidesBetweenLines(t *testing.T) {
	s := tellPair(t, rand.New(rand.NewPCG(1, 1)), 1<<62) // no line comes
	s.c.Send(s.phone, s.at(s.home, 0, 0), s.at(s.home, 10, 10))
	s.c.Send(s.wearer, s.at(s.home, 0, 9000), s.at(s.home, 9, 8000), s.at(s.home, 11, 1200))
	s.tells("app-of-p-2", "pre-alert")
	s.c.Send(s.wearer, s.at(s.home, 12, 100))
	s.tells("app-of-p-2", "pre-alert", "alert")
	s.c.Send(s.wearer, s.at(s.home, 14, 8000), s.at(s.home, 18, 8000), s.at(s.home, 22, 8000))
	s.c.Send(s.phone, s.at(s.home, 15, 0), s.at(s.home, 19, 0), s.at(s.home, 23, 0))
	s.c.Send(s.wearer, s.at(s.work, 27, 100))
	for _, i := range s.c.Incidents("proximity.alert") {
		if i.About == "moving" && i.Until.IsZero() {
			t.Fatalf("the alert goes on: %+v", i)
		}
	}
	for _, r := range []string{"app-of-p-1", "watch-of-p-1"} {
		if all := centertest.Get[[]json.RawMessage](s.c, "/api/v1/recipients/"+r+"/notices"); len(all) > 0 {
			t.Errorf("%s: %s", r, all)
		}
	}
	if got := s.said("app-of-p-2"); !slices.Equal(got, []string{"pre-alert", "alert"}) {
		t.Errorf("told: %q", got)
	}
	// After a new start what was told is not told again.
	s.c = s.c.Restart()
	time.Sleep(300 * time.Millisecond)
	if got := s.said("app-of-p-2"); !slices.Equal(got, []string{"pre-alert", "alert"}) {
		t.Errorf("after a restart: %q", got)
	}
	// Unprotected time is told as such.
	if _, doc := s.c.Call("GET", "/api/v1/pairs", ""); strings.Contains(doc, "lat") {
		t.Errorf("%s", doc)
	}
}
