package center_test

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
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/devices"
	"github.com/sargas-em/em/devices/siadc09"
	"github.com/sargas-em/em/examples/monitoringcenter/center"
	"github.com/sargas-em/em/examples/monitoringcenter/center/ingest"
	"github.com/sargas-em/em/examples/monitoringcenter/center/internal/centertest"
	"github.com/sargas-em/em/examples/monitoringcenter/center/record"
	"github.com/sargas-em/em/examples/monitoringcenter/center/web"
	"github.com/sargas-em/em/protocol"
	"github.com/sargas-em/em/protocol/tcp"
)

const account = "9017"

// aesKey is invented.
const aesKey = "000102030405060708090a0b0c0d0e0f"

// registryWithKey is all devices, with a key for the account.
func registryWithKey(t *testing.T) *protocol.Registry {
	t.Helper()
	key, err := siadc09.ParseKey(aesKey)
	if err != nil {
		t.Fatal(err)
	}
	keyed, err := siadc09.New(siadc09.Config{Accounts: map[string]siadc09.Key{account: key}})
	if err != nil {
		t.Fatal(err)
	}
	all := devices.All()
	for i, d := range all {
		if d.Name == keyed.Name {
			all[i] = keyed
		}
	}
	reg, err := protocol.NewRegistry(all...)
	if err != nil {
		t.Fatal(err)
	}
	return reg
}

// authority signs certificates of the center and of devices.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) *authority {
	a := &authority{}
	c := a.sign(t, &x509.Certificate{IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign, Subject: pkix.Name{CommonName: "authority"}})
	a.cert, a.key = c.Leaf, c.PrivateKey.(*ecdsa.PrivateKey)
	return a
}

func (a *authority) sign(t *testing.T, template *x509.Certificate) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template.SerialNumber, template.NotBefore, template.NotAfter = big.NewInt(7), now().Add(-time.Hour), now().Add(time.Hour)
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

func (a *authority) server(t *testing.T) tls.Certificate {
	return a.sign(t, &x509.Certificate{DNSNames: []string{"center.example"}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})
}

func (a *authority) pool() *x509.CertPool {
	p := x509.NewCertPool()
	p.AddCert(a.cert)
	return p
}

// client is the configuration of a device with a certificate for a name, or
// without one.
func (a *authority) client(t *testing.T, name string) *tls.Config {
	c := &tls.Config{RootCAs: a.pool(), ServerName: "center.example", MinVersion: tls.VersionTLS12}
	if name != "" {
		c.Certificates = []tls.Certificate{a.sign(t, &x509.Certificate{Subject: pkix.Name{CommonName: name}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})}
	}
	return c
}

// played is a simulated device over any connection.
type played struct {
	t     *testing.T
	link  *protocol.Link
	sim   protocol.Resumer
	ended chan struct{}
}

func play(t *testing.T, dev protocol.Device, identity string, conn io.ReadWriteCloser) *played {
	t.Helper()
	sim, err := dev.Simulator(identity, 1)
	if err != nil {
		t.Fatal(err)
	}
	p := &played{t: t, sim: sim.(protocol.Resumer), ended: make(chan struct{})}
	p.link = &protocol.Link{Device: dev, Session: sim, Conn: conn, Limits: protocol.Limits{First: -1, Idle: -1}}
	ctx, cancel := context.WithCancel(context.Background())
	go func() { defer close(p.ended); p.link.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-p.ended })
	return p
}

func (p *played) report(obs ...em.Observation) {
	p.t.Helper()
	err := p.link.Do(context.Background(), func(time.Time, protocol.Session, *protocol.Output) error { return p.sim.Report(obs...) })
	if err != nil && !errors.Is(err, protocol.ErrLinkClosed) {
		p.t.Fatal(err)
	}
}

// acknowledged reports whether the device has nothing left to send.
func (p *played) acknowledged() bool {
	n := -1
	p.link.Do(context.Background(), func(time.Time, protocol.Session, *protocol.Output) error { n = p.sim.Waiting(); return nil })
	return n == 0
}

