package wire

import (
	"io"
	"net/http"
	"reflect"
	"strings"
	"sync"
	"time"

	"pileus/cloud"
)

// kind is what a value is on the wire.
type kind uint8

const (
	kString kind = iota
	kInt
	kBool
	kFloat
	kTime
	kBlob
	kList
	kMap
	kStruct
	kStream // a body: io.ReadCloser
	kEvents // an event stream: iter.Seq2[*Union, error]
)

// node is a value as one field holds it: its Go type and what the tag says.
type node struct {
	kind  kind
	ptr   bool // the Go value is a pointer to it
	typ   reflect.Type
	elem  *node // of a list or map
	key   *node // of a map
	plan  *plan // of a struct, and of an event stream's union
	bits  int   // of an integer
	facts traits
	rule  *rule // constraints; nil where there are none
}

// plan is what the codec knows of a struct type, worked out once.
type plan struct {
	typ    reflect.Type
	fields []field

	byName  map[string]*field // body members by JSON and XML name
	byQuery map[string]*field // query protocol
	byEC2   map[string]*field // ec2 protocol
	bound   []*field          // members outside of the body: headers, query, uri, status
	payload *field            // the member that is the body
	attrs   []*field          // XML attributes
	need    uint64            // bits of the required members
	needs   []*field          // by bit

	constrained bool // Validate has work to do here
}

// field is one member of a struct.
type field struct {
	node
	index   int
	goName  string
	name    string // JSON and XML
	query   string // query protocol; of the whole list when flat
	bit     uint64 // in need; 0 where not required
	shownAs string // in validation messages: lower camel

	canonical string // header or prefix as net/http spells it
}

var plans sync.Map // reflect.Type -> *plan

var (
	timeType   = reflect.TypeFor[time.Time]()
	streamType = reflect.TypeFor[io.ReadCloser]()
	bytesType  = reflect.TypeFor[[]byte]()
	textMap    = reflect.TypeFor[map[string]string]()
	emptyType  = reflect.TypeFor[cloud.Empty]()
)

// planOf returns the plan of a struct type.
func planOf(t reflect.Type) *plan {
	if p, ok := plans.Load(t); ok {
		return p.(*plan)
	}
	b := builder{}
	p := b.structPlan(t)
	for changed := true; changed; { // constraints propagate through recursive types
		changed = false
		for _, p := range b {
			if !p.constrained && p.anyConstraint() {
				p.constrained, changed = true, true
			}
		}
	}
	for t, p := range b {
		plans.LoadOrStore(t, p)
	}
	return p
}

// builder holds the plans of one run, which may refer to each other.
type builder map[reflect.Type]*plan

func (b builder) structPlan(t reflect.Type) *plan {
	if p, ok := plans.Load(t); ok {
		return p.(*plan)
	}
	if p := b[t]; p != nil {
		return p
	}
	p := &plan{typ: t, byName: map[string]*field{}, byQuery: map[string]*field{}, byEC2: map[string]*field{}}
	b[t] = p
	p.fields = make([]field, t.NumField())
	for i := range p.fields {
		f := &p.fields[i]
		b.field(f, i, t.Field(i))
		p.place(f)
	}
	return p
}

func (b builder) field(f *field, i int, sf reflect.StructField) {
	f.index, f.goName = i, sf.Name
	f.node = b.node(sf.Type, sf.Tag.Get("aws"), "", 0)
	f.name = f.facts.name
	if f.name == "" {
		f.name = sf.Name
	}
	f.shownAs = lowerFirst(sf.Name)
	if f.facts.loc == inHeader || f.facts.loc == inHeaders {
		f.canonical = http.CanonicalHeaderKey(f.facts.locName)
	}
	f.query = f.facts.queryName
	if f.query == "" && f.kind == kList && f.facts.flat {
		f.query = f.elem.facts.name
	}
	if f.query == "" {
		f.query = f.name
	}
}

