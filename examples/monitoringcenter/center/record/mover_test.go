package record_test

import (
	"context"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/sargas-em/em/examples/monitoringcenter/center/record"
	"github.com/sargas-em/em/protocol"
)

// What transactions have written comes into the file beside them, long before the
// write-ahead log is so long that the writer would do it.
func TestMover(t *testing.T) {
	name := filepath.Join(t.TempDir(), "record.db")
	s, err := record.Open(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	const seed, frames, each = 1, 500, 8 << 10
	random := rand.NewChaCha8([32]byte{seed})
	if err := s.Update(t.Context(), func(tx *record.Tx) error {
		for range frames {
			raw := make([]byte, each) // which flate makes no shorter
			random.Read(raw)
			if _, err := tx.AddFrame(1, &protocol.Report{Received: base}, &protocol.ReportFrame{Raw: raw}); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	s.Move()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for {
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		if info.Size() > frames*each {
			return
		}
		select {
		case <-time.After(time.Millisecond):
		case <-ctx.Done():
			t.Fatalf("the file has %d bytes", info.Size())
		}
	}
}
