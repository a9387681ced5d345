// Package delivery carries notices out of the center: to HTTPS webhooks and by
// mail. It tries once; whoever calls it decides what to try again. What it does
// is safe for concurrent use.
//
// Errors say whether the notice may have arrived all the same: those that wrap
// ErrNotSent are sure that it has not. No error holds an address or a secret.
package delivery

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"strconv"
	"sync/atomic"
	"time"
)

// ErrNotSent: nothing of the notice left the center.
var ErrNotSent = errors.New("delivery: not sent")

// StatusError is an answer that is no success.
type StatusError struct{ Code int }

func (e *StatusError) Error() string {
	return fmt.Sprintf("delivery: the receiver answers %d %s", e.Code, http.StatusText(e.Code))
}

// Patience bounds one attempt: Standard Webhooks asks for 15 to 30 seconds.
const Patience = 20 * time.Second

// mostAnswer bounds what is read of an answer, so that the connection can be used
// again.
const mostAnswer = 64 << 10

// Webhooks posts notices by Standard Webhooks 1.0 (standardwebhooks.com), with
// HMAC-SHA256.
type Webhooks struct{ client *http.Client }

// NewWebhooks returns a client that checks receivers' certificates with roots;
// with the system's where it is nil. Close it.
func NewWebhooks(roots *x509.CertPool) *Webhooks {
	return &Webhooks{&http.Client{
		Timeout: Patience,
		Transport: &http.Transport{
			Proxy:               http.ProxyFromEnvironment,
			TLSClientConfig:     &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
			MaxIdleConnsPerHost: 2,
			IdleConnTimeout:     time.Minute,
			ForceAttemptHTTP2:   true,
		},
		// Where it goes is the recipient's document's to say, not the receiver's.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// Close lets go of idle connections.
func (w *Webhooks) Close() { w.client.CloseIdleConnections() }

// Post sends one notice. An answer of 2xx is nil, any other a *StatusError. id is
// the same at each attempt: by it the receiver discards doubles.
func (w *Webhooks) Post(ctx context.Context, url string, key []byte, id string, now time.Time, body []byte) error {
	var connected atomic.Bool
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { connected.Store(true) }})
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("%w: the URL is none", ErrNotSent)
	}
	stamp := strconv.FormatInt(now.Unix(), 10)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "sargas-monitoringcenter")
	req.Header.Set("Webhook-Id", id)
	req.Header.Set("Webhook-Timestamp", stamp)
	req.Header.Set("Webhook-Signature", Sign(key, id, stamp, body))
	req.Header.Set("Idempotency-Key", id)
	resp, err := w.client.Do(req)
	if err != nil {
		return failed(err, connected.Load())
	}
	defer resp.Body.Close()
	io.Copy(io.Discard, io.LimitReader(resp.Body, mostAnswer))
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return &StatusError{resp.StatusCode}
	}
	return nil
}

// Sign returns the webhook-signature of a notice: "v1," and HMAC-SHA256 in base64
// over "ID.TIMESTAMP.BODY"; timestamp is in seconds since 1970.
func Sign(key []byte, id, timestamp string, body []byte) string {
	m := hmac.New(sha256.New, key)
	io.WriteString(m, id+"."+timestamp+".")
	m.Write(body)
	return "v1," + base64.StdEncoding.EncodeToString(m.Sum(nil))
}

// failed says what went wrong without saying where.
func failed(err error, sent bool) error {
	var (
		dns    *net.DNSError
		timed  net.Error
		verify *tls.CertificateVerificationError
		what   = "the connection failed"
	)
	switch {
	case errors.Is(err, context.Canceled):
		what = "the center stopped"
	case errors.As(err, &dns):
		what = "the host's name is not found"
	case errors.As(err, &verify):
		what = "the certificate does not hold"
	case errors.As(err, &timed) && timed.Timeout():
		what = "no answer in time"
	case !sent:
		what = "it cannot be reached"
	}
	if !sent {
		return fmt.Errorf("%w: %s", ErrNotSent, what)
	}
	return errors.New("delivery: " + what)
}