// place enters a field where the protocols look for it.
func (p *plan) place(f *field) {
	if f.facts.required && len(p.needs) < 64 {
		f.bit = 1 << len(p.needs)
		p.need |= f.bit
		p.needs = append(p.needs, f)
	}
	switch {
	case f.facts.payload:
		p.payload = f
	case f.facts.attr:
		p.attrs = append(p.attrs, f)
	case f.kind == kStream || f.kind == kEvents:
		if p.payload == nil {
			p.payload = f
		}
	}
	if f.facts.loc != inBody {
		p.bound = append(p.bound, f)
	} else {
		p.byName[f.xmlName()] = f
		p.byName[f.name] = f
	}
	p.byQuery[f.query] = f
	ec2 := f.facts.queryName
	if ec2 == "" {
		ec2 = upperFirst(f.name)
	}
	p.byEC2[ec2] = f
}

// xmlName is the element of the member: a flat list's is its element's, where
// that has a name.
func (f *field) xmlName() string {
	if f.kind == kList && f.facts.flat && f.elem.facts.name != "" {
		return f.elem.facts.name
	}
	return f.name
}

func (b builder) node(t reflect.Type, tag, prefix string, depth int) node {
	n := node{typ: t, facts: parseTag(tag, prefix)}
	if t.Kind() == reflect.Pointer {
		n.ptr, t = true, t.Elem()
	}
	child := func(t reflect.Type, part string) *node {
		c := b.node(t, tag, prefix+part, depth+1)
		return &c
	}
	switch {
	case t == timeType:
		n.kind = kTime
	case t == streamType:
		n.kind = kStream
	case t == bytesType:
		n.kind = kBlob
	case t.Kind() == reflect.Func:
		n.kind = kEvents
		n.plan = b.structPlan(t.In(0).In(0).Elem())
	case t.Kind() == reflect.String:
		n.kind = kString
	case t.Kind() == reflect.Int32, t.Kind() == reflect.Int64:
		n.kind, n.bits = kInt, t.Bits()
	case t.Kind() == reflect.Bool:
		n.kind = kBool
	case t.Kind() == reflect.Float64:
		n.kind = kFloat
	case t.Kind() == reflect.Slice:
		n.kind, n.elem = kList, child(t.Elem(), "e.")
	case t.Kind() == reflect.Map:
		n.kind, n.key, n.elem = kMap, child(t.Key(), "k."), child(t.Elem(), "e.")
	case t.Kind() == reflect.Struct:
		n.kind, n.plan = kStruct, b.structPlan(t)
	default:
		panic("wire: no protocol carries a " + t.String())
	}
	n.rule = newRule(&n)
	return n
}

// listElem is the element name of a wrapped list.
func (n *node) listElem() string {
	if n.elem.facts.name != "" {
		return n.elem.facts.name
	}
	return "member"
}

// entryNames are the element names of a map's keys and values.
func (n *node) entryNames() (key, value string) {
	key, value = n.key.facts.name, n.elem.facts.name
	if key == "" {
		key = "key"
	}
	if value == "" {
		value = "value"
	}
	return key, value
}

// into follows a pointer, making what it points to.
func (n *node) into(v reflect.Value) reflect.Value {
	if !n.ptr {
		return v
	}
	if v.IsNil() {
		v.Set(reflect.New(n.typ.Elem()))
	}
	return v.Elem()
}

// from follows a pointer; ok is false where there is no value.
func (n *node) from(v reflect.Value) (_ reflect.Value, ok bool) {
	if n.ptr {
		if v.IsNil() {
			return v, false
		}
		return v.Elem(), true
	}
	switch n.kind {
	case kList, kMap, kBlob, kStream, kEvents:
		return v, !v.IsNil()
	}
	return v, true
}

func upperFirst(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

func lowerFirst(s string) string {
	if s == "" {
		return s
	}
	return strings.ToLower(s[:1]) + s[1:]
}
