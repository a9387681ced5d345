package layout

import (
	"fmt"
	"strings"
)

// Description is what a dialect says of its frames, for New.
type Description struct {
	Name  string // the codec's
	Title string // what people call it
	// Frames say how a stream is cut, and Start, an expression, whether a stream of
	// which nothing else is known begins like this dialect. Both are for the Lua
	// dissector alone.
	Frames []Frame
	Start  string
	// Within is set of what comes in the packets of a protocol that Wireshark knows
	// itself: its field that holds one, as "btcommon.eir_ad.advertising_data". No
	// stream is cut then, and Frames and Start are not looked at.
	Within string
	// Between holds the bytes that may stand between frames and belong to none:
	// "\r\n".
	Between string
	// Shared holds the bytes that may end one frame and begin the next at once.
	Shared string
	Fields []Node // of a frame
}

// Frame says how a frame is cut out of a stream. If and Size are expressions over
// the bytes from a place where a frame may begin; the first Frame whose If is not 0
// gives the size. Where both need bytes that have not come yet, they are waited
// for, which byte, its like and find tell; starts, run, until and count take what is
// there for all. A size of 0 is none: the place is not the start of a frame. A frame
// with a fault, in which another begins that has none, is junk up to that one: it was
// cut off. Nothing but the Lua dissector needs it, for programs have a Codec.
type Frame struct{ If, Size string }

// Layout is the description of a dialect's frames, checked and ready for use. It
// never changes, and is safe for concurrent use.
type Layout struct {
	description Description
	frames      []frame
	start       *expr
	fields      []*node
	slots       int
}

type frame struct{ cond, size *expr }

// node is a Node with its expressions parsed.
type node struct {
	Node
	sizeX, condX, expectX, fromX, toX *expr
	slots                             []int // of the variables that get its value
	secondName                        string
	children                          []*node
}

// New checks a description.
func New(d Description) (*Layout, error) {
	c := compiler{slots: map[string]int{}, set: map[string]bool{}, used: map[string]bool{}}
	if d.Name == "" || strings.Trim(d.Name, "abcdefghijklmnopqrstuvwxyz0123456789") != "" {
		c.fail("the name %q", d.Name)
	}
	l := &Layout{description: d}
	for _, f := range d.Frames {
		l.frames = append(l.frames, frame{c.parse(f.If), c.parse(f.Size)})
	}
	l.start = c.parse(d.Start)
	l.fields = c.nodes(d.Fields)
	for name := range c.used {
		if !c.set[name] {
			c.fail("no field or Let sets the variable %q", name)
		}
	}
	if c.err != nil {
		return nil, fmt.Errorf("layout: %s: %w", d.Name, c.err)
	}
	l.slots = len(c.slots)
	return l, nil
}

// Must is for descriptions that are part of a program: it panics where New fails.
func Must(d Description) *Layout {
	l, err := New(d)
	if err != nil {
		panic(err)
	}
	return l
}

// Name returns the dialect's name.
func (l *Layout) Name() string { return l.description.Name }

// FieldNames returns the names of all fields that the layout has, each once, in
// the order of the description.
func (l *Layout) FieldNames() []string {
	var names []string
	seen := map[string]bool{}
	var walk func([]*node)
	walk = func(nodes []*node) {
		for _, n := range nodes {
			for _, name := range []string{n.name, n.secondName} {
				if name != "" && !seen[name] {
					seen[name] = true
					names = append(names, name)
				}
			}
			walk(n.children)
		}
	}
	walk(l.fields)
	return names
}

// compiler parses the expressions of nodes; it keeps the first error.
type compiler struct {
	slots     map[string]int
	set, used map[string]bool
	err       error
}

func (c *compiler) fail(format string, args ...any) {
	if c.err == nil {
		c.err = fmt.Errorf(format, args...)
	}
}

func (c *compiler) slot(name string) int {
	s, ok := c.slots[name]
	if !ok {
		s = len(c.slots)
		c.slots[name] = s
	}
	return s
}

func (c *compiler) parse(src string) *expr {
	e, err := parse(src, func(name string) int {
		c.used[name] = true
		return c.slot(name)
	})
	if err != nil {
		c.fail("%w", err)
	}
	return e
}

// isWord reports whether a name can stand in an expression.
func isWord(s string) bool {
	for i, r := range s {
		if r != '_' && (r|0x20 < 'a' || r|0x20 > 'z') && (i == 0 || r < '0' || r > '9') {
			return false
		}
	}
	_, function := functions[s]
	return s != "" && !function && s != "pos" && s != "left" && s != "size"
}

func (c *compiler) nodes(list []Node) []*node {
	var all []*node
	for i := range list {
		all = append(all, c.node(list[i]))
	}
	return all
}

// leads are the operations that show no bytes of their own.
var leads = map[op]bool{opLet: true, opFail: true, opIf: true, opSwitch: true, opWhile: true, opRepeat: true, opSub: true, opUnescape: true, opUnhex: true}

// badWidth reports whether an operation cannot be that many bytes wide.
func badWidth(o op, width int) bool {
	switch o {
	case opUint:
		return width < 1 || width > 8
	case opBits:
		return width < 1 || width > 4
	case opFloat:
		return width != 4 && width != 8
	case opDigits:
		return width < 1
	}
	return false
}

