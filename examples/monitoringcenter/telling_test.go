package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestTellingFlags(t *testing.T) {
	file := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(file, []byte("invented\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	o, err := (&telling{smtp: "smtp://center@mail.example.org:587?from=center@example.org", password: file}).options()
	if err != nil || o.Mail.Addr != "mail.example.org:587" || o.Mail.Implicit || o.Mail.User != "center" || o.Mail.Password != "invented" || o.Mail.From != "center@example.org" {
		t.Errorf("%+v, %v", o.Mail, err)
	}
	if o, err := (&telling{smtp: "smtps://mail.example.org:465?from=center@example.org"}).options(); err != nil || !o.Mail.Implicit || o.Mail.User != "" {
		t.Errorf("%+v, %v", o.Mail, err)
	}
	for flags, want := range map[telling]string{
		{smtp: "mail.example.org"}:                                       "smtp://",
		{smtp: "smtp://mail.example.org?from=center@example.org"}:        "HOST:PORT",
		{smtp: "smtp://mail.example.org:25"}:                             "from",
		{smtp: "smtp://a:b@mail.example.org:25?from=center@example.org"}: "--smtp-password",
		{smtp: "smtp://a@mail.example.org:25?from=center@example.org"}:   "go together",
		{ca: file}:           "no PEM",
		{ca: file + ".none"}: "no such file",
		{smtp: "smtp://a@h:25?from=center@example.org", password: file + "none"}: "no such file",
	} {
		if _, err := flags.options(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", flags, err, want)
		}
	}
}
