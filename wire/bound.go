package wire

import (
	"encoding/base64"
	"net/http"
	"reflect"
	"slices"
	"strings"
)

// readBound sets the members that a REST request carries outside of its body,
// and returns which required ones came.
func readBound(r *Request, v reflect.Value, p *plan) (have uint64, err error) {
	if len(p.bound) == 0 {
		return 0, nil
	}
	var query []param
	if r.HTTP != nil && r.HTTP.URL.RawQuery != "" {
		query = parseQuery(r.HTTP.URL.RawQuery)
	}
	for _, f := range p.bound {
		set, err := false, error(nil)
		fv := v.Field(f.index)
		switch f.facts.loc {
		case inURI:
			if s, ok := r.Labels.Get(f.facts.locName); ok {
				set, err = true, f.setText(fv, s)
			}
		case inQuery:
			set, err = f.fromQuery(fv, query, p)
		case inHeader:
			set, err = f.fromHeader(fv, r.HTTP)
		case inHeaders:
			set = f.fromHeaders(fv, r.HTTP)
		}
		if err != nil {
			return have, &boundError{f, f.sent(r, query)}
		}
		if set {
			have |= f.bit
		}
	}
	return have, nil
}

// boundError says that a member outside of the body has a value that does not
// fit its type.
type boundError struct {
	field *field
	value string
}

func (e *boundError) Error() string { return "invalid value for " + e.field.facts.locName }

// sent is the member's value as the request has it.
func (f *field) sent(r *Request, query []param) string {
	switch f.facts.loc {
	case inURI:
		s, _ := r.Labels.Get(f.facts.locName)
		return s
	case inQuery:
		for _, q := range query {
			if q.name == f.facts.locName {
				return q.value
			}
		}
		return ""
	}
	return r.HTTP.Header.Get(f.facts.locName)
}

// param is one query parameter, decoded.
type param struct{ name, value string }

// parseQuery reads a URI's query. What is wrongly escaped stays as it is.
func parseQuery(s string) []param {
	list := make([]param, 0, strings.Count(s, "&")+1)
	for pair := range strings.SplitSeq(s, "&") {
		if pair == "" {
			continue
		}
		k, v, _ := strings.Cut(pair, "=")
		if u, ok := unescapeForm(k); ok {
			k = u
		}
		if u, ok := unescapeForm(v); ok {
			v = u
		}
		list = append(list, param{k, v})
	}
	return list
}

func (f *field) fromQuery(v reflect.Value, query []param, p *plan) (set bool, err error) {
	if f.kind == kMap {
		return f.queryMap(v, query, p)
	}
	for _, q := range query {
		if q.name != f.facts.locName {
			continue
		}
		if f.kind != kList {
			if q.value == "" && f.kind != kString {
				continue // "?max-keys=" says nothing
			}
			return true, f.setText(v, q.value)
		}
		set = true
		if err := appendElem(v, f.elem, q.value); err != nil {
			return set, err
		}
	}
	return set, nil
}

// queryMap takes every parameter that no other member takes.
func (f *field) queryMap(v reflect.Value, query []param, p *plan) (bool, error) {
	for _, q := range query {
		if slices.ContainsFunc(p.bound, func(o *field) bool { return o.facts.loc == inQuery && o.facts.locName == q.name && o != f }) {
			continue
		}
		if v.IsNil() {
			v.Set(reflect.MakeMap(v.Type()))
		}
		key := reflect.ValueOf(strings.Clone(q.name))
		elem := reflect.New(f.elem.typ).Elem()
		if f.elem.kind == kList {
			if have := v.MapIndex(key); have.IsValid() {
				elem.Set(have)
			}
			if err := appendElem(elem, f.elem.elem, q.value); err != nil {
				return true, err
			}
		} else if err := f.elem.setText(elem, q.value); err != nil {
			return true, err
		}
		v.SetMapIndex(key, elem)
	}
	return !v.IsNil(), nil
}

func appendElem(v reflect.Value, elem *node, s string) error {
	e := reflect.New(elem.typ).Elem()
	if err := elem.setText(e, s); err != nil {
		return err
	}
	v.Set(reflect.Append(v, e))
	return nil
}

func (f *field) fromHeader(v reflect.Value, r *http.Request) (set bool, err error) {
	if r == nil {
		return false, nil
	}
	values := r.Header[f.canonical]
	if len(values) == 0 {
		if f.canonical == "Content-Length" && r.ContentLength >= 0 && (r.ContentLength > 0 || r.Body != nil) { // net/http takes it away
			f.into(v).SetInt(r.ContentLength)
			return true, nil
		}
		return false, nil
	}
	if f.kind == kList {
		return true, f.headerList(v, values)
	}
	s := values[0]
	if f.facts.jsonValue {
		b, err := base64.StdEncoding.DecodeString(s)
		if err != nil || !validJSON(string(b)) {
			return true, errScalar
		}
		s = string(b)
	}
	if s == "" && f.kind != kString {
		return false, nil
	}
	if err := f.setText(v, s); err != nil {
		if f.kind == kTime && (strings.HasPrefix(f.facts.locName, "If-") || f.facts.locName == "Expires") {
			v.SetZero() // HTTP wants these ignored where they are no date
			return false, nil
		}
		return true, err
	}
	return true, nil
}

