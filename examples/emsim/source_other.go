//go:build !linux

package main

import (
	"os"
	"syscall"
	"time"
)

// What these are on Linux is not known elsewhere: no late binding, no limit, no
// time, and no pseudo-terminals.
var bindLate func(network, address string, c syscall.RawConn) error

func fileLimit() uint64            { return 0 }
func cpuTime() time.Duration       { return 0 }
func unread(*os.File) (int, error) { return 0, nil }