func (p *played) over() bool {
	select {
	case <-p.ended:
		return true
	default:
		return false
	}
}

func dialUDP(t *testing.T, addr string) net.Conn {
	t.Helper()
	conn, err := net.Dial("udp", addr)
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

func dial(t *testing.T, addr string, config *tls.Config) net.Conn {
	t.Helper()
	conn, err := (&tcp.Dialer{Addr: addr, TLSConfig: config}).Dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

// addresses are those of a center's listeners, by transport.
func addresses(c *centertest.Center) map[string]string {
	all := map[string]string{}
	for _, l := range centertest.Get[web.Health](c, "/api/v1/health").Listeners {
		name := l.Transport
		if l.Codec == ingest.Auto {
			name = ingest.Auto
		}
		all[name] = l.Addr
	}
	return all
}

// Over each transport a device's report is acknowledged and in the record; and
// with all of them connected the center stops in good order (Start's part).
func TestTransports(t *testing.T) {
	a := newAuthority(t)
	reg := registryWithKey(t)
	c := centertest.Start(t, centertest.Config{Options: func(o *center.Options) {
		plain := &tls.Config{Certificates: []tls.Certificate{a.server(t)}, MinVersion: tls.VersionTLS12}
		o.Registry = reg
		o.Devices = []ingest.Listener{
			{Codec: "gt06", Addr: "127.0.0.1:0"},
			{Codec: "gt06", Addr: "127.0.0.1:0", TLS: plain},
			{Codec: "siadc09", Transport: ingest.UDP, Addr: "127.0.0.1:0"},
			{Codec: "rftrack", Transport: ingest.HTTP, Addr: "127.0.0.1:0"},
			{Codec: "rftrack", Transport: ingest.HTTP, Addr: "127.0.0.1:0", TLS: plain},
			{Codec: ingest.Auto, Addr: "127.0.0.1:0"},
		}
	}})
	at := addresses(c)
	tracker, _ := reg.Device("gt06")
	panel, _ := reg.Device("siadc09")
	laipac, _ := reg.Device("laipac")
	fix := centertest.At(now(), 0)
	for name, p := range map[string]*played{
		"tcp":            play(t, tracker, centertest.IMEI(1), dial(t, at["tcp"], nil)),
		"tls":            play(t, tracker, centertest.IMEI(2), dial(t, at["tls"], a.client(t, ""))),
		"udp":            play(t, panel, account, dialUDP(t, at["udp"])),
		"auto, a gt06":   play(t, tracker, centertest.IMEI(3), dial(t, at[ingest.Auto], nil)),
		"auto, a laipac": play(t, laipac, centertest.IMEI(4), dial(t, at[ingest.Auto], nil)),
	} {
		o := fix
		if name == "udp" {
			o.Body = &em.Alarm{What: em.AlarmSOS}
		}
		p.report(o)
		c.Eventually(name+": the report is acknowledged", p.acknowledged)
	}
	for transport, config := range map[string]*tls.Config{"http": nil, "https": a.client(t, "")} {
		client := http.Client{Transport: &http.Transport{TLSClientConfig: config}, Timeout: 20 * time.Second}
		// A connection that stays idle must not hold up the end.
		defer client.CloseIdleConnections()
		form := fmt.Sprintf(`i=%s&t=%d&id=39163&rc=0&gps={"a":30.0,"y":54.7,"x":25.28,"t":%[2]d}`, centertest.IMEI(5), now().UnixMilli())
		resp, err := client.Post(transport+"://"+at[transport]+"/deviceDataUpload.do", "application/x-www-form-urlencoded", strings.NewReader(form))
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if resp.StatusCode != http.StatusOK || string(body) != "{}" {
			t.Errorf("%s: %s %q", transport, resp.Status, body)
		}
	}
	c.CaughtUp()
	got := map[string]int64{}
	for _, q := range centertest.Get[[]web.QuarantineView](c, "/api/v1/quarantine") {
		got[q.Device] = q.Frames
	}
	for _, d := range []string{
		"gt06:" + centertest.IMEI(1), "gt06:" + centertest.IMEI(2), "gt06:" + centertest.IMEI(3), "laipac:" + centertest.IMEI(4),
		"rftrack:" + centertest.IMEI(5), "siadc09:" + account,
	} {
		if got[d] == 0 {
			t.Errorf("%s is not in the record; there are %v", d, got)
		}
	}
	// Only an encrypted message of an account with a key is taken, and the key is
	// in nothing that the center says or keeps.
	if out := c.Out.String() + c.Log.String(); strings.Contains(out, aesKey) {
		t.Error("a key is shown")
	}
}

// Whoever has a certificate may report for that device alone. What it says of
// another is not acknowledged and not judged, but kept, and told.
func TestCertificateBindsIdentity(t *testing.T) {
	a := newAuthority(t)
	c := centertest.Start(t, centertest.Config{Options: func(o *center.Options) {
		o.Devices[0].TLS = tcp.MutualTLS(a.server(t), a.pool())
	}})
	c.Put("/api/v1/people", centertest.Person(1, now().Add(-time.Hour), ""))
	c.Put("/api/v1/people", centertest.Person(2, now().Add(-time.Hour), ""))
	tracker := devices.All()[3]
	for i, name := range []string{centertest.IMEI(1), "gt06:" + centertest.IMEI(1)} {
		p := play(t, tracker, centertest.IMEI(1), dial(t, c.Devices, a.client(t, name)))
		p.report(centertest.At(now().Add(time.Duration(i-9)*time.Second), 0))
		c.Eventually("its own report is acknowledged", p.acknowledged)
	}
	c.CaughtUp()
	before := centertest.Get[record.Counts](c, "/api/v1/counts")
	if before.Fixes != 2 {
		t.Fatalf("before: %+v", before)
	}

	forger := play(t, tracker, centertest.IMEI(2), dial(t, c.Devices, a.client(t, "laipac:"+centertest.IMEI(2))))
	forger.report(centertest.SOS(now()))
	c.Eventually("the connection is ended", forger.over)
	if forger.sim.Waiting() != 1 {
		t.Error("the forged report was acknowledged")
	}
	c.CaughtUp()
	after := centertest.Get[record.Counts](c, "/api/v1/counts")
	if after.Observations != before.Observations || after.Frames <= before.Frames {
		t.Errorf("before %+v, after %+v", before, after)
	}
	if all := c.Incidents("device.identity"); len(all) != 1 || all[0].Person != "p-2" || !strings.Contains(all[0].Reason, "certificate") {
		t.Errorf("incidents: %+v", all)
	}
	all := centertest.Get[[]web.QuarantineView](c, "/api/v1/quarantine")
	if len(all) != 1 || all[0].Device != "" || !strings.Contains(all[0].Reason, "certificate") {
		t.Errorf("quarantine: %+v", all)
	}

	// Without a certificate nobody gets as far as a report.
	if conn, err := (&tcp.Dialer{Addr: c.Devices, TLSConfig: a.client(t, "")}).Dial(t.Context()); err == nil {
		if _, err := conn.Read(make([]byte, 1)); err == nil {
			t.Error("a connection without a certificate is served")
		}
		conn.Close()
	}
}

// What speaks no known dialect is kept as evidence, and nobody's.
func TestUnknownDialect(t *testing.T) {
	c := centertest.Start(t, centertest.Config{Options: func(o *center.Options) {
		o.Devices = append(o.Devices, ingest.Listener{Codec: ingest.Auto, Codecs: []string{"gt06", "laipac"}, Addr: "127.0.0.1:0"})
	}})
	conn := dial(t, addresses(c)[ingest.Auto], nil)
	defer conn.Close()
	if _, err := io.WriteString(conn, "SSH-2.0-nobody\r\n"); err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(conn); len(b) > 0 || err != nil && !strings.Contains(err.Error(), "reset") {
		t.Errorf("it is answered %q, %v", b, err)
	}
	c.CaughtUp()
	all := centertest.Get[[]web.QuarantineView](c, "/api/v1/quarantine")
	if len(all) != 1 || all[0].Codec != ingest.Auto || all[0].Device != "" || len(all[0].Latest) != 1 || all[0].Latest[0].Hex != fmt.Sprintf("%x", "SSH-2.0-nobody\r\n") {
		t.Errorf("quarantine: %+v", all)
	}
}

// Datagrams of many senders are bounded, and one sender's frames that make no
// sense do not stay.
func TestDatagramsAreBounded(t *testing.T) {
	c := centertest.Start(t, centertest.Config{Options: func(o *center.Options) {
		o.Devices = []ingest.Listener{{Codec: "siadc09", Transport: ingest.UDP, Addr: "127.0.0.1:0", MaxConns: 3}}
	}})
	addr := addresses(c)["udp"]
	for range 10 {
		conn := dialUDP(t, addr)
		defer conn.Close()
		if _, err := conn.Write([]byte("nobody's")); err != nil {
			t.Fatal(err)
		}
	}
	connections := func() int { return centertest.Get[web.Health](c, "/api/v1/health").Devices }
	c.Eventually("three are listened to", func() bool { return connections() == 3 })
	time.Sleep(50 * time.Millisecond) // for a fourth, which must not come
	if n := connections(); n != 3 {
		t.Errorf("%d senders are kept", n)
	}
	c.Eventually("they are gone", func() bool { return connections() == 0 })
}

// A listener that cannot be is refused when the center is made.
func TestListenerIsChecked(t *testing.T) {
	secure := &tls.Config{}
	for name, l := range map[string]ingest.Listener{
		"unknown dialect":      {Codec: "none"},
		"unknown transport":    {Codec: "gt06", Transport: "sctp"},
		"no datagrams":         {Codec: "gt06", Transport: ingest.UDP},
		"TLS over UDP":         {Codec: "siadc09", Transport: ingest.UDP, TLS: secure},
		"no HTTP":              {Codec: "gt06", Transport: ingest.HTTP},
		"choice without auto":  {Codec: "gt06", Codecs: []string{"laipac"}},
		"auto of unknown ones": {Codec: ingest.Auto, Codecs: []string{"none"}},
		"auto over UDP":        {Codec: ingest.Auto, Transport: ingest.UDP},
		"negative bound":       {Codec: "gt06", MaxConns: -1},
	} {
		_, err := center.New(center.Options{DataDir: t.TempDir(), Registry: registryWithKey(t), Devices: []ingest.Listener{l}})
		if err == nil {
			t.Errorf("%s: taken", name)
		} else {
			t.Logf("%s: %v", name, err)
		}
	}
}

// A device that sends more than it may is slowed down and loses nothing.
func TestRates(t *testing.T) {
	c := centertest.Start(t, centertest.Config{Options: func(o *center.Options) { o.Rates = ingest.Rates{Device: 20, Address: -1} }})
	const reports = 420 // 400 pass at once
	d := c.Connect(1)
	c.Eventually("the login is acknowledged", func() bool { return d.Acks() > 0 })
	begin := time.Now()
	var all []em.Observation
	for i := range reports {
		all = append(all, centertest.Kept(now().Add(-time.Duration(i)*time.Second), 0))
	}
	d.Report(all...)
	c.Eventually("all are acknowledged", func() bool { return d.Acks() > reports })
	if took := time.Since(begin); took < 900*time.Millisecond {
		t.Errorf("%d reports took %v", reports, took)
	}
	c.CaughtUp()
	if n := centertest.Get[record.Counts](c, "/api/v1/counts").Fixes; n != reports {
		t.Errorf("%d of %d reports are in the record", n, reports)
	}
}
