package tcp_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sargas-em/em/protocol/tcp"
)

// authority signs certificates in memory.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{}
	cert := a.sign(t, &x509.Certificate{IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign, Subject: pkix.Name{CommonName: "authority"}})
	a.cert, a.key = cert.Leaf, cert.PrivateKey.(*ecdsa.PrivateKey)
	return a
}

// sign completes the template; the authority's own certificate signs itself.
func (a *authority) sign(t *testing.T, template *x509.Certificate) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if template.SerialNumber = big.NewInt(7); template.NotAfter.IsZero() {
		template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	}
	parent, signer := template, key
	if a.cert != nil {
		parent, signer = a.cert, a.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

func (a *authority) pool() *x509.CertPool {
	p := x509.NewCertPool()
	p.AddCert(a.cert)
	return p
}

func (a *authority) server(t *testing.T) tls.Certificate {
	return a.sign(t, &x509.Certificate{DNSNames: []string{"center.example"}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})
}

func (a *authority) device(t *testing.T, name string) tls.Certificate {
	return a.sign(t, &x509.Certificate{Subject: pkix.Name{CommonName: name}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
}

// Who may talk: a device with a certificate of our authority, and nobody else.
func TestMutualTLS(t *testing.T) {
	const imei = "990000000000017"
	for _, c := range []struct {
		name   string
		client func(t *testing.T, ours, theirs *authority) *tls.Config
		want   string // identity, or "" for rejected
	}{
		{"ours", func(t *testing.T, a, _ *authority) *tls.Config {
			return &tls.Config{Certificates: []tls.Certificate{a.device(t, imei)}}
		}, imei},
		{"ours over 1.2", func(t *testing.T, a, _ *authority) *tls.Config {
			return &tls.Config{Certificates: []tls.Certificate{a.device(t, imei)}, MaxVersion: tls.VersionTLS12}
		}, imei},
		{"no certificate", func(*testing.T, *authority, *authority) *tls.Config { return &tls.Config{} }, ""},
		{"another authority", func(t *testing.T, _, b *authority) *tls.Config {
			cert := b.device(t, imei)
			// The client library would not offer it; a forger's does.
			return &tls.Config{GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &cert, nil }}
		}, ""},
		{"expired", func(t *testing.T, a, _ *authority) *tls.Config {
			return &tls.Config{Certificates: []tls.Certificate{a.sign(t, &x509.Certificate{
				Subject: pkix.Name{CommonName: imei}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
				NotBefore: time.Now().Add(-2 * time.Hour), NotAfter: time.Now().Add(-time.Hour),
			})}}
		}, ""},
		{"a server's", func(t *testing.T, a, _ *authority) *tls.Config {
			return &tls.Config{Certificates: []tls.Certificate{a.server(t)}}
		}, ""},
		{"no name", func(t *testing.T, a, _ *authority) *tls.Config {
			return &tls.Config{Certificates: []tls.Certificate{a.device(t, "")}}
		}, ""},
		{"long name", func(t *testing.T, a, _ *authority) *tls.Config {
			return &tls.Config{Certificates: []tls.Certificate{a.device(t, strings.Repeat("9", 65))}}
		}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ours, theirs := newAuthority(t), newAuthority(t)
				got := make(chan string, 1)
				var mu sync.Mutex
				var reasons []error
				s := &tcp.Server{
					TLSConfig: tcp.MutualTLS(ours.server(t), ours.pool()), Identify: tcp.CommonName,
					Handler: func(ctx context.Context, conn net.Conn) {
						id, _ := tcp.Identity(ctx)
						got <- id
						io.WriteString(conn, "hello")
					},
					OnReject: func(_ net.Addr, err error) { mu.Lock(); defer mu.Unlock(); reasons = append(reasons, err) },
				}
				l, stop := serve(t, s)
				config := c.client(t, ours, theirs)
				config.RootCAs = ours.pool()
				d := &tcp.Dialer{
					Addr: "center.example:4711", TLSConfig: config,
					Connect: func(context.Context, string) (net.Conn, error) { return l.connect("198.51.100.8"), nil },
				}
				// With TLS 1.3 the client learns of its rejection when it reads.
				said := ""
				if conn, err := d.Dial(t.Context()); err == nil {
					b, _ := io.ReadAll(conn)
					said = string(b)
					conn.Close()
				}
				if err := stop(); err != nil {
					t.Error(err)
				}
				switch {
				case c.want != "" && (said != "hello" || <-got != c.want || len(reasons) > 0):
					t.Errorf("said %q, rejected for %v", said, reasons)
				case c.want == "" && (said != "" || len(got) > 0 || len(reasons) != 1 || !errors.Is(reasons[0], tcp.ErrHandshake)):
					t.Errorf("said %q, %d handled, rejected for %v", said, len(got), reasons)
				}
			})
		})
	}
}

// A client that trusts another authority does not talk to our server.
func TestMutualTLSServerIsChecked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := newAuthority(t), newAuthority(t)
		l, stop := serve(t, &tcp.Server{TLSConfig: tcp.MutualTLS(theirs.server(t), ours.pool()), Handler: func(context.Context, net.Conn) {}})
		d := &tcp.Dialer{
			Addr: "center.example:4711", TLSConfig: &tls.Config{RootCAs: ours.pool(), Certificates: []tls.Certificate{ours.device(t, "x")}},
			Connect: func(context.Context, string) (net.Conn, error) { return l.connect("198.51.100.8"), nil },
		}
		if _, err := d.Dial(t.Context()); !errors.Is(err, tcp.ErrHandshake) {
			t.Errorf("dial: %v", err)
		}
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
}

