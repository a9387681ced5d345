package delivery_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"io"
	"log"
	"mime/quotedprintable"
	"net"
	"net/http"
	"net/http/httptest"
	"net/mail"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sargas-em/em/examples/monitoringcenter/center/delivery"
	"github.com/sargas-em/em/examples/monitoringcenter/center/internal/centertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

// The signature was computed with Python's hmac.
func TestSign(t *testing.T) {
	key, err := base64.StdEncoding.DecodeString("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	if err != nil {
		t.Fatal(err)
	}
	const want = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
	if got := delivery.Sign(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", []byte(`{"test": 2432232314}`)); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// Errors say whether the notice may have arrived, and never where it went.
func TestPost(t *testing.T) {
	var status, hits atomic.Int64
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		hits.Add(1)
		if status.Load() == 0 {
			conn, _, err := w.(http.Hijacker).Hijack()
			if err == nil {
				conn.Close() // it was read, and never answered
			}
			return
		}
		w.Header().Set("Location", "/elsewhere")
		w.WriteHeader(int(status.Load()))
	})
	plain, secure := httptest.NewServer(handler), httptest.NewUnstartedServer(handler)
	secure.Config.ErrorLog = log.New(io.Discard, "", 0)
	secure.StartTLS()
	defer plain.Close()
	defer secure.Close()
	roots := x509.NewCertPool()
	roots.AddCert(secure.Certificate())
	trusting, strict := delivery.NewWebhooks(roots), delivery.NewWebhooks(x509.NewCertPool())
	defer trusting.Close()
	defer strict.Close()
	gone := httptest.NewServer(handler)
	gone.Close()
	for name, c := range map[string]struct {
		w       *delivery.Webhooks
		url     string
		status  int
		hits    int64
		notSent bool
		want    string
	}{
		"taken":              {trusting, plain.URL, 204, 1, false, ""},
		"over TLS":           {trusting, secure.URL, 200, 1, false, ""},
		"unknown authority":  {strict, secure.URL, 200, 0, true, "certificate"},
		"refused":            {trusting, plain.URL, 503, 1, false, "503"},
		"redirected":         {trusting, plain.URL, 307, 1, false, "307"},
		"nobody there":       {trusting, gone.URL, 200, 0, true, "cannot be reached"},
		"no such host":       {trusting, "https://nowhere.invalid/", 200, 0, true, ""},
		"cut off":            {trusting, plain.URL, 0, 1, false, "connection failed"},
		"no address at all":  {trusting, "http://[", 200, 0, true, "URL"},
		"nobody may connect": {trusting, "http://127.0.0.1:0", 200, 0, true, ""},
	} {
		status.Store(int64(c.status))
		hits.Store(0)
		err := c.w.Post(t.Context(), c.url+"/secret-path", []byte("key"), "id-1", noon, []byte(`{}`))
		if (err != nil) != (c.want != "" || c.notSent) || errors.Is(err, delivery.ErrNotSent) != c.notSent || min(hits.Load(), 1) != c.hits { // a connection that was kept, and is cut, is made once more
			t.Errorf("%s: %v after %d requests", name, err, hits.Load())
		}
		if err != nil && (!strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "secret-path") || strings.Contains(err.Error(), "127.0.0.1")) {
			t.Errorf("%s: %v", name, err)
		}
		var answer *delivery.StatusError
		if errors.As(err, &answer) && answer.Code != c.status {
			t.Errorf("%s: %+v", name, answer)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := trusting.Post(ctx, plain.URL, nil, "id", noon, nil); !errors.Is(err, delivery.ErrNotSent) || !strings.Contains(err.Error(), "stopped") {
		t.Errorf("when it stops: %v", err)
	}
}

// certificate is that of httptest, for example.com and 127.0.0.1.
func certificate(t *testing.T) (*tls.Config, *x509.CertPool) {
	srv := httptest.NewTLSServer(http.NotFoundHandler())
	defer srv.Close()
	roots := x509.NewCertPool()
	roots.AddCert(srv.Certificate())
	return &tls.Config{Certificates: srv.TLS.Certificates}, roots
}

func TestSend(t *testing.T) {
	config, roots := certificate(t)
	for name, c := range map[string]struct {
		implicit bool
		tls      bool
		roots    *x509.CertPool
		refuse   string
		user     string
		want     string // of the error
		notSent  bool
	}{
		"plain, to this machine":  {},
		"STARTTLS":                {tls: true, roots: roots},
		"STARTTLS and a password": {tls: true, roots: roots, user: "center"},
		"TLS from the start":      {tls: true, implicit: true, roots: roots, user: "center"},
		"an unknown authority":    {tls: true, roots: x509.NewCertPool(), want: "certificate", notSent: true},
		"the address is refused":  {refuse: "RCPT", want: "550", notSent: true},
		"the sender is refused":   {refuse: "MAIL", want: "550", notSent: true},
		"the mail is refused":     {refuse: "DATA", want: "550", notSent: true},
		"cut off behind the mail": {refuse: ".", want: "connection failed"},
		"the password is no good": {tls: true, roots: roots, user: "center", refuse: "AUTH", want: "550", notSent: true},
		"a server of old":         {refuse: "EHLO"},
	} {
		t.Run(name, func(t *testing.T) {
			var starttls *tls.Config
			if c.tls {
				starttls = config
			}
			s := centertest.NewMailServer(t, c.implicit, starttls, c.refuse)
			m := delivery.SMTP{Addr: s.Addr, Implicit: c.implicit, From: "center@example.org", User: c.user, Roots: c.roots}
			if c.user != "" {
				m.Password = "invented"
			}
			if err := m.Check(); err != nil {
				t.Fatal(err)
			}
			err := m.Send(t.Context(), "officer@example.org", "id-1", noon, "Žinia", "Incident 7, ąč.\n.\nEnd = here\n")
			if (err != nil) != (c.want != "") || errors.Is(err, delivery.ErrNotSent) != c.notSent {
				t.Fatalf("%v", err)
			}
			if err != nil {
				if !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "officer") {
					t.Errorf("%v", err)
				}
				return
			}
			got, err := mail.ReadMessage(strings.NewReader(<-s.Mails))
			if err != nil {
				t.Fatal(err)
			}
			text, err := io.ReadAll(quotedprintable.NewReader(got.Body))
			if err != nil || strings.ReplaceAll(string(text), "\r\n", "\n") != "Incident 7, ąč.\n..\nEnd = here\n" { // the dot is doubled on the wire
				t.Errorf("%q %v", text, err)
			}
			if h := got.Header; h.Get("To") != "officer@example.org" || h.Get("From") != "center@example.org" || h.Get("Message-Id") != "<id-1@example.org>" ||
				h.Get("Date") != "Mon, 02 Mar 2026 12:00:00 +0000" || h.Get("Subject") != "=?utf-8?q?=C5=BDinia?=" {
				t.Errorf("%v", h)
			}
			if c.user != "" {
				if a := <-s.Auth; a != "AUTH PLAIN "+base64.StdEncoding.EncodeToString([]byte("\x00center\x00invented")) {
					t.Errorf("%s", a)
				}
			}
		})
	}
	gone, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gone.Close()
	m := delivery.SMTP{Addr: gone.Addr().String(), From: "center@example.org"}
	if err := m.Send(t.Context(), "a@example.org", "id", noon, "s", "t"); !errors.Is(err, delivery.ErrNotSent) {
		t.Errorf("nobody there: %v", err)
	}
}

func TestSMTPCheck(t *testing.T) {
	for _, m := range []delivery.SMTP{
		{From: "a@example.org"}, {Addr: "h:25"}, {Addr: "h:25", From: "A <a@example.org>"}, {Addr: "h:25", From: "a@example.org", User: "u"}, {Addr: "h", From: "a@example.org"},
	} {
		if m.Check() == nil {
			t.Errorf("%+v is taken", m)
		}
	}
}
