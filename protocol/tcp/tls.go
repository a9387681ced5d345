package tcp

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
)

// ErrVersion: a TLSConfig that allows versions before 1.2, which are broken (RFC 8996).
var ErrVersion = errors.New("tcp: TLS before version 1.2")

// checkVersions refuses what asks for old versions; modern adds the bound where
// nothing is said, whatever GODEBUG says.
func checkVersions(c *tls.Config) error {
	if c != nil && (c.MinVersion != 0 && c.MinVersion < tls.VersionTLS12 || c.MaxVersion != 0 && c.MaxVersion < tls.VersionTLS12) {
		return fmt.Errorf("%w: MinVersion %#04x, MaxVersion %#04x", ErrVersion, c.MinVersion, c.MaxVersion)
	}
	return nil
}

func modern(c *tls.Config) *tls.Config {
	if c.MinVersion != 0 {
		return c
	}
	c = c.Clone()
	c.MinVersion = tls.VersionTLS12
	return c
}

// MutualTLS is a server's configuration that demands of each client a
// certificate signed by one of the authorities, valid now and made for clients.
// The authorities should be the operator's own and sign devices alone. Clients
// resume sessions, which spares a full handshake when all come back at once.
func MutualTLS(server tls.Certificate, authorities *x509.CertPool) *tls.Config {
	return &tls.Config{
		Certificates: []tls.Certificate{server},
		ClientAuth:   tls.RequireAndVerifyClientCert,
		ClientCAs:    authorities,
		MinVersion:   tls.VersionTLS12,
	}
}

// maxIdentity bounds the identity of a certificate, as dialects bound theirs.
const maxIdentity = 64

// CommonName takes the subject's common name for the device's identity; it is a
// Server's Identify.
func CommonName(c *x509.Certificate) (string, error) {
	name := c.Subject.CommonName
	if name == "" || len(name) > maxIdentity {
		return "", fmt.Errorf("tcp: a certificate with a common name of %d bytes", len(name))
	}
	return name, nil
}

type identityKey struct{}

// Identity returns what Identify read from the certificate of the handler's
// connection; false where the server has none.
func Identity(ctx context.Context) (string, bool) {
	id, ok := ctx.Value(identityKey{}).(string)
	return id, ok
}

func (s *Server) identity(conn *tls.Conn) (string, error) {
	state := conn.ConnectionState()
	if len(state.VerifiedChains) == 0 || len(state.VerifiedChains[0]) == 0 {
		return "", errors.New("tcp: a client without a verified certificate")
	}
	return s.Identify(state.VerifiedChains[0][0])
}
