package pgserver

import (
	"errors"
	"os"
	"sync"
	"testing"
)

// Where the records of tests are: files where EM_RECORD is unset, databases of a
// server of the tests' own where it is "postgres".
const variable = "EM_RECORD"

var shared struct {
	sync.Mutex
	server *Server
}

// Wanted reports whether tests are to run on PostgreSQL.
func Wanted() bool { return os.Getenv(variable) == "postgres" }

// Record returns the URL of a new database where Wanted, else file.
func Record(t testing.TB, file string) string {
	t.Helper()
	if v := os.Getenv(variable); v != "" && v != "postgres" {
		t.Fatalf("%s=%s: it can be postgres, or unset", variable, v)
	}
	if !Wanted() {
		return file
	}
	shared.Lock()
	defer shared.Unlock()
	if shared.server == nil {
		s, err := Start()
		if err != nil {
			t.Fatal(err)
		}
		shared.server = s
	}
	url, err := shared.server.NewDatabase(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return url
}

// ForTest starts a server of the test's own, which it may kill, and stops it at the
// end. The test is skipped where no server is installed, and fails where EM_REQUIRE
// is set.
func ForTest(t testing.TB) *Server {
	t.Helper()
	s, err := Start()
	if errors.Is(err, ErrMissing) && os.Getenv("EM_REQUIRE") == "" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// Tests are the tests of a package; with them ends the server that Record
// started, before somebody looks for what they have left.
type Tests struct{ *testing.M }

// Run runs them.
func (t Tests) Run() int {
	defer stopShared()
	return t.M.Run()
}

func stopShared() {
	shared.Lock()
	defer shared.Unlock()
	if shared.server != nil {
		shared.server.Stop()
	}
}
