package layout

import (
	_ "embed"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

//go:embed dissector.lua
var interpreter string

// Lua returns a dissector for Wireshark and tshark, 4.0 or newer, as one script:
//
//	tshark -X lua_script:gt06.lua -r capture.pcapng
//
// It has the same fields, with the same names and values, as Dissect. A port of TCP
// and UDP above 0 is the dialect's; other streams are taken where they begin like
// it, and by "Decode As".
func (l *Layout) Lua(port uint16) string {
	d := l.description
	var w luaWriter
	w.b.WriteString("-- Dissector of " + d.Name + ", made by emcodec dissector from the layout of the codec.\n\nlocal L = {\n")
	w.text("name", d.Name)
	w.text("title", d.Title)
	w.number("port", int64(port))
	w.text("between", d.Between)
	w.text("shared", d.Shared)
	w.text("within", d.Within)
	w.expr("start", l.start)
	w.b.WriteString("frames={\n")
	for _, f := range l.frames {
		w.b.WriteString("{")
		w.expr("cond", f.cond)
		w.expr("size", f.size)
		w.b.WriteString("},\n")
	}
	w.b.WriteString("},\nfields=")
	w.nodes(l.fields)
	w.b.WriteString(",\n")
	w.names(l)
	w.b.WriteString("}\n\n")
	return w.b.String() + interpreter
}

// luaWriter writes the entries of a table, those that are not zero.
type luaWriter struct{ b strings.Builder }

func (w *luaWriter) text(key, v string) {
	if v != "" {
		fmt.Fprintf(&w.b, "%s=%s,", key, quote(v))
	}
}

func (w *luaWriter) number(key string, v int64) {
	if v != 0 {
		fmt.Fprintf(&w.b, "%s=%d,", key, v)
	}
}

func (w *luaWriter) flag(key string, v bool) {
	if v {
		fmt.Fprintf(&w.b, "%s=true,", key)
	}
}

func (w *luaWriter) float(key string, v float64) {
	if v != 0 {
		fmt.Fprintf(&w.b, "%s=%s,", key, strconv.FormatFloat(v, 'g', -1, 64))
	}
}

func (w *luaWriter) expr(key string, e *expr) {
	if e != nil {
		w.b.WriteString(key + "=")
		w.operand(e)
		w.b.WriteString(",")
	}
}

func (w *luaWriter) operand(e *expr) {
	if e.op == "num" {
		fmt.Fprint(&w.b, e.n)
		return
	}
	fmt.Fprintf(&w.b, "{%s", quote(e.op))
	if e.op == "str" || e.op == "var" {
		w.b.WriteString("," + quote(e.s))
	}
	for _, a := range e.args {
		w.b.WriteString(",")
		w.operand(a)
	}
	w.b.WriteString("}")
}

func (w *luaWriter) numbered(key string, m map[int64]string) {
	if m != nil {
		w.b.WriteString(key + "={")
		for _, k := range slices.Sorted(maps.Keys(m)) {
			fmt.Fprintf(&w.b, "[%d]=%s,", k, quote(m[k]))
		}
		w.b.WriteString("},")
	}
}

// quote writes a text as Lua reads it, whatever its bytes.
func quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, c := range []byte(s) {
		if c < ' ' || c == 0x7F || c == '"' || c == '\\' {
			fmt.Fprintf(&b, `\%03d`, c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String() + `"`
}

func (w *luaWriter) nodes(all []*node) {
	w.b.WriteString("{\n")
	for _, n := range all {
		w.node(n)
	}
	w.b.WriteString("}")
}

func (w *luaWriter) node(n *node) {
	fmt.Fprintf(&w.b, "{op=%s,", quote(string(n.op)))
	w.text("name", n.name)
	var vars []string
	for _, name := range []string{n.name, n.let} {
		if len(n.slots) > 0 && isWord(name) {
			vars = append(vars, quote(name))
		}
	}
	if vars != nil {
		w.b.WriteString("vars={" + strings.Join(vars, ",") + "},")
	}
	w.number("width", int64(n.width))
	w.flag("le", n.little)
	w.text("sign", [...]string{unsigned: "", twos: "twos", magnitude: "magnitude"}[n.sign])
	w.number("base", int64(n.base))
	w.float("div", n.div)
	w.number("decimals", int64(n.decimals))
	w.text("unit", n.unit)
	w.numbered("names", n.names)
	w.numbered("notes", n.notes)
	if n.meanings != nil {
		w.b.WriteString("meanings={")
		for _, k := range slices.Sorted(maps.Keys(n.meanings)) {
			fmt.Fprintf(&w.b, "[%s]=%s,", quote(k), quote(n.meanings[k]))
		}
		w.b.WriteString("},")
	}
	w.text("form", n.form)
	w.expr("expect", n.expectX)
	w.flag("title", n.title)
	w.flag("degmin", n.degMin)
	w.text("lit", n.lit)
	w.text("sep", n.sep)
	w.number("skip", int64(n.skip))
	w.number("drop", int64(n.drop))
	w.text("trim", n.trim)
	w.number("coord", int64(n.coord))
	w.flag("bcd", n.bcd)
	w.text("charset", n.charset)
	w.text("sum", string(n.sum))
	w.flag("inhex", n.inHex)
	w.flag("hidden", n.hidden)
	w.expr("from", n.fromX)
	w.expr("to", n.toX)
	if n.parts != nil {
		w.b.WriteString("parts={")
		for _, p := range n.parts {
			w.b.WriteString("{")
			w.number("from", int64(p.From))
			w.number("count", int64(p.Count))
			w.numbered("names", p.Names)
			w.text("label", p.Label)
			w.text("unit", p.Unit)
			w.float("div", p.Div)
			w.number("decimals", int64(p.Decimals))
			w.flag("signed", p.Signed)
			w.b.WriteString("},")
		}
		w.b.WriteString("},")
	}
	if n.escapes != nil {
		w.b.WriteString("escapes={")
		for _, e := range n.escapes {
			fmt.Fprintf(&w.b, "{coded=%s,plain=%s},", quote(e.Coded), quote(e.Plain))
		}
		w.b.WriteString("},")
	}
	w.expr("size", n.sizeX)
	w.expr("cond", n.condX)
	if len(n.children) > 0 {
		w.b.WriteString("kids=")
		w.nodes(n.children)
		w.b.WriteString(",")
	}
	w.b.WriteString("},\n")
}

// names writes the fields that Wireshark gets: their names for filters, and which
// of them are numbers. Those that are shown in decimal alone, in all their places,
// are.
func (w *luaWriter) names(l *Layout) {
	text := map[string]bool{} // by name for filters
	var walk func([]*node)
	walk = func(nodes []*node) {
		for _, n := range nodes {
			if n.name != "" && (n.op != opUint || n.width > 6 || n.base != 0 || n.div != 0 || n.unit != "" || n.names != nil) {
				text[filterName(n.name)] = true
				text[filterName(n.secondName)] = true
			}
			walk(n.children)
		}
	}
	walk(l.fields)
	seen := map[string]bool{}
	var names, abbrs, numbers strings.Builder
	for _, name := range l.FieldNames() {
		a := filterName(name)
		fmt.Fprintf(&abbrs, "[%s]=%s,", quote(name), quote(a))
		if seen[a] {
			continue
		}
		seen[a] = true
		if text[a] {
			fmt.Fprintf(&names, "{abbr=%s,name=%s},", quote(a), quote(name))
		} else {
			fmt.Fprintf(&names, "{abbr=%s,name=%s,number=true},", quote(a), quote(name))
			fmt.Fprintf(&numbers, "[%s]=true,", quote(a))
		}
	}
	fmt.Fprintf(&w.b, "names={%s},\nabbrs={%s},\nnumbers={%s},\n", names.String(), abbrs.String(), numbers.String())
}

// filterName is the name of a field as Wireshark's filters have it.
func filterName(name string) string {
	var b strings.Builder
	for _, c := range strings.ToLower(name) {
		switch {
		case c >= 'a' && c <= 'z' || c >= '0' && c <= '9':
			b.WriteRune(c)
		case !strings.HasSuffix(b.String(), "_"):
			b.WriteByte('_')
		}
	}
	return b.String()
}
