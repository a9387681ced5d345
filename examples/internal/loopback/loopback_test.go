package loopback

import (
	"errors"
	"testing"

	"github.com/sargas-em/em/examples/internal/program"
)

func TestCheck(t *testing.T) {
	for _, addr := range []string{"127.0.0.1:5023", "127.9.8.7:0", "[::1]:5023", "[::ffff:127.0.0.1]:1", "localhost:65535"} {
		if err := Check(addr); err != nil {
			t.Errorf("%s: %v", addr, err)
		}
	}
	for _, addr := range []string{"192.0.2.1:5023", "0.0.0.0:5023", ":5023", "[::]:1", "localhost.example.org:1", "[2001:db8::1]:1"} {
		if err := Check(addr); !errors.Is(err, ErrRemote) {
			t.Errorf("%s: %v", addr, err)
		}
	}
	for _, addr := range []string{"", "127.0.0.1", "127.0.0.1:x", "127.0.0.1:65536"} {
		if err := Check(addr); err == nil || errors.Is(err, ErrRemote) {
			t.Errorf("%s: %v", addr, err)
		}
	}
}

func TestAllow(t *testing.T) {
	for _, c := range []struct {
		addr   string
		remote bool
		status int
	}{
		{"127.0.0.1:1", false, 0}, {"192.0.2.1:1", false, program.Usage}, {"192.0.2.1:1", true, 0},
		{"127.0.0.1", false, program.Usage}, {"127.0.0.1", true, program.Usage},
	} {
		if err := Allow(c.addr, c.remote); program.Status(err, 4) != c.status {
			t.Errorf("%s, remote %t: %v", c.addr, c.remote, err)
		}
	}
}
