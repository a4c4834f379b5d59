package wire

import (
	"errors"
	"reflect"
	"strconv"
	"strings"
	"unicode/utf8"
)

// xmlReader is a pull parser over one XML document. It knows elements,
// attributes, text, CDATA, comments and character references; it refuses
// document types, so there are no entities to expand.
type xmlReader struct {
	b     []byte
	i     int
	deep  int
	track tracker
	self  bool // the element just opened is empty: <a/>
	attrs []xmlAttr
	buf   []byte
	open  [maxDepth + 1][]byte // names of the elements that the reader is in
}

type xmlAttr struct{ name, value []byte }

var errXML = errors.New("malformed XML")

// root reads up to and including the document element's start tag.
func (d *xmlReader) root() (string, error) {
	d.b = []byte(strings.TrimPrefix(text(d.b), "\uFEFF"))
	name, end, err := d.next()
	if err != nil || end {
		return "", errXML
	}
	return string(name), nil
}

// finish checks that nothing but space and comments follows.
func (d *xmlReader) finish() error {
	for d.i < len(d.b) {
		switch c := d.b[d.i]; {
		case c == ' ' || c == '\t' || c == '\r' || c == '\n':
			d.i++
		case d.starts("<!--") || d.starts("<?"):
			if err := d.misc(); err != nil {
				return err
			}
		default:
			return errXML
		}
	}
	return nil
}

func (d *xmlReader) starts(s string) bool {
	return len(d.b)-d.i >= len(s) && string(d.b[d.i:d.i+len(s)]) == s
}

// misc steps over a comment or processing instruction.
func (d *xmlReader) misc() error {
	open, end := "<?", "?>"
	if d.starts("<!--") {
		open, end = "<!--", "-->"
	} else if !d.starts("<?") {
		return errXML
	}
	n := strings.Index(text(d.b[d.i+len(open):]), end)
	if n < 0 {
		return errXML
	}
	d.i += len(open) + n + len(end)
	return nil
}

// next finds the next child element, whose local name it returns, or the end
// of the element that the reader is in. Text in between is ignored.
func (d *xmlReader) next() (name []byte, end bool, err error) {
	if d.self {
		d.self = false
		d.deep--
		return nil, true, nil
	}
	for d.i < len(d.b) {
		if d.b[d.i] != '<' {
			d.i++
			continue
		}
		switch {
		case d.starts("</"):
			return nil, true, d.endTag()
		case d.starts("<!--"), d.starts("<?"):
			err = d.misc()
		case d.starts("<![CDATA["):
			_, err = d.cdata()
		case d.starts("<!"):
			err = errXML
		default:
			name, err = d.startTag()
			return name, false, err
		}
		if err != nil {
			return nil, false, err
		}
	}
	return nil, false, errXML
}

func (d *xmlReader) endTag() error {
	d.i += 2
	name, err := d.name()
	if err != nil || d.deep < 1 || string(name) != string(d.open[d.deep]) {
		return errXML
	}
	d.space()
	if d.i >= len(d.b) || d.b[d.i] != '>' {
		return errXML
	}
	d.i++
	d.deep--
	return nil
}

func (d *xmlReader) startTag() ([]byte, error) {
	d.i++
	name, err := d.name()
	if err != nil {
		return nil, err
	}
	if d.deep++; d.deep > maxDepth {
		return nil, errDepth
	}
	d.open[d.deep] = name
	d.attrs = d.attrs[:0]
	for {
		d.space()
		switch {
		case d.i >= len(d.b):
			return nil, errXML
		case d.b[d.i] == '>':
			d.i++
			return local(name), nil
		case d.starts("/>"):
			d.i += 2
			d.self = true
			return local(name), nil
		}
		if err := d.attribute(); err != nil {
			return nil, err
		}
	}
}

