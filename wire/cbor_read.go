package wire

import (
	"encoding/binary"
	"errors"
	"math"
	"reflect"
	"time"
	"unicode/utf8"
)

// cborReader sets a struct from one CBOR value (RFC 8949).
type cborReader struct {
	b     []byte
	i     int
	deep  int
	track tracker
}

var errCBOR = errors.New("malformed CBOR")

// Major types of CBOR.
const (
	cborUint byte = iota
	cborNegative
	cborBytes
	cborText
	cborArray
	cborMap
	cborTag
	cborSimple
)

const (
	cborNull       = 0xf6
	cborUndefined  = 0xf7
	cborBreak      = 0xff
	cborIndefinite = math.MaxUint64
)

// head reads a value's first bytes: its major type, the additional
// information and the number that follows.
func (d *cborReader) head() (major, info byte, n uint64, err error) {
	if d.i >= len(d.b) {
		return 0, 0, 0, errCBOR
	}
	c := d.b[d.i]
	d.i++
	major, info = c>>5, c&31
	rest := d.b[d.i:]
	size := 0
	switch {
	case info < 24:
		return major, info, uint64(info), nil
	case info <= 27:
		size = 1 << (info - 24)
	case info == 31 && major >= cborBytes && major <= cborMap:
		return major, info, cborIndefinite, nil
	default:
		return 0, 0, 0, errCBOR
	}
	if len(rest) < size {
		return 0, 0, 0, errCBOR
	}
	d.i += size
	switch size {
	case 1:
		n = uint64(rest[0])
	case 2:
		n = uint64(binary.BigEndian.Uint16(rest))
	case 4:
		n = uint64(binary.BigEndian.Uint32(rest))
	default:
		n = binary.BigEndian.Uint64(rest)
	}
	return major, info, n, nil
}

func (d *cborReader) peekIs(c byte) bool { return d.i < len(d.b) && d.b[d.i] == c }

func (d *cborReader) null() bool {
	if d.peekIs(cborNull) || d.peekIs(cborUndefined) {
		d.i++
		return true
	}
	return false
}

// container opens an array or map; each calls f until its end.
func (d *cborReader) container(want byte, f func() error) error {
	major, _, n, err := d.head()
	if err != nil {
		return err
	}
	if major != want {
		return errType
	}
	if d.deep++; d.deep > maxDepth {
		return errDepth
	}
	defer func() { d.deep-- }()
	if n != cborIndefinite && n > uint64(len(d.b)-d.i) {
		return errCBOR // every element takes a byte at least
	}
	for i := uint64(0); i < n; i++ {
		if n == cborIndefinite && d.peekIs(cborBreak) {
			d.i++
			return nil
		}
		if err := f(); err != nil {
			return err
		}
	}
	return nil
}

// chunk reads a byte or text string. Definite ones are views into the input.
func (d *cborReader) chunk(want byte) ([]byte, error) {
	major, _, n, err := d.head()
	if err != nil {
		return nil, err
	}
	if major != want {
		return nil, errType
	}
	if n != cborIndefinite {
		if n > uint64(len(d.b)-d.i) {
			return nil, errCBOR
		}
		s := d.b[d.i : d.i+int(n)]
		d.i += int(n)
		return s, nil
	}
	var all []byte
	for !d.peekIs(cborBreak) {
		major, _, n, err := d.head()
		if err != nil || major != want || n == cborIndefinite || n > uint64(len(d.b)-d.i) {
			return nil, errCBOR
		}
		all = append(all, d.b[d.i:d.i+int(n)]...)
		d.i += int(n)
	}
	d.i++
	return all, nil
}

func (d *cborReader) text() ([]byte, error) {
	s, err := d.chunk(cborText)
	if err == nil && !utf8.Valid(s) {
		err = errCBOR
	}
	return s, err
}

func (d *cborReader) structure(v reflect.Value, p *plan) error {
	var have uint64
	err := d.container(cborMap, func() error {
		k, err := d.text()
		if err != nil {
			return err
		}
		f := p.byName[string(k)]
		if f == nil {
			return d.skip()
		}
		if d.null() {
			return nil
		}
		have |= f.bit
		d.track.push(step{field: f})
		defer d.track.pop()
		return d.value(v.Field(f.index), &f.node)
	})
	if err == nil {
		d.track.seen(p, have)
	}
	return err
}

