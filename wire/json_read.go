package wire

import (
	"encoding/base64"
	"errors"
	"math"
	"reflect"
	"strconv"
	"time"
	"unicode/utf8"
)

// jsonReader is a pull parser over one JSON document that sets what it reads
// straight into a struct.
type jsonReader struct {
	b     []byte
	i     int
	deep  int
	track tracker
	buf   []byte // for strings with escapes
}

var (
	errJSON  = errors.New("malformed JSON")
	errDepth = errors.New("nested too deeply")
	errType  = errors.New("a value has the wrong type")
)

// document reads the whole of b into the struct v.
func (d *jsonReader) document(v reflect.Value, p *plan) error {
	if d.peek(); d.i == len(d.b) {
		d.track.seen(p, 0)
		return nil // an empty body is an input without members
	}
	if err := d.structure(v, p); err != nil {
		return err
	}
	if d.peek(); d.i != len(d.b) {
		return errJSON
	}
	return nil
}

func (d *jsonReader) peek() byte {
	for d.i < len(d.b) {
		switch c := d.b[d.i]; c {
		case ' ', '\t', '\n', '\r':
			d.i++
		default:
			return c
		}
	}
	return 0
}

func (d *jsonReader) literal(word string) bool {
	if len(d.b)-d.i >= len(word) && string(d.b[d.i:d.i+len(word)]) == word {
		d.i += len(word)
		return true
	}
	return false
}

func (d *jsonReader) null() bool { return d.peek() == 'n' && d.literal("null") }

func (d *jsonReader) open(c byte) error {
	if d.peek() != c {
		if d.i < len(d.b) {
			return errType
		}
		return errJSON
	}
	if d.deep++; d.deep > maxDepth {
		return errDepth
	}
	d.i++
	return nil
}

// more steps over the comma before the next element, or the closing bracket.
func (d *jsonReader) more(first bool, end byte) (bool, error) {
	switch c := d.peek(); {
	case c == end:
		d.i++
		d.deep--
		return false, nil
	case first:
		return true, nil
	case c == ',':
		d.i++
		if d.peek() == end {
			return false, errJSON
		}
		return true, nil
	}
	return false, errJSON
}

func (d *jsonReader) colon() error {
	if d.peek() != ':' {
		return errJSON
	}
	d.i++
	return nil
}

func (d *jsonReader) structure(v reflect.Value, p *plan) error {
	if err := d.open('{'); err != nil {
		return err
	}
	var have uint64
	for first := true; ; first = false {
		more, err := d.more(first, '}')
		if err != nil {
			return err
		}
		if !more {
			d.track.seen(p, have)
			return nil
		}
		k, err := d.token()
		if err != nil {
			return err
		}
		f := p.byName[string(k)]
		if err := d.colon(); err != nil {
			return err
		}
		if f == nil || f.facts.loc != inBody {
			err = d.skip()
		} else if !d.null() {
			have |= f.bit
			d.track.push(step{field: f})
			err = d.value(v.Field(f.index), &f.node)
			d.track.pop()
		}
		if err != nil {
			return err
		}
	}
}

func (d *jsonReader) value(v reflect.Value, n *node) error {
	v = n.into(v)
	switch n.kind {
	case kString:
		return d.text(v, n)
	case kStruct:
		return d.structure(v, n.plan)
	case kList:
		return d.list(v, n)
	case kMap:
		return d.mapping(v, n)
	case kBlob:
		return d.blob(v)
	case kBool:
		switch {
		case d.peek() == 't' && d.literal("true"):
			v.SetBool(true)
		case d.peek() == 'f' && d.literal("false"):
			v.SetBool(false)
		default:
			return errType
		}
		return nil
	case kInt:
		return d.integer(v, n.bits)
	case kFloat:
		if d.peek() == '"' {
			t, err := d.token()
			if err != nil {
				return err
			}
			f, err := parseFloat(string(t))
			v.SetFloat(f)
			return err
		}
		t, err := d.number()
		if err != nil {
			return err
		}
		f, err := parseFloat(text(t))
		v.SetFloat(f)
		return err
	case kTime:
		return d.time(v, n)
	}
	return d.skip()
}

