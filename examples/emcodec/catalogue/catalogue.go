// Package catalogue holds what the SDK's sources say of each dialect, for tools
// that run without them: the parts of its documentation, and its messages with
// what they become, as its composed vectors show them. catalogue.json is made from
// the sources by this package's test, which fails where the two differ.
package catalogue

import (
	_ "embed"
	"encoding/json"
	"fmt"
)

// Entry is one dialect.
type Entry struct {
	Codec      string    `json:"codec"`
	Package    string    `json:"package"`           // its folder below devices
	Profile    string    `json:"profile,omitempty"` // that its kit names
	About      string    `json:"about"`             // the beginning of its documentation, with the framing
	Sections   []Section `json:"sections"`          // the rest of it
	Checks     []string  `json:"checks,omitempty"`  // algorithms of its check codes
	Messages   []Message `json:"messages"`
	Unverified []string  `json:"unverified,omitempty"` // what comments in its code say so of
	Vectors    int       `json:"vectors"`
}

// Section is a part of the documentation.
type Section struct {
	Title string `json:"title"`
	Text  string `json:"text"`
}

// Message is a kind of message.
type Message struct {
	Type     string   `json:"type"`
	From     []string `json:"from"`               // device, server
	Observes []string `json:"observes,omitempty"` // kinds of observations, with their event where they have one
}

//go:generate env EM_UPDATE=1 go test -count=1 .
//go:embed catalogue.json
var document []byte

// Entries returns all dialects by name. Each call returns new ones.
func Entries() (map[string]Entry, error) {
	var all []Entry
	if err := json.Unmarshal(document, &all); err != nil {
		return nil, fmt.Errorf("catalogue: %w", err)
	}
	byName := make(map[string]Entry, len(all))
	for _, e := range all {
		byName[e.Codec] = e
	}
	return byName, nil
}