func (d *cborReader) value(v reflect.Value, n *node) error {
	v = n.into(v)
	switch n.kind {
	case kStruct:
		return d.structure(v, n.plan)
	case kList:
		return d.list(v, n)
	case kMap:
		return d.mapping(v, n)
	case kString:
		s, err := d.text()
		v.SetString(string(s))
		return err
	case kBlob:
		s, err := d.chunk(cborBytes)
		v.SetBytes(append([]byte{}, s...))
		return err
	case kBool:
		major, info, _, err := d.head()
		if err != nil || major != cborSimple || info != 20 && info != 21 {
			return errType
		}
		v.SetBool(info == 21)
		return nil
	case kInt:
		i, f, isInt, err := d.number()
		if err != nil {
			return err
		}
		if !isInt {
			if f != math.Trunc(f) || math.Abs(f) >= 1<<62 {
				return errType
			}
			i = int64(f)
		}
		if v.OverflowInt(i) {
			return errType
		}
		v.SetInt(i)
		return nil
	case kFloat:
		i, f, isInt, err := d.number()
		if isInt {
			f = float64(i)
		}
		v.SetFloat(f)
		return err
	case kTime:
		return d.time(v)
	}
	return d.skip()
}

func (d *cborReader) list(v reflect.Value, n *node) error {
	v.Set(reflect.MakeSlice(v.Type(), 0, 0))
	return d.container(cborArray, func() error {
		if d.null() {
			return nil
		}
		l := v.Len()
		if l == v.Cap() {
			v.Grow(max(4, l))
		}
		v.SetLen(l + 1)
		d.track.push(step{index: l + 1})
		defer d.track.pop()
		return d.value(v.Index(l), n.elem)
	})
}

func (d *cborReader) mapping(v reflect.Value, n *node) error {
	v.Set(reflect.MakeMap(v.Type()))
	return d.container(cborMap, func() error {
		k, err := d.text()
		if err != nil {
			return err
		}
		if d.null() {
			return nil
		}
		key, elem := reflect.New(n.key.typ).Elem(), reflect.New(n.elem.typ).Elem()
		key.SetString(string(k))
		d.track.push(step{key: key.String()})
		defer d.track.pop()
		if err := d.value(elem, n.elem); err != nil {
			return err
		}
		v.SetMapIndex(key, elem)
		return nil
	})
}

// number reads an integer or float of any size.
func (d *cborReader) number() (i int64, f float64, isInt bool, err error) {
	major, info, n, err := d.head()
	if err != nil {
		return 0, 0, false, err
	}
	switch {
	case major == cborUint && n <= math.MaxInt64:
		return int64(n), 0, true, nil
	case major == cborNegative && n <= math.MaxInt64:
		return -1 - int64(n), 0, true, nil
	case major == cborSimple && info == 25:
		return 0, halfFloat(uint16(n)), false, nil
	case major == cborSimple && info == 26:
		return 0, float64(math.Float32frombits(uint32(n))), false, nil
	case major == cborSimple && info == 27:
		return 0, math.Float64frombits(n), false, nil
	}
	return 0, 0, false, errType
}

func halfFloat(h uint16) float64 {
	exp, frac := int(h>>10&31), float64(h&1023)
	var f float64
	switch exp {
	case 0:
		f = math.Ldexp(frac, -24)
	case 31:
		f = math.Inf(1)
		if frac != 0 {
			f = math.NaN()
		}
	default:
		f = math.Ldexp(1024+frac, exp-25)
	}
	if h&0x8000 != 0 {
		return -f
	}
	return f
}

// time reads epoch seconds, tagged (tag 1) as the protocol wants it or not.
func (d *cborReader) time(v reflect.Value) error {
	if d.i < len(d.b) && d.b[d.i]>>5 == cborTag {
		if _, _, tag, err := d.head(); err != nil || tag != 1 {
			return errType
		}
	}
	i, f, isInt, err := d.number()
	if err != nil {
		return err
	}
	if isInt {
		f = float64(i)
	}
	t, err := unixTime(f)
	if err != nil {
		return errType
	}
	*v.Addr().Interface().(*time.Time) = t
	return nil
}

func (d *cborReader) skip() error {
	if d.i >= len(d.b) {
		return errCBOR
	}
	switch d.b[d.i] >> 5 {
	case cborBytes, cborText:
		_, err := d.chunk(d.b[d.i] >> 5)
		return err
	case cborArray:
		return d.container(cborArray, d.skip)
	case cborMap:
		return d.container(cborMap, func() error {
			if err := d.skip(); err != nil {
				return err
			}
			return d.skip()
		})
	case cborTag:
		if d.deep++; d.deep > maxDepth {
			return errDepth
		}
		defer func() { d.deep-- }()
		if _, _, _, err := d.head(); err != nil {
			return err
		}
		return d.skip()
	}
	_, _, _, err := d.head()
	return err
}
