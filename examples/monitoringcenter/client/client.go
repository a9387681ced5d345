// Package client calls the API of a running center, as a tool does.
package client

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"time"
)

// Client knows where the API is, and the token for it.
type Client struct {
	URL   string // of page and API: "http://127.0.0.1:8080"
	Token string
}

// Bounds of one call.
const (
	patience   = 30 * time.Second
	mostAnswer = 64 << 20 // bytes
)

// Call sends a JSON document and returns the answer. An answer that is no
// success is an error with its text.
func (c Client) Call(ctx context.Context, method, path string, body []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, c.URL+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+c.Token)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	doc, err := io.ReadAll(io.LimitReader(resp.Body, mostAnswer+1))
	if len(doc) > mostAnswer {
		return nil, fmt.Errorf("%s %s: an answer of more than %d bytes", method, path, mostAnswer)
	}
	if err == nil && resp.StatusCode >= 300 {
		err = fmt.Errorf("%s %s: %s: %s", method, path, resp.Status, bytes.TrimSpace(doc))
	}
	return doc, err
}
