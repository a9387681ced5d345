package web_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sargas-em/em/examples/monitoringcenter/center/internal/centertest"
	"github.com/sargas-em/em/examples/monitoringcenter/center/web"
)

// Without a secret there is nothing but the login.
func TestNothingWithoutSecret(t *testing.T) {
	c := centertest.Start(t, centertest.Config{})
	open := map[string]bool{"/healthz": true, "/login": true, "/static/app.js": true, "/static/style.css": true}
	paths := map[string]string{
		"/": "GET", "/basemap": "GET", "/basemap/land.geojson": "GET", "/api/v1/feed": "GET", "/openapi.json": "GET", "/openapi.yaml": "GET",
		"/schemas/Incident.json": "GET", "/docs": "GET", "/logout": "POST", "/api/v1/none": "GET", "/none": "GET", "/static": "GET", "/index.html": "GET", "/debug/pprof/": "GET",
	}
	var doc struct {
		Paths map[string]map[string]any `json:"paths"`
	}
	_, text := c.Call("GET", "/openapi.json", "")
	if err := json.Unmarshal([]byte(text), &doc); err != nil || len(doc.Paths) < 10 {
		t.Fatalf("%v: %d paths", err, len(doc.Paths))
	}
	for path, methods := range doc.Paths {
		for m := range methods {
			paths[strings.NewReplacer("{id}", "1", "{person}", "p-1").Replace(path)] = strings.ToUpper(m)
		}
	}
	for p := range open {
		paths[p] = "GET"
	}
	for path, method := range paths {
		for name, header := range map[string]string{"": "", "wrong": "Bearer " + centertest.Token + "x", "empty": "Bearer ", "basic": "Basic " + centertest.Token} {
			req := c.Request(method, path, "")
			req.Header.Del("Authorization")
			if header != "" {
				req.Header.Set("Authorization", header)
			}
			req.AddCookie(&http.Cookie{Name: "sargas_session", Value: ""})
			resp, body := c.Do(req)
			switch {
			case open[path]:
				if resp.StatusCode != http.StatusOK {
					t.Errorf("%s %s: %s", method, path, resp.Status)
				}
			case resp.StatusCode == http.StatusUnauthorized:
			case path == "/" && resp.StatusCode == http.StatusSeeOther && resp.Header.Get("Location") == "/login":
			case path == "/static" && resp.StatusCode == http.StatusTemporaryRedirect && resp.Header.Get("Location") == "/static/":
			default:
				t.Errorf("%s %s with %s secret: %s %.100s", method, path, name, resp.Status, body)
			}
		}
	}
	req := c.Request("GET", "/healthz", "")
	req.Header.Del("Authorization")
	if _, body := c.Do(req); string(body) != `{"status":"ok"}` {
		t.Errorf("/healthz tells strangers %s", body)
	}
}

