package client

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// An answer that is too long is an error, and never a part of it.
func TestAnswerIsWhole(t *testing.T) {
	var long int
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Write(bytes.Repeat([]byte("x"), long))
	}))
	defer srv.Close()
	c := Client{URL: srv.URL}
	long = mostAnswer
	if doc, err := c.Call(t.Context(), http.MethodGet, "/", nil); err != nil || len(doc) != mostAnswer {
		t.Errorf("%d bytes, %v", len(doc), err)
	}
	long++
	if doc, err := c.Call(t.Context(), http.MethodGet, "/", nil); err == nil || doc != nil || !strings.Contains(err.Error(), "more than") {
		t.Errorf("%d bytes, %v", len(doc), err)
	}
}
