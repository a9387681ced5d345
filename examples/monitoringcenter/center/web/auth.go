package web

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base32"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Secrets guard the page and the API: a password that works once and gives a
// browser its cookie, and a bearer token for tools. They live in memory; a new
// start prints new ones.
type Secrets struct {
	token [sha256.Size]byte

	mu        sync.Mutex
	passwords map[[sha256.Size]byte]struct{}
	sessions  map[[sha256.Size]byte]time.Time // hash of the cookie → expiry
	failures  []time.Time                     // of recent wrong passwords
	now       func() time.Time
}

const (
	cookieName  = "sargas_session"
	sessionLife = 12 * time.Hour // one shift
	// Bounds, so that nobody fills the memory: sessions and unused passwords
	// that exist at once, and wrong passwords taken in a minute.
	maxSessions  = 1000
	maxPasswords = 10
	maxFailures  = 20
)

// ErrPassword: the password is wrong or was used before. ErrTooMany: too many
// wrong ones in the last minute.
var (
	ErrPassword = errors.New("web: wrong or used password")
	ErrTooMany  = errors.New("web: too many wrong passwords, wait a minute")
)

// RandomSecret returns 100 bits as 20 lower-case letters and digits.
func RandomSecret() string {
	var b [13]byte
	rand.Read(b[:]) // never fails
	return strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(b[:])[:20])
}

// NewSecrets makes secrets with the given bearer token.
func NewSecrets(token string, now func() time.Time) (*Secrets, error) {
	const short = 16 // characters: a guessable token is worse than an error
	if len(token) < short {
		return nil, fmt.Errorf("web: a token needs %d characters or more", short)
	}
	return &Secrets{
		token:     sha256.Sum256([]byte(token)),
		passwords: map[[sha256.Size]byte]struct{}{},
		sessions:  map[[sha256.Size]byte]time.Time{},
		now:       now,
	}, nil
}

// NewPassword returns a fresh password for one login.
func (s *Secrets) NewPassword() string {
	p := RandomSecret()
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.passwords) >= maxPasswords {
		clear(s.passwords)
	}
	s.passwords[sha256.Sum256([]byte(p))] = struct{}{}
	return p
}

// login takes a password and returns the value of a session's cookie.
func (s *Secrets) login(password string) (string, error) {
	now := s.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	keep := s.failures[:0]
	for _, t := range s.failures {
		if now.Sub(t) < time.Minute {
			keep = append(keep, t)
		}
	}
	s.failures = keep
	if len(s.failures) >= maxFailures {
		return "", ErrTooMany
	}
	key := sha256.Sum256([]byte(strings.TrimSpace(password)))
	if _, ok := s.passwords[key]; !ok {
		s.failures = append(s.failures, now)
		return "", ErrPassword
	}
	delete(s.passwords, key)
	for k, exp := range s.sessions {
		if now.After(exp) {
			delete(s.sessions, k)
		}
	}
	if len(s.sessions) >= maxSessions {
		return "", ErrTooMany
	}
	value := RandomSecret() + RandomSecret()
	s.sessions[sha256.Sum256([]byte(value))] = now.Add(sessionLife)
	return value, nil
}

// who names the caller of a request: "operator" by cookie, "api" by token, or
// nobody.
func (s *Secrets) who(r *http.Request) string {
	if t, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok {
		sum := sha256.Sum256([]byte(t))
		if subtle.ConstantTimeCompare(sum[:], s.token[:]) == 1 {
			return "api"
		}
		return ""
	}
	c, err := r.Cookie(cookieName)
	if err != nil {
		return ""
	}
	key := sha256.Sum256([]byte(c.Value))
	s.mu.Lock()
	defer s.mu.Unlock()
	exp, ok := s.sessions[key]
	if !ok || s.now().After(exp) {
		return ""
	}
	// The session is named by its hash, so that the audit tells two browsers
	// apart and nobody can use what it shows.
	return fmt.Sprintf("operator-%x", key[:3])
}

func (s *Secrets) logout(r *http.Request) {
	if c, err := r.Cookie(cookieName); err == nil {
		s.mu.Lock()
		delete(s.sessions, sha256.Sum256([]byte(c.Value)))
		s.mu.Unlock()
	}
}

// Loopback reports whether a listen address can be reached from this machine
// only. A name other than localhost is not looked up: it is not loopback.
func Loopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return false
	}
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}
