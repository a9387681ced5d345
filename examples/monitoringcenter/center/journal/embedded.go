package journal

import (
	"errors"
	"os"
	"path/filepath"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// embed starts a server on a folder, which nobody else can reach, with every
// write synced to disk before it is acknowledged.
func embed(dir string) (*server.Server, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	srv, err := server.NewServer(&server.Options{
		ServerName: "sargas",
		DontListen: true,
		JetStream:  true,
		StoreDir:   filepath.Clean(dir),
		// Without SyncAlways the server acknowledges up to two minutes before it
		// syncs, and a power cut loses all of that.
		SyncAlways: true,
		MaxPayload: maxPayload,
		NoLog:      true,
		NoSigs:     true,
	})
	if err != nil {
		return nil, err
	}
	srv.Start()
	if !srv.ReadyForConnections(20 * time.Second) {
		srv.Shutdown()
		return nil, errors.New("the embedded log did not start within 20 s; is another center using its folder?")
	}
	return srv, nil
}
