package zonejson

import (
	"bytes"
	"encoding/json"
	"iter"
)

// value is a part of a document that is known to be valid JSON: one value,
// without the space round it. The zero value is none. Values keep their place in
// the document, which errors tell.
type value struct {
	doc      []byte
	from, to int
}

func (v value) bytes() []byte { return v.doc[v.from:v.to] }

// absent reports whether there is nothing, or null.
func (v value) absent() bool { return v.from == v.to || v.doc[v.from] == 'n' }

func (v value) isArray() bool  { return v.from < v.to && v.doc[v.from] == '[' }
func (v value) isObject() bool { return v.from < v.to && v.doc[v.from] == '{' }

func (v value) isNumber() bool {
	return v.from < v.to && (v.doc[v.from] == '-' || v.doc[v.from] >= '0' && v.doc[v.from] <= '9')
}

// text returns a string; ok is false for another type.
func (v value) text() (s string, ok bool) {
	if v.from == v.to || v.doc[v.from] != '"' {
		return "", false
	}
	return s, json.Unmarshal(v.bytes(), &s) == nil
}

// at returns the value that begins at byte i or after space there.
func at(doc []byte, i int) value {
	i = skipSpace(doc, i)
	v := value{doc, i, i}
	switch doc[i] {
	case '"':
		v.to = skipString(doc, i)
	case '[', '{':
		depth := 0
		for v.to = i; ; v.to++ {
			switch doc[v.to] {
			case '"':
				v.to = skipString(doc, v.to) - 1
			case '[', '{':
				depth++
			case ']', '}':
				if depth--; depth == 0 {
					v.to++
					return v
				}
			}
		}
	default:
		for v.to = i; v.to < len(doc) && bytes.IndexByte([]byte(",]} \t\r\n"), doc[v.to]) < 0; v.to++ {
		}
	}
	return v
}

func skipSpace(doc []byte, i int) int {
	for doc[i] == ' ' || doc[i] == '\t' || doc[i] == '\r' || doc[i] == '\n' {
		i++
	}
	return i
}

// skipString returns where the string that begins at i ends.
func skipString(doc []byte, i int) int {
	for i++; doc[i] != '"'; i++ {
		if doc[i] == '\\' {
			i++
		}
	}
	return i + 1
}

// items yields the values of an array.
func (v value) items() iter.Seq2[int, value] {
	return func(yield func(int, value) bool) {
		i := skipSpace(v.doc, v.from+1)
		for k := 0; v.doc[i] != ']'; k++ {
			item := at(v.doc, i)
			if !yield(k, item) {
				return
			}
			if i = skipSpace(v.doc, item.to); v.doc[i] == ',' {
				i = skipSpace(v.doc, i+1)
			}
		}
	}
}

// find looks for members of an object. What is not there stays none; a member
// that is there twice is an error.
func (v value) find(members map[string]*value) *Error {
	i := skipSpace(v.doc, v.from+1)
	for v.doc[i] != '}' {
		name := at(v.doc, i)
		member := at(v.doc, skipSpace(v.doc, name.to)+1)
		s, _ := name.text()
		if m := members[s]; m != nil {
			if m.doc != nil {
				return &Error{Path: s, Offset: int64(name.from), Reason: "given twice"}
			}
			*m = member
		}
		if i = skipSpace(v.doc, member.to); v.doc[i] == ',' {
			i = skipSpace(v.doc, i+1)
		}
	}
	return nil
}