func (d *jsonReader) text(v reflect.Value, n *node) error {
	if n.facts.jsonValue && d.peek() != '"' {
		start := d.i
		if err := d.skip(); err != nil {
			return err
		}
		v.SetString(string(d.b[start:d.i]))
		return nil
	}
	t, err := d.token()
	if err != nil {
		return err
	}
	if !utf8.Valid(t) {
		return errJSON
	}
	v.SetString(string(t))
	return nil
}

func (d *jsonReader) integer(v reflect.Value, bits int) error {
	t, err := d.number()
	if err != nil {
		return err
	}
	i, err := strconv.ParseInt(text(t), 10, bits)
	if err != nil { // 1e3 and 3.0 are integers too
		f, ferr := strconv.ParseFloat(text(t), 64)
		limit := math.Ldexp(1, bits-1)
		if ferr != nil || f != math.Trunc(f) || f < -limit || f >= limit {
			return errType
		}
		i = int64(f)
	}
	v.SetInt(i)
	return nil
}

func (d *jsonReader) time(v reflect.Value, n *node) error {
	var s string
	if d.peek() == '"' {
		t, err := d.token()
		if err != nil {
			return err
		}
		s = string(t)
	} else {
		t, err := d.number()
		if err != nil {
			return err
		}
		s = text(t)
	}
	t, err := parseTime(s)
	if err != nil {
		return err
	}
	*v.Addr().Interface().(*time.Time) = t
	return nil
}

func (d *jsonReader) blob(v reflect.Value) error {
	t, err := d.token()
	if err != nil {
		return err
	}
	out := make([]byte, base64.StdEncoding.DecodedLen(len(t)))
	n, err := base64.StdEncoding.Decode(out, t)
	if err != nil {
		b, rerr := decodeBase64(string(t))
		if rerr != nil {
			return errType
		}
		v.SetBytes(b)
		return nil
	}
	v.SetBytes(out[:n])
	return nil
}

func (d *jsonReader) list(v reflect.Value, n *node) error {
	if err := d.open('['); err != nil {
		return err
	}
	v.Set(reflect.MakeSlice(v.Type(), 0, 0))
	for i := 0; ; i++ {
		more, err := d.more(i == 0, ']')
		if err != nil || !more {
			return err
		}
		if d.null() {
			continue // a list without "sparse" holds no nulls
		}
		l := v.Len()
		if l == v.Cap() {
			v.Grow(max(4, l))
		}
		v.SetLen(l + 1)
		d.track.push(step{index: l + 1})
		err = d.value(v.Index(l), n.elem)
		d.track.pop()
		if err != nil {
			return err
		}
	}
}

func (d *jsonReader) mapping(v reflect.Value, n *node) error {
	if v.Type() == textMap {
		return d.textMap(v.Addr().Interface().(*map[string]string))
	}
	if err := d.open('{'); err != nil {
		return err
	}
	v.Set(reflect.MakeMap(v.Type()))
	elem := reflect.New(n.elem.typ).Elem()
	key := reflect.New(n.key.typ).Elem()
	for first := true; ; first = false {
		more, err := d.more(first, '}')
		if err != nil || !more {
			return err
		}
		k, err := d.token()
		if err != nil {
			return err
		}
		if !utf8.Valid(k) {
			return errJSON
		}
		ks := string(k)
		if err := d.colon(); err != nil {
			return err
		}
		if d.null() {
			continue
		}
		elem.SetZero()
		d.track.push(step{key: ks})
		err = d.value(elem, n.elem)
		d.track.pop()
		if err != nil {
			return err
		}
		key.SetString(ks)
		v.SetMapIndex(key, elem)
	}
}

func (d *jsonReader) textMap(p *map[string]string) error {
	if err := d.open('{'); err != nil {
		return err
	}
	m := map[string]string{}
	*p = m
	for first := true; ; first = false {
		more, err := d.more(first, '}')
		if err != nil || !more {
			return err
		}
		k, err := d.token()
		if err != nil {
			return err
		}
		ks := string(k)
		if err := d.colon(); err != nil {
			return err
		}
		if d.null() {
			continue
		}
		t, err := d.token()
		if err != nil {
			return err
		}
		if !utf8.Valid(t) || !utf8.ValidString(ks) {
			return errJSON
		}
		m[ks] = string(t)
	}
}
