package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sargas-em/em/devices"
	"github.com/sargas-em/em/examples/monitoringcenter/center/ingest"
	"github.com/sargas-em/em/protocol"
)

// certificate writes an invented one and its key.
func certificate(t *testing.T) (cert, key string) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &k.PublicKey, k)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	return file(t, "cert.pem", 0o600, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))),
		file(t, "key.pem", 0o600, string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})))
}

func file(t *testing.T, name string, mode os.FileMode, text string) string {
	t.Helper()
	name = filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(name, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestParseDevice(t *testing.T) {
	cert, key := certificate(t)
	pair := "cert=" + cert + "&key=" + key
	type want struct {
		l      ingest.Listener
		tls    bool
		mutual bool
		err    string
	}
	for in, want := range map[string]want{
		"gt06=127.0.0.1:5023":        {l: ingest.Listener{Codec: "gt06", Transport: ingest.TCP, Addr: "127.0.0.1:5023"}},
		"gt06=:5023":                 {l: ingest.Listener{Codec: "gt06", Transport: ingest.TCP, Addr: ":5023"}},
		"gt06=tcp://[::1]:5023":      {l: ingest.Listener{Codec: "gt06", Transport: ingest.TCP, Addr: "[::1]:5023"}},
		"siadc09=udp://0.0.0.0:5028": {l: ingest.Listener{Codec: "siadc09", Transport: ingest.UDP, Addr: "0.0.0.0:5028"}},
		"rftrack=http://127.0.0.1:80?max-conns=9&max-per-addr=2": {
			l: ingest.Listener{Codec: "rftrack", Transport: ingest.HTTP, Addr: "127.0.0.1:80", MaxConns: 9, MaxPerAddr: 2}},
		"auto=tcp://127.0.0.1:1?codecs=gt06,laipac": {
			l: ingest.Listener{Codec: "auto", Codecs: []string{"gt06", "laipac"}, Transport: ingest.TCP, Addr: "127.0.0.1:1"}},
		"gt06=tls://127.0.0.1:1?" + pair: {l: ingest.Listener{Codec: "gt06", Transport: ingest.TCP, Addr: "127.0.0.1:1"}, tls: true},
		"gt06=tls://127.0.0.1:1?" + pair + "&client-ca=" + cert: {
			l: ingest.Listener{Codec: "gt06", Transport: ingest.TCP, Addr: "127.0.0.1:1"}, tls: true, mutual: true},
		"rftrack=https://127.0.0.1:1?" + pair: {l: ingest.Listener{Codec: "rftrack", Transport: ingest.HTTP, Addr: "127.0.0.1:1"}, tls: true},

		"gt06":                                         {err: "not CODEC=URL"},
		"=127.0.0.1:1":                                 {err: "not CODEC=URL"},
		"gt06=ftp://127.0.0.1:1":                       {err: "unknown scheme"},
		"gt06=tcp://127.0.0.1:1/path":                  {err: "not SCHEME://HOST:PORT"},
		"gt06=tcp://127.0.0.1:1?cert=x":                {err: "belongs to tls"},
		"gt06=tcp://127.0.0.1:1?colour=red":            {err: "unknown option"},
		"gt06=tcp://127.0.0.1:1?max-conns=0":           {err: "positive"},
		"gt06=tcp://h:1?codecs=a&codecs=b":             {err: "twice"},
		"gt06=tls://127.0.0.1:1":                       {err: "needs cert"},
		"gt06=tls://127.0.0.1:1?cert=x&key=y":          {err: "no such file"},
		"gt06=tls://h:1?" + pair + "&client-ca=" + key: {err: "no PEM certificate"},
	} {
		l, err := parseDevice(in)
		if want.err != "" {
			if err == nil || !strings.Contains(err.Error(), want.err) {
				t.Errorf("%s: %v, want %q", in, err, want.err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", in, err)
			continue
		}
		mutual := l.TLS != nil && l.TLS.ClientAuth == tls.RequireAndVerifyClientCert
		if (l.TLS != nil) != want.tls || mutual != want.mutual {
			t.Errorf("%s: TLS %v, mutual %v", in, l.TLS != nil, mutual)
		}
		l.TLS = nil
		if got, wanted := strings.Join(l.Codecs, ","), strings.Join(want.l.Codecs, ","); got != wanted || l.Codec != want.l.Codec ||
			l.Transport != want.l.Transport || l.Addr != want.l.Addr || l.MaxConns != want.l.MaxConns || l.MaxPerAddr != want.l.MaxPerAddr {
			t.Errorf("%s: %+v", in, l)
		}
	}
}

// Keys are read from a file that nobody else can read, and no error holds one.
func TestKeys(t *testing.T) {
	reg, err := protocol.NewRegistry(devices.All()...)
	if err != nil {
		t.Fatal(err)
	}
	const secret = "000102030405060708090a0b0c0d0e0f"
	good := `{"siadc09":{"accounts":{"9017":"` + secret + `"},"contact_id":{"381":"UY"}}}`
	keyed, err := withKeys(reg, file(t, "keys.json", 0o600, good))
	if err != nil {
		t.Fatal(err)
	}
	if len(keyed.All()) != len(reg.All()) {
		t.Errorf("%d of %d dialects are left", len(keyed.All()), len(reg.All()))
	}
	// The keyed unit encrypts: its codec alone writes what it reads back.
	dev, err := keyed.Device("siadc09")
	if err != nil {
		t.Fatal(err)
	}
	sim, err := dev.Simulator("9017", 1)
	if err != nil {
		t.Fatal(err)
	}
	var out protocol.Output
	if err := sim.Wake(time.Now().UTC(), &out); err != nil || len(out.Send) == 0 {
		t.Fatalf("%d messages, %v", len(out.Send), err)
	}
	frame, err := dev.Codec.Append(nil, out.Send[0])
	if err != nil || !strings.Contains(string(frame), `"*`) {
		t.Errorf("a unit with a key sends %q, %v", frame, err)
	}
	for name, f := range map[string]string{
		"others may read": file(t, "keys.json", 0o644, good),
		"no JSON":         file(t, "keys.json", 0o600, secret),
		"unknown field":   file(t, "keys.json", 0o600, `{"siadc09":{"keys":"`+secret+`"}}`),
		"short key":       file(t, "keys.json", 0o600, `{"siadc09":{"key":"`+secret[1:]+`"}}`),
		"bad account":     file(t, "keys.json", 0o600, `{"siadc09":{"accounts":{"x":"`+secret+`"}}}`),
		"missing":         filepath.Join(t.TempDir(), "none"),
	} {
		if _, err := withKeys(reg, f); err == nil {
			t.Errorf("%s: taken", name)
		} else if strings.Contains(err.Error(), secret[1:10]) {
			t.Errorf("%s: the error shows the key: %v", name, err)
		}
	}
}

// A configuration file is the flags by their names; the command line comes first.
func TestConfiguration(t *testing.T) {
	dir := t.TempDir()
	conf := file(t, "center.json", 0o600, `{"data":"`+dir+`/not-this","listen":"127.0.0.1:0","for":"1m","rate-device":7,"v":true,
		"device":["gt06=127.0.0.1:0","siadc09=udp://127.0.0.1:0"]}`)
	ctx, cancel := context.WithCancel(t.Context())
	out := until{said: "siadc09", then: cancel}
	if err := run(ctx, []string{"serve", "--config", conf, "--data", dir + "/this"}, &out, io.Discard); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), "gt06       tcp ") || !strings.Contains(out.String(), "siadc09    udp ") {
		t.Errorf("it says\n%s", out.String())
	}
	if _, err := os.Stat(dir + "/this/record.db"); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(dir + "/not-this"); err == nil {
		t.Error("the file's folder was taken instead of the command line's")
	}
	cancel()
	for text, want := range map[string]string{
		`{"colour":"red"}`:     `no flag "colour"`,
		`{"config":"other"}`:   `no flag "config"`,
		`{"for":"soon"}`:       "for",
		`{"listen":{"a":"b"}}`: "a text",
		`{"data":["a","b"]}`:   "a text",
		`["data"]`:             "JSON object",
	} {
		err := run(context.Background(), []string{"serve", "--config", file(t, "c.json", 0o600, text)}, io.Discard, io.Discard)
		if err == nil || !strings.Contains(err.Error(), want) || errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}

// until does something when a word was written.
type until struct {
	strings.Builder
	said string
	then func()
}

func (u *until) Write(p []byte) (int, error) {
	defer func() {
		if strings.Contains(u.String(), u.said) {
			u.then()
		}
	}()
	return u.Builder.Write(p)
}
