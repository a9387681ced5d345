package main

import (
	"crypto/x509"
	"flag"
	"fmt"
	"net/url"
	"os"
	"strings"

	"github.com/sargas-em/em/examples/internal/program"
	"github.com/sargas-em/em/examples/monitoringcenter/center"
	"github.com/sargas-em/em/examples/monitoringcenter/center/delivery"
)

// telling are the flags of how recipients are told.
type telling struct{ smtp, password, ca string }

func (t *telling) register(fs *flag.FlagSet) {
	fs.StringVar(&t.smtp, "smtp", "", "`URL` of the server by which mail to recipients leaves: smtp://[USER@]HOST:PORT?from=ADDRESS, with STARTTLS, or smtps://… with TLS from the start")
	fs.StringVar(&t.password, "smtp-password", "", "`file` with the password of the user")
	fs.StringVar(&t.ca, "notice-ca", "", "`file` of PEM certificates that those of webhooks and of the mail server are checked with; the system's if absent")
}

func (t *telling) options() (o center.Telling, err error) {
	if t.ca != "" {
		pem, err := os.ReadFile(t.ca)
		if err != nil {
			return o, err
		}
		if o.Roots = x509.NewCertPool(); !o.Roots.AppendCertsFromPEM(pem) {
			return o, fmt.Errorf("%s holds no PEM certificate", t.ca)
		}
	}
	if t.smtp == "" {
		return o, nil
	}
	u, err := url.Parse(t.smtp)
	if err != nil || u.Scheme != "smtp" && u.Scheme != "smtps" || u.Path != "" {
		return o, program.Usagef("serve: --smtp is not smtp://[USER@]HOST:PORT?from=ADDRESS")
	}
	if _, given := u.User.Password(); given {
		return o, program.Usagef("serve: --smtp: the password goes into a file: --smtp-password")
	}
	o.Mail = &delivery.SMTP{Addr: u.Host, Implicit: u.Scheme == "smtps", From: u.Query().Get("from"), User: u.User.Username(), Roots: o.Roots}
	if t.password != "" {
		b, err := os.ReadFile(t.password)
		if err != nil {
			return o, err
		}
		o.Mail.Password = strings.TrimRight(string(b), "\r\n")
	}
	if err := o.Mail.Check(); err != nil {
		return o, program.Usagef("serve: --smtp: %w", err)
	}
	return o, nil
}
