package faults

import (
	"encoding/json"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// variable makes a test binary a server of a cluster, in a process of its own that
// can be killed.
const variable = "EM_TEST_NODE"

// RunNode runs the server that this process is to be and reports true when it has
// ended; false where the process is none. A package's TestMain begins with it.
func RunNode() bool {
	doc := os.Getenv(variable)
	if doc == "" {
		return false
	}
	var n Node
	if err := json.Unmarshal([]byte(doc), &n); err != nil {
		panic(err)
	}
	o := &server.Options{
		ServerName: n.Name, Host: "127.0.0.1", Port: n.Client, StoreDir: n.Dir, JetStream: true, SyncAlways: true, NoLog: true,
		Cluster: server.ClusterOpts{Name: "em", Host: "127.0.0.1", Port: n.Routes},
	}
	for _, port := range n.Others {
		o.Routes = append(o.Routes, &url.URL{Scheme: "nats", Host: fmt.Sprintf("127.0.0.1:%d", port)})
	}
	srv, err := server.NewServer(o)
	if err != nil {
		panic(err)
	}
	srv.Start()
	os.Stdin.Read(make([]byte, 1)) // until the test ends
	return true
}

// Node is one server of a cluster on loopback.
type Node struct {
	Name, Dir      string
	Client, Routes int   // ports
	Others         []int // ports for routes of all
	cmd            *exec.Cmd
}

// Start starts a server that was killed.
func (n *Node) Start(t testing.TB) {
	t.Helper()
	doc, err := json.Marshal(n)
	if err != nil {
		t.Fatal(err)
	}
	n.cmd = exec.Command(os.Args[0])
	n.cmd.Env = append(os.Environ(), variable+"="+string(doc))
	n.cmd.Stderr = os.Stderr
	if _, err := n.cmd.StdinPipe(); err != nil { // closed when the test's process ends
		t.Fatal(err)
	}
	if err := n.cmd.Start(); err != nil {
		t.Fatal(err)
	}
}

// Kill ends a server without a word.
func (n *Node) Kill() {
	n.cmd.Process.Kill()
	n.cmd.Wait()
}

// Cluster starts three servers, until the test ends, and returns them and the URL
// of all.
func Cluster(t testing.TB) ([]*Node, string) {
	t.Helper()
	dir := t.TempDir()
	var (
		nodes   []*Node
		routes  []int
		clients []string
		held    []net.Listener
	)
	port := func() int {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		held = append(held, l) // so that no port comes twice
		return l.Addr().(*net.TCPAddr).Port
	}
	for i := range 3 {
		n := &Node{Name: fmt.Sprintf("n%d", i+1), Dir: filepath.Join(dir, fmt.Sprint(i+1)), Client: port(), Routes: port()}
		nodes, routes, clients = append(nodes, n), append(routes, n.Routes), append(clients, fmt.Sprintf("nats://127.0.0.1:%d", n.Client))
	}
	for _, l := range held {
		l.Close()
	}
	for _, n := range nodes {
		n.Others = routes
		n.Start(t)
		t.Cleanup(n.Kill)
	}
	for _, n := range nodes {
		for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
			conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", n.Client))
			if err == nil {
				conn.Close()
				break
			}
			if time.Now().After(deadline) {
				t.Fatal(err)
			}
		}
	}
	return nodes, strings.Join(clients, ",")
}
