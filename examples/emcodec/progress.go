package main

import (
	"fmt"
	"io"
	"os"
	"time"
)

// progress is a line on a terminal that is written again and again.
type progress struct {
	t     *tool
	what  string
	total int64 // of show's numbers; 0 where unknown
	last  time.Time
	on    bool
	shown bool
}

func (t *tool) meter(what string, total int64) *progress {
	return &progress{t: t, what: what, total: total, last: time.Now(), on: t.progress}
}

// show tells how far it is, twice a second at most.
func (p *progress) show(n int64) {
	if !p.on || time.Since(p.last) < time.Second/2 {
		return
	}
	p.last, p.shown = time.Now(), true
	if p.total > 0 {
		fmt.Fprintf(p.t.errs, "\remcodec: %s: %d %% ", p.what, 100*n/p.total)
	} else {
		fmt.Fprintf(p.t.errs, "\remcodec: %s: %d ", p.what, n)
	}
}

// end wipes the line.
func (p *progress) end() {
	if p.shown {
		fmt.Fprintf(p.t.errs, "\r%*s\r", len(p.what)+24, "")
		p.shown = false
	}
}

// metered shows how much of a file has been read.
type metered struct {
	io.ReadCloser
	*progress
	n int64
}

// metered opens a file whose reading is shown; - is standard input. What is
// printed meanwhile, where it goes to a terminal, shows it by itself.
func (t *tool) metered(what, name string, prints bool) (*metered, error) {
	f, err := t.open(name)
	if err != nil {
		return nil, err
	}
	var size int64
	if f, ok := f.(*os.File); ok {
		if info, err := f.Stat(); err == nil {
			size = info.Size()
		}
	}
	m := &metered{ReadCloser: f, progress: t.meter(what, size)}
	m.on = m.on && !(prints && t.terminal)
	return m, nil
}

func (m *metered) Read(p []byte) (int, error) {
	n, err := m.ReadCloser.Read(p)
	m.n += int64(n)
	m.show(m.n)
	return n, err
}

// Close wipes the line too.
func (m *metered) Close() error {
	m.end()
	return m.ReadCloser.Close()
}
