package wire

import (
	"slices"
	"strconv"
	"strings"
	"sync"
)

// form is the parameters of a query request as a tree: Tags.member.1.Key is
// four levels. A tree takes the parameters in any order and with gaps between
// the indexes, and costs memory in proportion to the body only.
type form struct {
	nodes []formNode
	wide  map[formKey]int32 // children of nodes that have many
	order []int32           // scratch: a list's children by index
}

type formNode struct {
	name       string
	value      string
	set        bool
	first, end int32 // children; 0 is none, the root is no child
	next       int32
	count      int32
}

type formKey struct {
	parent int32
	name   string
}

// wideFrom is how many children a node has before they are found by a map.
const wideFrom = 12

var forms = sync.Pool{New: func() any { return new(form) }}

// parseForm reads an application/x-www-form-urlencoded body. The form's
// strings may be views into s.
func parseForm(s string) (*form, error) {
	f := forms.Get().(*form)
	f.nodes = append(f.nodes[:0], formNode{})
	clear(f.wide)
	count := 0
	for s != "" {
		var pair string
		pair, s, _ = strings.Cut(s, "&")
		if pair == "" {
			continue
		}
		if count++; count > maxElements {
			f.release()
			return nil, malformedQuery("The request has more than %d parameters.", maxElements)
		}
		k, v, _ := strings.Cut(pair, "=")
		k, kok := unescapeForm(k)
		v, vok := unescapeForm(v)
		if !kok || !vok {
			f.release()
			return nil, malformedQuery("The query string contains a syntax error.")
		}
		if !f.add(k, v) {
			f.release()
			return nil, malformedQuery("A parameter's name is nested too deeply.")
		}
	}
	return f, nil
}

func (f *form) release() {
	if cap(f.nodes) <= 4096 {
		clear(f.nodes)
		forms.Put(f)
	}
}

func (f *form) add(name, value string) bool {
	at := int32(0)
	for depth := 0; ; depth++ {
		if depth > maxDepth {
			return false
		}
		head, rest, more := strings.Cut(name, ".")
		at = f.child(at, head)
		if !more {
			break
		}
		name = rest
	}
	f.nodes[at].value, f.nodes[at].set = value, true
	return true
}

// child finds or makes a node's child.
func (f *form) child(parent int32, name string) int32 {
	p := &f.nodes[parent]
	if p.end != 0 && f.nodes[p.end].name == name {
		return p.end
	}
	if p.count < wideFrom {
		for c := p.first; c != 0; c = f.nodes[c].next {
			if f.nodes[c].name == name {
				return c
			}
		}
	} else {
		if p.count == wideFrom {
			f.widen(parent)
		}
		if c, ok := f.wide[formKey{parent, name}]; ok {
			return c
		}
	}
	c := int32(len(f.nodes))
	if p.end == 0 {
		p.first = c
	} else {
		f.nodes[p.end].next = c
	}
	p.end = c
	p.count++
	if p.count > wideFrom {
		f.wide[formKey{parent, name}] = c
	}
	f.nodes = append(f.nodes, formNode{name: name})
	return c
}

func (f *form) widen(parent int32) {
	if f.wide == nil {
		f.wide = map[formKey]int32{}
	}
	for c := f.nodes[parent].first; c != 0; c = f.nodes[c].next {
		f.wide[formKey{parent, f.nodes[c].name}] = c
	}
}

// find returns a node's child by name, 0 for none.
func (f *form) find(parent int32, name string) int32 {
	for c := f.nodes[parent].first; c != 0; c = f.nodes[c].next {
		if f.nodes[c].name == name {
			return c
		}
	}
	return 0
}

// elements are a list's children in the order of their indexes; ok is false
// where a name is no index from 0 up.
func (f *form) elements(parent int32) (_ []int32, ok bool) {
	start := len(f.order)
	sorted, last := true, -1
	for c := f.nodes[parent].first; c != 0; c = f.nodes[c].next {
		i, ok := formIndex(f.nodes[c].name)
		if !ok {
			f.order = f.order[:start]
			return nil, false
		}
		sorted = sorted && i > last
		last = i
		f.order = append(f.order, c)
	}
	list := f.order[start:]
	if !sorted {
		slices.SortFunc(list, func(a, b int32) int {
			i, _ := formIndex(f.nodes[a].name)
			j, _ := formIndex(f.nodes[b].name)
			return i - j
		})
	}
	return list, true
}

func formIndex(s string) (int, bool) {
	if len(s) == 0 || len(s) > 9 || s[0] == '+' || s[0] == '-' {
		return 0, false
	}
	i, err := strconv.Atoi(s)
	return i, err == nil
}

// unescapeForm undoes %XX and '+'; ok is false for a stray '%'.
func unescapeForm(s string) (string, bool) {
	i := 0
	for i < len(s) && s[i] != '%' && s[i] != '+' {
		i++
	}
	if i == len(s) {
		return s, true
	}
	b := make([]byte, i, len(s))
	copy(b, s)
	for ; i < len(s); i++ {
		switch c := s[i]; c {
		case '+':
			b = append(b, ' ')
		case '%':
			if i+2 >= len(s) {
				return "", false
			}
			hi, lo := unhex(s[i+1]), unhex(s[i+2])
			if hi > 15 || lo > 15 {
				return "", false
			}
			b = append(b, hi<<4|lo)
			i += 2
		default:
			b = append(b, c)
		}
	}
	return text(b), true
}

func unhex(c byte) byte {
	switch {
	case c >= '0' && c <= '9':
		return c - '0'
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10
	}
	return 255
}