func (c *compiler) node(from Node) *node {
	n := &node{Node: from}
	bad := func(what string) { c.fail("%s %q: %s", n.op, n.name+n.let, what) }
	switch {
	case leads[n.op] == (n.name != ""):
		bad("a name is missing, or is too much")
	case n.let != "" && !isWord(n.let):
		bad("this cannot name a variable")
	}
	if badWidth(n.op, n.width) {
		bad(fmt.Sprintf("a width of %d bytes", n.width))
	}
	number := n.op == opUint || n.op == opBits
	text := n.op == opText || n.op == opWord || n.op == opDigits
	for what, wrong := range map[string]bool{
		"LE":                      n.little && !number && n.op != opFloat && n.op != opUnix && n.op != opCheck,
		"Signed, SignBit":         n.sign != unsigned && (n.op != opUint || n.width > 6),
		"Hex":                     n.base == 16 && n.op != opUint && !text,
		"Binary, Scale":           (n.base == 2 || n.div != 0) && n.op != opUint,
		"Scale above 6 bytes":     n.div != 0 && n.width > 6,
		"Unit":                    n.unit != "" && n.op != opUint && n.op != opFloat,
		"Names":                   n.names != nil && n.op != opUint,
		"Notes":                   n.notes != nil && n.op != opUint && n.op != opBits,
		"Meanings":                n.meanings != nil && !text,
		"DegMin":                  n.degMin && n.op != opFloat,
		"Date":                    n.form != "" && (!text || n.form != millis && badForm(n.form)),
		"Coordinate":              n.coord != 0 && (n.op != opDigits || n.coord < 6 || n.coord > 2*n.width),
		"Expect":                  n.expect != "" && n.op != opUint && !text,
		"Skip, Drop":              (n.skip != 0 || n.drop != 0) && (n.op != opDigits || n.skip < 0 || n.drop < 0 || n.skip+n.drop > 2*n.width),
		"Trim":                    n.trim != "" && n.op != opDigits && n.op != opText,
		"BCD":                     n.bcd && n.op != opClock,
		"Charset":                 n.charset != "" && (n.op != opText || n.decode == nil),
		"Hidden":                  n.hidden && n.op != opBytes,
		"InHex":                   n.inHex && n.op != opCheck,
		"Let":                     n.let != "" && !number && !text && n.op != opLet,
		"Let above 4 bytes":       n.let != "" && n.op == opUint && n.width > 4,
		"the check code":          n.op == opCheck && n.sum.width() == 0,
		"no bytes":                n.op == opLit && n.lit == "",
		"no fields":               len(n.kids) == 0 && (n.op == opWhile || n.op == opRepeat || n.op == opUnescape || n.op == opUnhex || n.op == opSwitch),
		"something else than If":  n.op == opSwitch && hasOther(n.kids),
		"an escape":               n.op == opUnescape && badEscapes(n.escapes),
		"a part beyond its width": n.op == opBits && badParts(n.parts, n.width, 8*n.width) || text && n.parts != nil && badParts(n.parts, 8, 24),
	} {
		if wrong {
			bad(what)
		}
	}
	if number && n.width <= 4 || text {
		for _, name := range []string{n.name, n.let} {
			if isWord(name) {
				c.set[name] = true
				n.slots = append(n.slots, c.slot(name))
			}
		}
	}
	if n.op == opLet {
		c.set[n.let] = true
		n.slots = []int{c.slot(n.let)}
	}
	if n.op == opCheck {
		n.width = n.sum.width()
	}
	if n.op == opDegMin {
		n.secondName = n.name + " hemisphere"
	}
	for _, e := range []struct {
		src string
		to  **expr
		is  bool
	}{
		{n.size, &n.sizeX, n.op == opBytes || n.op == opText || n.op == opUTF16 || n.op == opLet || n.op == opRepeat || n.op == opSub},
		{n.cond, &n.condX, n.op == opIf || n.op == opWhile},
		{n.expect, &n.expectX, n.expect != ""},
		{n.from, &n.fromX, n.op == opCheck}, {n.to, &n.toX, n.op == opCheck},
	} {
		if e.is {
			*e.to = c.parse(e.src)
		}
	}
	n.children = c.nodes(n.kids)
	return n
}

func hasOther(kids []Node) bool {
	for _, k := range kids {
		if k.op != opIf {
			return true
		}
	}
	return false
}

func badForm(form string) bool {
	for _, letter := range formLetters {
		form = strings.ReplaceAll(form, string(letter)+string(letter), "")
	}
	return strings.Trim(form, ":,-./ ") != "" // signs may stand between the pairs
}

func badEscapes(all []Escape) bool {
	for _, e := range all {
		if e.Coded == "" || len(e.Plain) > len(e.Coded) {
			return true
		}
	}
	return len(all) == 0
}

func badParts(parts []Part, width, most int) bool {
	for _, p := range parts {
		if int(p.From)+int(max(p.Count, 1)) > 8*width || int(p.Count) > most {
			return true
		}
	}
	return len(parts) == 0
}
