package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"flag"
	"fmt"
	"net/url"
	"os"
	"runtime"
	"strconv"
	"strings"

	"github.com/sargas-em/em/devices/siadc09"
	"github.com/sargas-em/em/examples/internal/program"
	"github.com/sargas-em/em/examples/monitoringcenter/center/ingest"
	"github.com/sargas-em/em/protocol"
	"github.com/sargas-em/em/protocol/tcp"
)

const deviceUsage = "`CODEC=URL` to listen on for devices; may be repeated. " +
	"URL is tcp://ADDR or ADDR alone, tls://ADDR?cert=FILE&key=FILE, the same with &client-ca=FILE for devices with certificates, udp://ADDR, " +
	"http://ADDR or https://ADDR?cert=…. CODEC auto tells the dialects on a port apart: tcp://ADDR?codecs=gt06,laipac. " +
	"max-conns=N and max-per-addr=N bound its connections"

// parseDevice reads what --device says.
func parseDevice(s string) (ingest.Listener, error) {
	codec, rest, ok := strings.Cut(s, "=")
	if !ok || codec == "" || rest == "" {
		return ingest.Listener{}, program.Usagef("--device %q is not CODEC=URL", s)
	}
	l := ingest.Listener{Codec: codec, Transport: ingest.TCP}
	bad := func(format string, args ...any) (ingest.Listener, error) {
		return l, program.Usagef("--device %s: "+format, append([]any{codec}, args...)...)
	}
	if !strings.Contains(rest, "://") {
		l.Addr = rest
		return l, nil
	}
	u, err := url.Parse(rest)
	if err != nil || u.Host == "" || u.Path != "" || u.User != nil || u.Fragment != "" {
		return bad("%q is not SCHEME://HOST:PORT", rest)
	}
	l.Addr = u.Host
	secure := false
	switch u.Scheme {
	case "tcp":
	case "tls":
		secure = true
	case "udp":
		l.Transport = ingest.UDP
	case "http", "https":
		l.Transport, secure = ingest.HTTP, u.Scheme == "https"
	default:
		return bad("unknown scheme %q: tcp, tls, udp, http or https", u.Scheme)
	}
	q, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return bad("%q: %v", u.RawQuery, err)
	}
	for name, values := range q {
		v := values[0]
		switch {
		case len(values) > 1:
			return bad("%s is given twice", name)
		case name == "codecs":
			l.Codecs = strings.Split(v, ",")
		case name == "max-conns" || name == "max-per-addr":
			n, err := strconv.Atoi(v)
			if err != nil || n <= 0 {
				return bad("%s: %q is not a positive number", name, v)
			}
			if name == "max-conns" {
				l.MaxConns = n
			} else {
				l.MaxPerAddr = n
			}
		case name == "cert" || name == "key" || name == "client-ca":
			if !secure {
				return bad("%s belongs to tls:// and https://", name)
			}
		default:
			return bad("unknown option %q", name)
		}
	}
	if !secure {
		return l, nil
	}
	if q.Get("cert") == "" || q.Get("key") == "" {
		return bad("%s:// needs cert=FILE and key=FILE", u.Scheme)
	}
	pair, err := tls.LoadX509KeyPair(q.Get("cert"), q.Get("key"))
	if err != nil {
		return l, fmt.Errorf("--device %s: %w", codec, err)
	}
	l.TLS = &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
	if ca := q.Get("client-ca"); ca != "" {
		doc, err := os.ReadFile(ca)
		if err != nil {
			return l, fmt.Errorf("--device %s: %w", codec, err)
		}
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(doc) {
			return l, fmt.Errorf("--device %s: %s holds no PEM certificate", codec, ca)
		}
		l.TLS = tcp.MutualTLS(pair, pool)
	}
	return l, nil
}

// keys is the keys file: what the center has agreed with devices in secret.
type keys struct {
	SIADC09 struct {
		Key        string            `json:"key"`         // of all accounts without one of their own
		Accounts   map[string]string `json:"accounts"`    // by account number
		AllowPlain bool              `json:"allow_plain"` // take messages in clear from accounts that have a key
		ContactID  map[string]string `json:"contact_id"`  // see siadc09.Config
	} `json:"siadc09"`
}

// withKeys returns the registry with the dialects that have keys of the file.
// Errors never hold a key.
func withKeys(reg *protocol.Registry, name string) (*protocol.Registry, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("%s: others may read it: chmod 600", name)
	}
	doc, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	var k keys
	dec := json.NewDecoder(strings.NewReader(string(doc)))
	dec.DisallowUnknownFields()
	if dec.Decode(&k) != nil || dec.More() { // what the decoder says may quote the file
		return nil, fmt.Errorf("%s: not a keys file: JSON with an object siadc09 of key, accounts, allow_plain and contact_id", name)
	}
	c := siadc09.Config{AllowPlain: k.SIADC09.AllowPlain, ContactID: k.SIADC09.ContactID, Accounts: map[string]siadc09.Key{}}
	if k.SIADC09.Key != "" {
		if c.Key, err = siadc09.ParseKey(k.SIADC09.Key); err != nil {
			return nil, fmt.Errorf("%s: siadc09: key: %w", name, err)
		}
	}
	for account, text := range k.SIADC09.Accounts {
		if c.Accounts[account], err = siadc09.ParseKey(text); err != nil {
			return nil, fmt.Errorf("%s: siadc09: the key of an account: %w", name, err)
		}
	}
	dev, err := siadc09.New(c)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	all := reg.All()
	for i, d := range all {
		if d.Name == dev.Name {
			all[i] = dev
		}
	}
	return protocol.NewRegistry(all...)
}

// configure sets the flags that a configuration file gives and the command line
// does not: a JSON object of flags by their names, with a text, number, truth or
// duration such as "90s" for each, and a list for those that may be repeated.
//
//	{"data": "/var/lib/sargas", "listen": "127.0.0.1:8080", "device": ["gt06=tcp://0.0.0.0:5023"]}
func configure(fs *flag.FlagSet, name string) error {
	doc, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	var values map[string]json.RawMessage
	if err := json.Unmarshal(doc, &values); err != nil {
		return fmt.Errorf("%s: not a JSON object of flags: %w", name, err)
	}
	given := map[string]bool{}
	fs.Visit(func(f *flag.Flag) { given[f.Name] = true })
	for key, raw := range values {
		f := fs.Lookup(key)
		if f == nil || key == "config" {
			return program.Usagef("%s: %s has no flag %q", name, fs.Name(), key)
		}
		if given[key] {
			continue
		}
		var several []json.RawMessage
		if _, many := f.Value.(*list); !many || json.Unmarshal(raw, &several) != nil {
			several = []json.RawMessage{raw}
		}
		for _, one := range several {
			text := string(one)
			if json.Unmarshal(one, &text) != nil && (text == "null" || strings.ContainsAny(text, "{[")) {
				return program.Usagef("%s: %s: a text, number or truth, or a list where the flag may be repeated", name, key)
			}
			if err := fs.Set(key, text); err != nil {
				return program.Usagef("%s: %s: %v", name, key, err)
			}
		}
	}
	return nil
}
