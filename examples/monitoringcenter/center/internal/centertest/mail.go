package centertest

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"net"
	"strings"
	"testing"
)

// MailServer is a mail server that takes what comes, or refuses at a command.
type MailServer struct {
	Addr     string
	starttls *tls.Config
	refuse   string
	Mails    chan string // as they came over the wire
	Auth     chan string // AUTH commands
}

// NewMailServer starts a server on the loopback address. config is for STARTTLS,
// or, where implicit is set, for TLS from the start; nil for neither. refuse is a
// command that it refuses, "." where it goes away behind the mail.
func NewMailServer(t *testing.T, implicit bool, config *tls.Config, refuse string) *MailServer {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &MailServer{Addr: ln.Addr().String(), starttls: config, refuse: refuse, Mails: make(chan string, 100), Auth: make(chan string, 100)}
	if implicit {
		ln, s.starttls = tls.NewListener(ln, config), nil
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			s.talk(conn)
			conn.Close()
		}
	}()
	t.Cleanup(func() { ln.Close(); <-done })
	return s
}

func (s *MailServer) talk(conn net.Conn) {
	r := bufio.NewReader(conn)
	say := func(line string) { fmt.Fprintf(conn, "%s\r\n", line) }
	say("220 mail.example.org ESMTP")
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		verb, _, _ := strings.Cut(strings.TrimSpace(strings.ToUpper(line)), " ")
		if verb == s.refuse {
			say("550 no such user officer@example.org")
			continue
		}
		switch verb {
		case "EHLO":
			say("250-mail.example.org")
			if s.starttls != nil {
				say("250-STARTTLS")
			}
			say("250 AUTH PLAIN")
		case "STARTTLS":
			say("220 go on")
			c := tls.Server(conn, s.starttls)
			if c.Handshake() != nil {
				return
			}
			conn, r, s.starttls = c, bufio.NewReader(c), nil
		case "AUTH":
			s.Auth <- strings.TrimSpace(line)
			say("235 yes")
		case "DATA":
			say("354 go on")
			var b strings.Builder
			for {
				line, err := r.ReadString('\n')
				if err != nil {
					return
				}
				if line == ".\r\n" {
					break
				}
				b.WriteString(line)
			}
			if s.refuse == "." {
				return // it is not known what became of it
			}
			s.Mails <- b.String()
			say("250 taken")
		case "QUIT":
			say("221 bye")
			return
		default:
			say("250 ok")
		}
	}
}
