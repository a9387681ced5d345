// Package loopback keeps the tools on this machine: what they send and what they
// take must not reach a center that watches people, nor come from elsewhere,
// unless somebody has said so.
package loopback

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"

	"github.com/sargas-em/em/examples/internal/program"
)

// ErrRemote: the address is not on this machine's loopback.
var ErrRemote = errors.New("not on this machine's loopback")

// Check refuses an address host:port that is not of this machine's loopback, with
// an error that wraps ErrRemote. Any other error says that it is no address. Names
// but localhost count as remote: nobody knows what they resolve to.
func Check(addr string) error {
	host, port, err := net.SplitHostPort(addr)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		return fmt.Errorf("%q is no address host:port: %w", addr, err)
	}
	if host == "localhost" {
		return nil
	}
	if ip, err := netip.ParseAddr(host); err != nil || !ip.Unmap().IsLoopback() {
		return fmt.Errorf("%s is %w", addr, ErrRemote)
	}
	return nil
}

// Allow is Check for a program's flags: what is wrong is a usage error, and remote,
// which --allow-remote sets, permits other machines.
func Allow(addr string, remote bool) error {
	switch err := Check(addr); {
	case err == nil, remote && errors.Is(err, ErrRemote):
		return nil
	case errors.Is(err, ErrRemote):
		return program.Usagef("%w: --allow-remote goes there all the same", err)
	default:
		return program.Usagef("%w", err)
	}
}
