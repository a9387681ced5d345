package delivery

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"mime"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"net/smtp"
	"net/textproto"
	"strings"
	"time"
)

// SMTP says by which server mail leaves. TLS is required off loopback: from the
// start where Implicit is set, else by STARTTLS.
type SMTP struct {
	Addr     string // "mail.example.org:587"
	Implicit bool   // TLS from the start, as on port 465
	From     string // one bare address
	User     string // PLAIN; no authentication if empty
	Password string
	Roots    *x509.CertPool // the system's if nil
}

// Check says what is wrong with it.
func (s *SMTP) Check() error {
	a, err := mail.ParseAddress(s.From)
	switch _, port, aerr := net.SplitHostPort(s.Addr); {
	case aerr != nil || port == "":
		return errors.New("delivery: smtp: the address is not HOST:PORT")
	case err != nil || a.Name != "" || a.Address != s.From:
		return errors.New("delivery: smtp: from is not one bare address")
	case (s.User == "") != (s.Password == ""):
		return errors.New("delivery: smtp: user and password go together")
	}
	return nil
}

// errPlain: the server offers no encryption.
var errPlain = errors.New("the server offers no STARTTLS")

// Send sends one mail. Its Message-ID is made of id, the same at each attempt.
func (s *SMTP) Send(ctx context.Context, to, id string, now time.Time, subject, text string) error {
	ctx, cancel := context.WithTimeout(ctx, Patience)
	defer cancel()
	c, err := s.dial(ctx)
	if err != nil {
		return s.failed(err, false)
	}
	defer c.Close()
	stop := context.AfterFunc(ctx, func() { c.Close() })
	defer stop()
	if err = c.Mail(s.From); err == nil {
		err = c.Rcpt(to)
	}
	if err != nil {
		return s.failed(err, false)
	}
	w, err := c.Data()
	if err != nil {
		return s.failed(err, false)
	}
	_, err = w.Write(s.message(to, id, now, subject, text))
	if err == nil {
		err = w.Close() // the server has taken it from here on
	}
	if err != nil {
		return s.failed(err, true)
	}
	c.Quit() // it was taken, whatever comes now
	return nil
}

func (s *SMTP) dial(ctx context.Context) (*smtp.Client, error) {
	host, _, _ := net.SplitHostPort(s.Addr)
	config := &tls.Config{ServerName: host, RootCAs: s.Roots, MinVersion: tls.VersionTLS12}
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", s.Addr)
	if err != nil {
		return nil, err
	}
	end, _ := ctx.Deadline()
	if err := conn.SetDeadline(end); err != nil {
		conn.Close()
		return nil, err
	}
	if s.Implicit {
		conn = tls.Client(conn, config)
	}
	c, err := smtp.NewClient(conn, host)
	if err != nil {
		conn.Close()
		return nil, err
	}
	if err := s.greet(c, host, config); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

func (s *SMTP) greet(c *smtp.Client, host string, config *tls.Config) error {
	if !s.Implicit {
		offered, _ := c.Extension("STARTTLS")
		ip := net.ParseIP(host)
		switch {
		case offered:
			if err := c.StartTLS(config); err != nil {
				return err
			}
		case host != "localhost" && (ip == nil || !ip.IsLoopback()):
			return errPlain
		}
	}
	if s.User == "" {
		return nil
	}
	return c.Auth(smtp.PlainAuth("", s.User, s.Password, host))
}

func (s *SMTP) message(to, id string, now time.Time, subject, text string) []byte {
	_, domain, _ := strings.Cut(s.From, "@")
	var b bytes.Buffer
	for _, h := range [][2]string{
		{"From", s.From}, {"To", to}, {"Subject", mime.QEncoding.Encode("utf-8", subject)}, {"Date", now.Format(time.RFC1123Z)},
		{"Message-ID", "<" + id + "@" + domain + ">"}, {"Auto-Submitted", "auto-generated"}, {"MIME-Version", "1.0"},
		{"Content-Type", "text/plain; charset=utf-8"}, {"Content-Transfer-Encoding", "quoted-printable"},
	} {
		fmt.Fprintf(&b, "%s: %s\r\n", h[0], h[1])
	}
	b.WriteString("\r\n")
	q := quotedprintable.NewWriter(&b)
	q.Write([]byte(text)) // of a bytes.Buffer: no error
	q.Close()
	return b.Bytes()
}

func (s *SMTP) failed(err error, sent bool) error {
	var reply *textproto.Error
	switch {
	case errors.As(err, &reply):
		// A server that refuses the mail has not taken it. Its words may hold addresses.
		return fmt.Errorf("%w: the mail server answers %d", ErrNotSent, reply.Code)
	case errors.Is(err, errPlain):
		return fmt.Errorf("%w: %w", ErrNotSent, errPlain)
	}
	return failed(err, sent)
}