// The password that is printed works once, and gives a cookie that scripts do
// not see and other sites cannot use.
func TestOneTimePassword(t *testing.T) {
	c := centertest.Start(t, centertest.Config{})
	var password string
	for line := range strings.Lines(c.Out.String()) {
		if f := strings.Fields(line); len(f) > 1 && f[0] == "password" {
			password = f[1]
		}
	}
	tr := &http.Transport{}
	defer tr.CloseIdleConnections()
	client := &http.Client{Transport: tr, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	if k := loggedIn(login(t, client, c.URL, password+"x")); k != nil {
		t.Error("a wrong password works")
	}
	k := loggedIn(login(t, client, c.URL, " "+password+"\n")) // as people copy it
	if k == nil {
		t.Fatalf("the password %q does not work", password)
	}
	if !k.HttpOnly || k.SameSite != http.SameSiteStrictMode || k.Path != "/" || k.MaxAge <= 0 {
		t.Errorf("the cookie is %v", k)
	}
	if loggedIn(login(t, client, c.URL, password)) != nil {
		t.Error("the password works twice")
	}
	if s := status(t, client, "GET", c.URL+"/api/v1/people", "Cookie", k.Name+"="+k.Value); s != http.StatusOK {
		t.Errorf("with the cookie: %d", s)
	}
	if loggedIn(login(t, client, c.URL, c.NewPassword())) == nil {
		t.Error("another password does not work")
	}
	if s := status(t, client, "POST", c.URL+"/logout", "Cookie", k.Name+"="+k.Value); s != http.StatusSeeOther {
		t.Errorf("logout: %d", s)
	}
	if s := status(t, client, "GET", c.URL+"/api/v1/people", "Cookie", k.Name+"="+k.Value); s != http.StatusUnauthorized {
		t.Errorf("after the logout: %d", s)
	}
}

func TestWrongPasswordsAreLimited(t *testing.T) {
	b := &backend{clock: now()}
	srv, secrets := b.serve(t, web.Config{Secure: true})
	right := secrets.NewPassword()
	for range 20 {
		login(t, srv.Client(), srv.URL, "wrong")
	}
	if loggedIn(login(t, srv.Client(), srv.URL, right)) != nil {
		t.Error("after twenty wrong passwords the next one is looked at")
	}
	b.clock = b.clock.Add(time.Minute)
	k := loggedIn(login(t, srv.Client(), srv.URL, right))
	if k == nil {
		t.Fatal("a minute later the right one does not work")
	}
	if !k.Secure {
		t.Error("over TLS the cookie is not marked so")
	}
	cookie := k.Name + "=" + k.Value
	b.clock = b.clock.Add(12*time.Hour - time.Second)
	if s := status(t, srv.Client(), "GET", srv.URL+"/basemap", "Cookie", cookie); s != http.StatusOK {
		t.Errorf("within the shift: %d", s)
	}
	b.clock = b.clock.Add(2 * time.Second)
	if s := status(t, srv.Client(), "GET", srv.URL+"/basemap", "Cookie", cookie); s != http.StatusUnauthorized {
		t.Errorf("after the shift: %d", s)
	}
}

// Other sites can make a browser send nothing that changes something.
func TestCrossOriginIsRefused(t *testing.T) {
	b := &backend{clock: now()}
	srv, secrets := b.serve(t, web.Config{})
	k := loggedIn(login(t, srv.Client(), srv.URL, secrets.NewPassword()))
	if k == nil {
		t.Fatal("no login")
	}
	for name, c := range map[string]struct {
		method, path string
		header       []string
		want         int
	}{
		"other site":          {"POST", "/logout", []string{"Sec-Fetch-Site", "cross-site"}, http.StatusForbidden},
		"other port":          {"POST", "/logout", []string{"Sec-Fetch-Site", "same-site"}, http.StatusForbidden},
		"older browser":       {"POST", "/api/v1/incidents/1/close", []string{"Origin", "http://example.org"}, http.StatusForbidden},
		"put":                 {"PUT", "/api/v1/people", []string{"Origin", "http://example.org"}, http.StatusForbidden},
		"login":               {"POST", "/login", []string{"Origin", "http://example.org"}, http.StatusForbidden},
		"reading":             {"GET", "/basemap", []string{"Sec-Fetch-Site", "cross-site"}, http.StatusOK},
		"own page":            {"POST", "/api/v1/passwords", []string{"Sec-Fetch-Site", "same-origin", "Origin", srv.URL}, http.StatusOK},
		"own page, older one": {"POST", "/api/v1/passwords", []string{"Origin", srv.URL}, http.StatusOK},
	} {
		t.Run(name, func(t *testing.T) {
			if s := status(t, srv.Client(), c.method, srv.URL+c.path, append(c.header, "Cookie", k.Name+"="+k.Value)...); s != c.want {
				t.Errorf("status %d, want %d", s, c.want)
			}
		})
	}
}

func TestHeaders(t *testing.T) {
	c := centertest.Start(t, centertest.Config{})
	for _, path := range []string{"/", "/login", "/static/app.js", "/api/v1/people"} {
		resp, _ := c.Do(c.Request("GET", path, ""))
		csp := resp.Header.Get("Content-Security-Policy")
		if !strings.Contains(csp, "default-src 'self'") || strings.Contains(csp, "unsafe") || !strings.Contains(csp, "frame-ancestors 'none'") ||
			resp.Header.Get("X-Content-Type-Options") != "nosniff" || resp.Header.Get("Referrer-Policy") != "no-referrer" {
			t.Errorf("%s: %v", path, resp.Header)
		}
		if stored := resp.Header.Get("Cache-Control") != "no-store"; stored != strings.HasPrefix(path, "/static/") {
			t.Errorf("%s: Cache-Control %q", path, resp.Header.Get("Cache-Control"))
		}
	}
}
