package main

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
	"golang.org/x/text/language"
	"golang.org/x/text/message"

	"github.com/sargas-em/em/examples/internal/program"
)

// The schemas say what is read, and reading uses them: nothing that they refuse
// gets any further.
var (
	//go:embed schema/orders.schema.json
	ordersJSON []byte
	//go:embed schema/observation.schema.json
	observationJSON []byte

	ordersSchema      = &schema{doc: ordersJSON, name: "orders.schema.json"}
	observationSchema = &schema{doc: observationJSON, name: "observation.schema.json"}
)

type schema struct {
	doc  []byte
	name string

	once     sync.Once
	compiled *jsonschema.Schema
	err      error
}

func (s *schema) compile() (*jsonschema.Schema, error) {
	s.once.Do(func() {
		v, err := jsonschema.UnmarshalJSON(bytes.NewReader(s.doc))
		if err != nil {
			s.err = err
			return
		}
		c := jsonschema.NewCompiler()
		c.DefaultDraft(jsonschema.Draft2020)
		c.AssertFormat()
		if s.err = c.AddResource(s.name, v); s.err == nil {
			s.compiled, s.err = c.Compile(s.name)
		}
	})
	return s.compiled, s.err
}

// check says where and why a document is not as the schema wants it.
func (s *schema) check(doc []byte) error {
	c, err := s.compile()
	if err != nil {
		return fmt.Errorf("schema %s: %w", s.name, err)
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(doc))
	if err != nil {
		return err
	}
	var verr *jsonschema.ValidationError
	switch err := c.Validate(v); {
	case errors.As(err, &verr):
		return errors.New(deepest(verr))
	default:
		return err
	}
}

// deepest is the first cause that has no further one: "/people/0/id: got number,
// want string".
func deepest(e *jsonschema.ValidationError) string {
	for len(e.Causes) > 0 {
		e = e.Causes[0]
	}
	at := "/" + strings.Join(e.InstanceLocation, "/")
	if _, ok := e.ErrorKind.(*kind.FalseSchema); ok {
		return at + ": there is no such field here"
	}
	return at + ": " + e.ErrorKind.LocalizedString(message.NewPrinter(language.English))
}

func printSchema(args []string, w io.Writer) error {
	if len(args) == 1 {
		for name, s := range map[string]*schema{"orders": ordersSchema, "observations": observationSchema} {
			if args[0] == name {
				_, err := w.Write(s.doc)
				return err
			}
		}
	}
	return program.Usagef("schema: say which: orders or observations")
}
