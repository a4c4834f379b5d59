package wire

import (
	"encoding/base64"
	"reflect"
	"strconv"
	"unicode/utf8"
)

const xmlHeader = `<?xml version="1.0" encoding="UTF-8"?>` + "\n"

// xmlWriter appends elements to b.
type xmlWriter struct {
	b     []byte
	ts    tsFormat
	query bool // names of the query protocol, where they differ
}

func (x *xmlWriter) open(name string) {
	x.b = append(x.b, '<')
	x.b = append(x.b, name...)
	x.b = append(x.b, '>')
}

func (x *xmlWriter) openNS(name, ns, prefix string) {
	if ns == "" {
		x.open(name)
		return
	}
	x.b = append(x.b, '<')
	x.b = append(x.b, name...)
	x.b = append(x.b, " xmlns"...)
	if prefix != "" {
		x.b = append(x.b, ':')
		x.b = append(x.b, prefix...)
	}
	x.b = append(x.b, '=', '"')
	x.b = escapeXML(x.b, ns)
	x.b = append(x.b, '"', '>')
}

func (x *xmlWriter) shut(name string) {
	x.b = append(x.b, '<', '/')
	x.b = append(x.b, name...)
	x.b = append(x.b, '>')
}

func (x *xmlWriter) text(name, s string) {
	x.open(name)
	x.b = escapeXML(x.b, s)
	x.shut(name)
}

// members writes the body members of a struct as elements.
func (x *xmlWriter) members(v reflect.Value, p *plan) {
	for i := range p.fields {
		f := &p.fields[i]
		if f.facts.loc == inBody && !f.facts.attr {
			x.member(v.Field(f.index), f)
		}
	}
}

func (x *xmlWriter) member(v reflect.Value, f *field) {
	v, ok := f.from(v)
	if !ok || f.kind == kStream || f.kind == kEvents {
		return
	}
	name := f.name
	if x.query {
		name = f.query
	} else if f.facts.flat {
		name = f.xmlName()
	}
	switch {
	case f.facts.flat && f.kind == kList:
		for i := range v.Len() {
			if e, ok := f.elem.from(v.Index(i)); ok {
				x.element(name, e, f.elem)
			}
		}
	case f.facts.flat && f.kind == kMap:
		x.entries(name, v, &f.node)
	default:
		x.element(name, v, &f.node)
	}
}

// element writes one value inside of an element.
func (x *xmlWriter) element(name string, v reflect.Value, n *node) {
	if n.kind == kStruct && (len(n.plan.attrs) > 0 || n.facts.ns != "") {
		x.openAttrs(name, v, n)
	} else {
		x.open(name)
	}
	x.content(v, n)
	x.shut(name)
}

func (x *xmlWriter) openAttrs(name string, v reflect.Value, n *node) {
	if n.facts.ns != "" {
		x.openNS(name, n.facts.ns, n.facts.nsPrefix)
	} else {
		x.open(name)
	}
	x.b = x.b[:len(x.b)-1]
	for _, f := range n.plan.attrs {
		if a, ok := f.from(v.Field(f.index)); ok {
			x.b = append(x.b, ' ')
			x.b = append(x.b, f.name...)
			x.b = append(x.b, '=', '"')
			x.b = escapeXML(x.b, string(f.appendText(nil, a, x.ts)))
			x.b = append(x.b, '"')
		}
	}
	x.b = append(x.b, '>')
}

func (x *xmlWriter) content(v reflect.Value, n *node) {
	switch n.kind {
	case kStruct:
		x.members(v, n.plan)
	case kList:
		name := n.listElem()
		for i := range v.Len() {
			if e, ok := n.elem.from(v.Index(i)); ok {
				x.element(name, e, n.elem)
			}
		}
	case kMap:
		x.entries("entry", v, n)
	case kString:
		x.b = escapeXML(x.b, v.String())
	case kBlob:
		x.b = base64.StdEncoding.AppendEncode(x.b, v.Bytes())
	case kInt:
		x.b = strconv.AppendInt(x.b, v.Int(), 10)
	default:
		x.b = n.appendText(x.b, v, x.ts)
	}
}

func (x *xmlWriter) entries(name string, v reflect.Value, n *node) {
	keyName, valueName := n.entryNames()
	for _, k := range sortedKeys(v) {
		e, ok := n.elem.from(v.MapIndex(k))
		if !ok {
			continue
		}
		x.open(name)
		x.text(keyName, k.String())
		x.element(valueName, e, n.elem)
		x.shut(name)
	}
}

// escapeXML writes character data. What XML cannot carry becomes U+FFFD.
func escapeXML(b []byte, s string) []byte {
	from := 0
	for i := 0; i < len(s); {
		c := s[i]
		if xmlPlain[c] {
			i++
			continue
		}
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRuneInString(s[i:])
			if r == utf8.RuneError && size == 1 || r == 0xFFFE || r == 0xFFFF {
				b = append(append(b, s[from:i]...), "\uFFFD"...)
				from = i + size
			}
			i += size
			continue
		}
		b = append(append(b, s[from:i]...), xmlEscapes[c]...)
		i++
		from = i
	}
	return append(b, s[from:]...)
}

// xmlPlain are the bytes that stand for themselves.
var xmlPlain = func() (t [256]bool) {
	for c := range utf8.RuneSelf {
		t[c] = xmlEscapes[c] == ""
	}
	return t
}()

var xmlEscapes = func() (t [utf8.RuneSelf]string) {
	for c := range ' ' {
		t[c] = "\uFFFD"
	}
	t['\t'], t['\n'] = "", ""
	t['\r'] = "&#13;"
	t['&'], t['<'], t['>'], t['"'] = "&amp;", "&lt;", "&gt;", "&quot;"
	return t
}()