// Old versions are refused, in configurations and on the wire.
func TestTLSVersions(t *testing.T) {
	old := &tls.Config{MinVersion: tls.VersionTLS10}
	s := &tcp.Server{Handler: func(context.Context, net.Conn) {}, TLSConfig: old}
	if err := s.Serve(t.Context(), newListener()); !errors.Is(err, tcp.ErrVersion) {
		t.Errorf("server: %v", err)
	}
	d := &tcp.Dialer{Addr: "center.example:4711", TLSConfig: &tls.Config{MaxVersion: tls.VersionTLS11}}
	if _, err := d.Dial(t.Context()); !errors.Is(err, tcp.ErrVersion) {
		t.Errorf("dialer: %v", err)
	}
	synctest.Test(t, func(t *testing.T) {
		a := newAuthority(t)
		l, stop := serve(t, &tcp.Server{Handler: func(context.Context, net.Conn) {}, TLSConfig: &tls.Config{Certificates: []tls.Certificate{a.server(t)}}})
		conn := tls.Client(l.connect("198.51.100.8"), &tls.Config{RootCAs: a.pool(), ServerName: "center.example", MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11})
		if err := conn.Handshake(); err == nil {
			t.Error("the server speaks TLS 1.1")
		}
		conn.Close()
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
}

// A storm of clients that stall: no more than MaxHandshakes are worked on at a
// time, all are gone after Handshake, and the server then takes a good one.
func TestHandshakeStorm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAuthority(t)
		s := &tcp.Server{
			TLSConfig: tcp.MutualTLS(a.server(t), a.pool()), Identify: tcp.CommonName,
			MaxHandshakes: 3, Handshake: 5 * time.Second, MaxConns: 60,
			Handler: func(_ context.Context, conn net.Conn) { io.WriteString(conn, "hello") },
		}
		l, stop := serve(t, s)
		var conns []net.Conn
		var mu sync.Mutex
		answered := 0 // handshakes that the server took up
		var wait sync.WaitGroup
		for i := range 50 {
			conn := l.connect(fmt.Sprintf("198.51.100.%d", i))
			conns = append(conns, conn)
			wait.Go(func() { // half a hello, and no more
				conn.Write([]byte("\x16\x03\x01\x02\x00\x01"))
				mu.Lock()
				answered++ // the pipe's Write returns once the server reads
				mu.Unlock()
			})
		}
		synctest.Wait()
		if mu.Lock(); answered > 3 {
			t.Errorf("%d handshakes at the same time", answered)
		}
		mu.Unlock()
		if st := s.Stats(); st.Active != 50 {
			t.Errorf("%+v", st)
		}
		time.Sleep(5*time.Second + time.Millisecond)
		synctest.Wait()
		if st := s.Stats(); st.Active != 0 || st.RejectedHandshakes != 50 {
			t.Errorf("after the limit: %+v", st)
		}
		d := &tcp.Dialer{
			Addr: "center.example:4711", TLSConfig: &tls.Config{RootCAs: a.pool(), Certificates: []tls.Certificate{a.device(t, "x")}},
			Connect: func(context.Context, string) (net.Conn, error) { return l.connect("198.51.100.8"), nil },
		}
		conn, err := d.Dial(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if b, _ := io.ReadAll(conn); string(b) != "hello" {
			t.Errorf("said %q", b)
		}
		conn.Close()
		for _, c := range conns {
			c.Close()
		}
		wait.Wait()
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
}

// A device that comes back resumes its session, whether or not the
// configuration says which versions it wants.
func TestSessionsResume(t *testing.T) {
	for name, config := range map[string]func(tls.Certificate) *tls.Config{
		"MutualTLS's": func(c tls.Certificate) *tls.Config {
			return &tls.Config{Certificates: []tls.Certificate{c}, MinVersion: tls.VersionTLS12}
		},
		"without bound": func(c tls.Certificate) *tls.Config { return &tls.Config{Certificates: []tls.Certificate{c}} },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ours := newAuthority(t)
				l, stop := serve(t, &tcp.Server{TLSConfig: config(ours.server(t)), Handler: func(_ context.Context, conn net.Conn) { io.WriteString(conn, "hello") }})
				client := &tls.Config{RootCAs: ours.pool(), ServerName: "center.example", ClientSessionCache: tls.NewLRUClientSessionCache(1)}
				for again := range 2 {
					conn := tls.Client(l.connect("198.51.100.8"), client)
					if b, err := io.ReadAll(conn); err != nil || string(b) != "hello" {
						t.Errorf("it reads %q, %v", b, err)
					}
					if resumed := conn.ConnectionState().DidResume; resumed != (again == 1) {
						t.Errorf("connection %d: resumed is %v", again, resumed)
					}
					conn.Close()
				}
				if err := stop(); err != nil {
					t.Error(err)
				}
			})
		})
	}
}
