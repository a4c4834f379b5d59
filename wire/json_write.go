package wire

import (
	"encoding/base64"
	"maps"
	"reflect"
	"slices"
	"unicode/utf8"
)

// jsonStruct writes the body members of a struct. skip names a member to
// leave out, "" none.
func jsonStruct(b []byte, v reflect.Value, p *plan) []byte {
	b = append(b, '{')
	return append(jsonMembers(b, v, p), '}')
}

func jsonMembers(b []byte, v reflect.Value, p *plan) []byte {
	first := len(b)
	for i := range p.fields {
		f := &p.fields[i]
		if f.facts.loc != inBody {
			continue
		}
		fv, ok := f.from(v.Field(f.index))
		if !ok || f.kind == kStream || f.kind == kEvents {
			continue
		}
		if len(b) > first {
			b = append(b, ',')
		}
		b = append(b, '"')
		b = append(b, f.name...)
		b = append(b, '"', ':')
		b = jsonValue(b, fv, &f.node)
	}
	return b
}

func jsonValue(b []byte, v reflect.Value, n *node) []byte {
	switch n.kind {
	case kString:
		return jsonText(b, v.String())
	case kStruct:
		return jsonStruct(b, v, n.plan)
	case kList:
		b = append(b, '[')
		for i := range v.Len() {
			if i > 0 {
				b = append(b, ',')
			}
			if e, ok := n.elem.from(v.Index(i)); ok {
				b = jsonValue(b, e, n.elem)
			} else {
				b = append(b, "null"...)
			}
		}
		return append(b, ']')
	case kMap:
		return jsonMap(b, v, n)
	case kBlob:
		b = append(b, '"')
		b = base64.StdEncoding.AppendEncode(b, v.Bytes())
		return append(b, '"')
	case kTime:
		f := n.format(tsUnix)
		if f == tsUnix {
			return appendTime(b, timeOf(v), f)
		}
		b = append(b, '"')
		b = appendTime(b, timeOf(v), f)
		return append(b, '"')
	case kFloat:
		if f := v.Float(); f-f != 0 { // NaN and the infinities have no number
			b = append(b, '"')
			b = appendFloat(b, f)
			return append(b, '"')
		}
	}
	return n.appendText(b, v, tsUnix)
}

func jsonMap(b []byte, v reflect.Value, n *node) []byte {
	b = append(b, '{')
	if v.Type() == textMap && v.CanAddr() {
		m := *v.Addr().Interface().(*map[string]string)
		for i, k := range slices.Sorted(maps.Keys(m)) {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(jsonText(b, k), ':')
			b = jsonText(b, m[k])
		}
		return append(b, '}')
	}
	first := len(b)
	for _, k := range sortedKeys(v) {
		e, ok := n.elem.from(v.MapIndex(k))
		if !ok {
			continue
		}
		if len(b) > first {
			b = append(b, ',')
		}
		b = append(jsonText(b, k.String()), ':')
		b = jsonValue(b, e, n.elem)
	}
	return append(b, '}')
}

// jsonPlain are the bytes that stand for themselves.
var jsonPlain = func() (t [256]bool) {
	for c := ' '; c < utf8.RuneSelf; c++ {
		t[c] = c != '"' && c != '\\'
	}
	return t
}()

const hexDigits = "0123456789abcdef"

// jsonText writes a string. Bytes that are no UTF-8 become U+FFFD.
func jsonText(b []byte, s string) []byte {
	b = append(b, '"')
	from := 0
	for i := 0; i < len(s); {
		c := s[i]
		if jsonPlain[c] {
			i++
			continue
		}
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRuneInString(s[i:])
			if r != utf8.RuneError || size != 1 {
				i += size
				continue
			}
		}
		b = append(b, s[from:i]...)
		switch c {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\n':
			b = append(b, '\\', 'n')
		case '\r':
			b = append(b, '\\', 'r')
		case '\t':
			b = append(b, '\\', 't')
		default:
			if c >= utf8.RuneSelf {
				b = append(b, "\uFFFD"...)
			} else {
				b = append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
			}
		}
		i++
		from = i
	}
	b = append(b, s[from:]...)
	return append(b, '"')
}