// headerList splits a list at its commas. Strings may be quoted; HTTP dates
// hold a comma of their own.
func (f *field) headerList(v reflect.Value, values []string) error {
	for _, s := range values {
		for s != "" {
			var item string
			item, s = nextItem(s, f.elem.kind == kTime && f.elem.format(tsHTTP) == tsHTTP)
			if err := appendElem(v, f.elem, item); err != nil {
				return err
			}
		}
	}
	return nil
}

func nextItem(s string, date bool) (item, rest string) {
	s = strings.TrimLeft(s, " \t")
	if strings.HasPrefix(s, `"`) {
		var b strings.Builder
		for i := 1; i < len(s); i++ {
			switch {
			case s[i] == '\\' && i+1 < len(s):
				i++
				b.WriteByte(s[i])
			case s[i] == '"':
				_, rest, _ = strings.Cut(s[i+1:], ",")
				return b.String(), rest
			default:
				b.WriteByte(s[i])
			}
		}
		return b.String(), ""
	}
	i := strings.IndexByte(s, ',')
	if date && i >= 0 {
		if j := strings.IndexByte(s[i+1:], ','); j >= 0 {
			i += 1 + j
		} else {
			i = -1
		}
	}
	if i < 0 {
		return strings.TrimSpace(s), ""
	}
	return strings.TrimSpace(s[:i]), s[i+1:]
}

// fromHeaders collects the headers with a prefix; their names come in lower
// case, as they are on the wire of HTTP/2.
func (f *field) fromHeaders(v reflect.Value, r *http.Request) bool {
	if r == nil {
		return false
	}
	for name, values := range r.Header {
		if len(name) == len(f.canonical) || !strings.HasPrefix(name, f.canonical) {
			continue
		}
		if v.IsNil() {
			v.Set(reflect.MakeMap(v.Type()))
		}
		key := reflect.ValueOf(strings.ToLower(name[len(f.canonical):]))
		elem := reflect.New(f.elem.typ).Elem()
		if f.elem.setText(elem, strings.Join(values, ",")) == nil {
			v.SetMapIndex(key, elem)
		}
	}
	return !v.IsNil()
}

// writeBound sets the response headers that the output's members make, and
// returns the status, which may be a member too.
func writeBound(w *Response, v reflect.Value, p *plan, status int) int {
	h := w.W.Header()
	for _, f := range p.bound {
		fv, ok := f.from(v.Field(f.index))
		if !ok {
			continue
		}
		switch f.facts.loc {
		case inStatus:
			if s := int(fv.Int()); s >= 100 && s <= 599 {
				status = s
			}
		case inHeader:
			f.toHeader(h, fv)
		case inHeaders:
			for _, k := range sortedKeys(fv) {
				if e, ok := f.elem.from(fv.MapIndex(k)); ok {
					setHeader(h, f.facts.locName+k.String(), string(f.elem.appendText(nil, e, tsHTTP)))
				}
			}
		}
	}
	return status
}

func (f *field) toHeader(h http.Header, v reflect.Value) {
	switch {
	case f.kind == kList:
		items := make([]string, 0, v.Len())
		for i := range v.Len() {
			if e, ok := f.elem.from(v.Index(i)); ok {
				items = append(items, quoteItem(string(f.elem.appendText(nil, e, tsHTTP)), f.elem.kind))
			}
		}
		if len(items) > 0 {
			setHeader(h, f.facts.locName, strings.Join(items, ", "))
		}
	case f.facts.jsonValue:
		setHeader(h, f.facts.locName, base64.StdEncoding.EncodeToString([]byte(v.String())))
	case f.kind == kString:
		setHeader(h, f.facts.locName, v.String())
	default:
		setHeader(h, f.facts.locName, string(f.appendText(nil, v, tsHTTP)))
	}
}

func quoteItem(s string, k kind) string {
	if k == kString && strings.ContainsAny(s, `,"`) {
		return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
	}
	return s
}

// setHeader keeps the name as the model spells it: clients show the names of
// user metadata as they come. Headers that net/http looks at are spelled its
// way in the models already.
func setHeader(h http.Header, name, value string) {
	if !plain(value) {
		return
	}
	h[name] = []string{value}
}

// Label is one part of a URI that an operation's pattern names.
type Label struct{ Name, Value string }

// Labels are a URI's, in order.
type Labels []Label

// Get returns a label's value.
func (l Labels) Get(name string) (string, bool) {
	for i := range l {
		if l[i].Name == name {
			return l[i].Value, true
		}
	}
	return "", false
}
