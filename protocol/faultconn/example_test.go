package faultconn_test

import (
	"bytes"
	"fmt"
	"io"
	"net"

	"github.com/sargas-em/em/protocol/faultconn"
)

// Every frame but the first comes twice.
func ExampleNew() {
	near, far := net.Pipe()
	line := func(b []byte) ([]byte, int, error) { // as a Codec's Split
		if i := bytes.IndexByte(b, '\n'); i >= 0 {
			return b[:i], i + 1, nil
		}
		return nil, 0, nil
	}
	conn, err := faultconn.New(near, faultconn.Config{
		Seed: 7, Split: line,
		Write:   faultconn.Faults{Duplicate: 1, Spare: 1},
		OnFault: func(f faultconn.Fault) { fmt.Printf("frame %d: %s\n", f.Unit, f.Kind) },
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	go func() {
		fmt.Fprint(conn, "login\nposition\n")
		conn.Close()
	}()
	b, err := io.ReadAll(far)
	fmt.Printf("%q %v\n", b, err)
	// Output:
	// frame 1: duplicate
	// "login\nposition\nposition\n" <nil>
}