func (d *xmlReader) attribute() error {
	name, err := d.name()
	if err != nil {
		return err
	}
	d.space()
	if d.i >= len(d.b) || d.b[d.i] != '=' {
		return errXML
	}
	d.i++
	d.space()
	if d.i >= len(d.b) || d.b[d.i] != '"' && d.b[d.i] != '\'' {
		return errXML
	}
	quote := d.b[d.i]
	d.i++
	start := d.i
	for d.i < len(d.b) && d.b[d.i] != quote {
		if d.b[d.i] == '<' {
			return errXML
		}
		d.i++
	}
	if d.i >= len(d.b) {
		return errXML
	}
	value := d.b[start:d.i]
	d.i++
	if strings.IndexByte(text(value), '&') >= 0 {
		if value, err = unescapeXML(nil, value); err != nil {
			return err
		}
	}
	d.attrs = append(d.attrs, xmlAttr{name, value})
	return nil
}

func (d *xmlReader) name() ([]byte, error) {
	start := d.i
	for d.i < len(d.b) {
		c := d.b[d.i]
		if c <= ' ' || c == '>' || c == '/' || c == '=' || c == '<' || c == '"' || c == '\'' || c == '&' {
			break
		}
		d.i++
	}
	if d.i == start {
		return nil, errXML
	}
	return d.b[start:d.i], nil
}

// local is the name without its namespace prefix.
func local(name []byte) []byte {
	if i := strings.IndexByte(text(name), ':'); i >= 0 {
		return name[i+1:]
	}
	return name
}

func (d *xmlReader) space() {
	for d.i < len(d.b) && (d.b[d.i] == ' ' || d.b[d.i] == '\t' || d.b[d.i] == '\r' || d.b[d.i] == '\n') {
		d.i++
	}
}

func (d *xmlReader) cdata() ([]byte, error) {
	const open, end = "<![CDATA[", "]]>"
	n := strings.Index(text(d.b[d.i+len(open):]), end)
	if n < 0 {
		return nil, errXML
	}
	s := d.b[d.i+len(open) : d.i+len(open)+n]
	d.i += len(open) + n + len(end)
	return s, nil
}

// chars reads the text of the element just opened, and its end tag. What it
// returns is good until the next call.
func (d *xmlReader) chars() ([]byte, error) {
	if d.self {
		d.self = false
		d.deep--
		return nil, nil
	}
	d.buf = d.buf[:0]
	for d.i < len(d.b) {
		start := d.i
		for d.i < len(d.b) && d.b[d.i] != '<' {
			d.i++
		}
		var err error
		if d.buf, err = unescapeXML(d.buf, d.b[start:d.i]); err != nil {
			return nil, err
		}
		switch {
		case d.starts("</"):
			if err := d.endTag(); err != nil {
				return nil, err
			}
			if !utf8.Valid(d.buf) {
				return nil, errXML
			}
			return d.buf, nil
		case d.starts("<![CDATA["):
			s, err := d.cdata()
			if err != nil {
				return nil, err
			}
			d.buf = append(d.buf, s...)
		case d.starts("<!--"), d.starts("<?"):
			if err := d.misc(); err != nil {
				return nil, err
			}
		default:
			return nil, errXML // an element where text should be
		}
	}
	return nil, errXML
}

// unescapeXML appends s with its character references resolved and line ends
// made '\n'.
func unescapeXML(b, s []byte) ([]byte, error) {
	for i := 0; i < len(s); i++ {
		switch c := s[i]; c {
		case '\r':
			b = append(b, '\n')
			if i+1 < len(s) && s[i+1] == '\n' {
				i++
			}
		case '&':
			n := strings.IndexByte(text(s[i:]), ';')
			if n < 0 || n > 12 {
				return nil, errXML
			}
			r, ok := reference(text(s[i+1 : i+n]))
			if !ok {
				return nil, errXML
			}
			b = utf8.AppendRune(b, r)
			i += n
		default:
			b = append(b, c)
		}
	}
	return b, nil
}

func reference(s string) (rune, bool) {
	switch s {
	case "amp":
		return '&', true
	case "lt":
		return '<', true
	case "gt":
		return '>', true
	case "quot":
		return '"', true
	case "apos":
		return '\'', true
	}
	digits, ok := strings.CutPrefix(s, "#")
	if !ok {
		return 0, false
	}
	base := 10
	if hex, ok := strings.CutPrefix(digits, "x"); ok {
		digits, base = hex, 16
	}
	n, err := strconv.ParseUint(digits, base, 32)
	if err != nil || n == 0 || n > utf8.MaxRune || n >= 0xD800 && n < 0xE000 {
		return 0, false
	}
	return rune(n), true
}

