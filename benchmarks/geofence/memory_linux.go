package main

import (
	"bufio"
	"bytes"
	"os"
	"strconv"
	"strings"
	"unsafe"
)

// outsideHeap is the resident memory in mappings that are neither Go's heap nor
// the program's own file, in bytes: maps, and what the Go runtime notes about
// its heap.
func outsideHeap() int64 {
	b, err := os.ReadFile("/proc/self/smaps")
	if err != nil {
		return 0
	}
	// The heap lies together, from an address on that differs from run to run.
	heap := uint64(uintptr(unsafe.Pointer(new([1 << 16]byte)))) >> 40
	exe, _ := os.Executable()
	total, counts := int64(0), false
	s := bufio.NewScanner(bytes.NewReader(b))
	for s.Scan() {
		line := s.Text()
		if head, _, ok := strings.Cut(line, "-"); ok && !strings.Contains(head, ":") && !strings.Contains(head, " ") {
			start, err := strconv.ParseUint(head, 16, 64)
			counts = err == nil && start>>40 != heap && (exe == "" || !strings.HasSuffix(line, exe))
			continue
		}
		if rest, ok := strings.CutPrefix(line, "Rss:"); ok && counts {
			kb, _ := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
			total += kb << 10
		}
	}
	return total
}
