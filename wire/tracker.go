package wire

import (
	"net/http"
	"reflect"
	"strconv"
	"strings"

	"pileus/cloud"
)

// tracker knows where in the input a decoder is, so that it can name the
// required members that a request left out. Zero values of required members
// cannot be told from absent ones afterwards.
type tracker struct {
	at      [2*maxDepth + 8]step
	depth   int
	missing []string
}

// step is a field, a list index (from 1) or a map key.
type step struct {
	field *field
	index int
	key   string
}

// begin makes the tracker ready for another input, or for the member of one
// that a body holds.
func (t *tracker) begin(under *field) {
	t.depth, t.missing = 0, nil
	if under != nil {
		t.push(step{field: under})
	}
}

func (t *tracker) push(s step) {
	if t.depth < len(t.at) { // the readers' own limits hold before this one
		t.at[t.depth] = s
	}
	t.depth++
}

func (t *tracker) pop() { t.depth-- }

// seen ends a structure: have are the bits of the required members that came.
func (t *tracker) seen(p *plan, have uint64) {
	if p.need&^have == 0 || len(t.missing) > 100 {
		return
	}
	for _, f := range p.needs {
		if have&f.bit == 0 && f.kind != kStream && f.kind != kEvents {
			t.missing = append(t.missing, t.path(f))
		}
	}
}

func (t *tracker) path(last *field) string {
	path := ""
	for _, s := range t.at[:min(t.depth, len(t.at))] {
		switch {
		case s.field != nil:
			path += s.field.shownAs
		case s.index > 0:
			path += strconv.Itoa(s.index) + ".member"
		default:
			path += s.key + ".member"
		}
		path += "."
	}
	return path + last.shownAs
}

// verdict is the error of a request that left out required members.
func verdict(op *cloud.OpInfo, in any, missing []string) error {
	if len(missing) == 0 {
		return nil
	}
	if code := op.Service.Missing; code != "" {
		name := queryName(missing[0], planOf(reflect.TypeOf(in).Elem()))
		return cloud.Errorf(http.StatusBadRequest, code, "The request must contain the parameter %s.", name)
	}
	return validate(op, in, missing)
}

// queryName is the name that a member has in the query protocol:
// "entries.2.member.id" is SendMessageBatchRequestEntry.2.Id.
func queryName(path string, p *plan) string {
	var name []string
	for part := range strings.SplitSeq(path, ".") {
		if f := p.shown(part); f != nil {
			name = append(name, f.query)
			if p = f.inner(); p == nil {
				break
			}
		} else if part != "member" {
			name = append(name, part)
		}
	}
	return strings.Join(name, ".")
}

func (p *plan) shown(name string) *field {
	for i := range p.fields {
		if p.fields[i].shownAs == name {
			return &p.fields[i]
		}
	}
	return nil
}

// inner is the plan of the structures that the value is or holds.
func (n *node) inner() *plan {
	for n.elem != nil {
		n = n.elem
	}
	return n.plan
}