// skip reads to the end of the element just opened.
func (d *xmlReader) skip() error {
	for depth := 1; depth > 0; {
		_, end, err := d.next()
		if err != nil {
			return err
		}
		if end {
			depth--
		} else {
			depth++
		}
	}
	return nil
}

// structure reads the children of the element just opened.
func (d *xmlReader) structure(v reflect.Value, p *plan) error {
	var have uint64
	for _, f := range p.attrs {
		for _, a := range d.attrs {
			if string(a.name) == f.name || string(local(a.name)) == string(local([]byte(f.name))) {
				have |= f.bit
				if err := f.setText(v.Field(f.index), string(a.value)); err != nil {
					return errType
				}
			}
		}
	}
	for {
		name, end, err := d.next()
		if err != nil {
			return err
		}
		if end {
			d.track.seen(p, have)
			return nil
		}
		f := p.byName[string(name)]
		if f == nil {
			if err := d.skip(); err != nil {
				return err
			}
			continue
		}
		have |= f.bit
		d.track.push(step{field: f})
		err = d.member(v.Field(f.index), f)
		d.track.pop()
		if err != nil {
			return err
		}
	}
}

// member reads one element of a member; flat lists and maps come as several.
func (d *xmlReader) member(v reflect.Value, f *field) error {
	if f.facts.flat {
		switch f.kind {
		case kList:
			return d.element(v, &f.node)
		case kMap:
			return d.entry(v, &f.node)
		}
	}
	return d.value(v, &f.node)
}

// element appends one element to a list.
func (d *xmlReader) element(v reflect.Value, n *node) error {
	l := v.Len()
	if l == v.Cap() {
		v.Grow(max(4, l))
	}
	v.SetLen(l + 1)
	d.track.push(step{index: l + 1})
	err := d.value(v.Index(l), n.elem)
	d.track.pop()
	return err
}

// entry reads the key and value of a map's entry.
func (d *xmlReader) entry(v reflect.Value, n *node) error {
	if v.IsNil() {
		v.Set(reflect.MakeMap(v.Type()))
	}
	keyName, valueName := n.entryNames()
	key, elem := reflect.New(n.key.typ).Elem(), reflect.New(n.elem.typ).Elem()
	hasKey := false
	for {
		name, end, err := d.next()
		if err != nil {
			return err
		}
		if end {
			if !hasKey {
				return errXML
			}
			v.SetMapIndex(key, elem)
			return nil
		}
		switch string(name) {
		case keyName:
			hasKey = true
			err = d.value(key, n.key)
		case valueName:
			d.track.push(step{key: key.String()})
			err = d.value(elem, n.elem)
			d.track.pop()
		default:
			err = d.skip()
		}
		if err != nil {
			return err
		}
	}
}

func (d *xmlReader) value(v reflect.Value, n *node) error {
	switch n.kind {
	case kStruct:
		return d.structure(n.into(v), n.plan)
	case kList:
		if v.IsNil() {
			v.Set(reflect.MakeSlice(v.Type(), 0, 0))
		}
		return d.children(func() error { return d.element(v, n) }, n.listElem())
	case kMap:
		if v.IsNil() {
			v.Set(reflect.MakeMap(v.Type()))
		}
		return d.children(func() error { return d.entry(v, n) }, "entry")
	}
	s, err := d.chars()
	if err != nil {
		return err
	}
	if n.kind != kString && len(s) == 0 && n.ptr {
		return nil // <Days/> says nothing
	}
	if n.setText(v, text(s)) != nil {
		return errType
	}
	return nil
}

// children calls f for each child element of that name.
func (d *xmlReader) children(f func() error, want string) error {
	for {
		name, end, err := d.next()
		if err != nil || end {
			return err
		}
		if string(name) == want {
			err = f()
		} else {
			err = d.skip()
		}
		if err != nil {
			return err
		}
	}
}
