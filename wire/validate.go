package wire

import (
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"pileus/cloud"
)

// Validate checks an operation's input, a pointer to its struct, against the
// model's constraints: lengths, ranges, patterns, enums, required lists. Its
// error is a *cloud.Error with the service's code and AWS's text, which counts
// and lists every violation. It allocates nothing on success.
//
// Services that check their input themselves (S3, SQS) pass.
func Validate(op *cloud.OpInfo, in any) error { return validate(op, in, nil) }

func validate(op *cloud.OpInfo, in any, missing []string) error {
	if op == nil || op.Service == nil || op.Service.Invalid == "" {
		return nil
	}
	v := reflect.ValueOf(in)
	if v.Kind() != reflect.Pointer || v.IsNil() {
		return nil
	}
	p := planOf(v.Type().Elem())
	if !p.constrained && len(missing) == 0 {
		return nil
	}
	c := checker{svc: op.Service, missing: missing}
	if len(missing) > 0 || !c.valid(v.Elem(), p, 0) {
		c.report = true
		c.structure(v.Elem(), p, "")
	}
	if len(c.found) == 0 {
		return nil
	}
	if op.Service.Protocol == "ec2" {
		return c.first.ec2(p)
	}
	head := " validation error detected: "
	if len(c.found) > 1 {
		head = " validation errors detected: "
	}
	return cloud.Errorf(http.StatusBadRequest, op.Service.Invalid, "%s", strconv.Itoa(len(c.found))+head+strings.Join(c.found, "; "))
}

// checker walks an input twice at most: valid decides without allocating, and
// structure collects the texts of an input that is not.
type checker struct {
	svc     *cloud.Service
	missing []string // paths of required members that the request left out
	report  bool
	found   []string
	first   violation
}

// violation is one broken constraint: the value, quoted, and where it is.
type violation struct{ value, at, text string }

// ec2 is the violation as EC2 words it, which tells of one at a time.
// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html
func (x violation) ec2(p *plan) error {
	name := queryName(x.at, p)
	if name != "" {
		name = strings.ToUpper(name[:1]) + name[1:]
	}
	value := strings.Trim(x.value, "'")
	switch {
	case x.value == "null":
		return cloud.Errorf(http.StatusBadRequest, "MissingParameter", "The request must contain the parameter %s", name)
	case strings.HasPrefix(x.text, enumBroken):
		return cloud.Errorf(http.StatusBadRequest, "InvalidParameterValue", "Invalid value '%s' for %s.", value, name)
	}
	return cloud.Errorf(http.StatusBadRequest, "InvalidParameterValue", "Value (%s) for parameter %s is invalid. %s.", value, name, x.text)
}

// enumBroken begins what is said of a value that an enum does not have.
const enumBroken = "Member must satisfy enum value set"

func (p *plan) anyConstraint() bool {
	for i := range p.fields {
		if p.fields[i].constrained() {
			return true
		}
	}
	return false
}

func (f *field) constrained() bool { return f.facts.required || f.node.constrained() }

func (n *node) constrained() bool {
	return n.rule != nil || n.plan != nil && n.plan.constrained ||
		n.elem != nil && n.elem.constrained() || n.key != nil && n.key.constrained()
}

func (c *checker) valid(v reflect.Value, p *plan, depth int) bool {
	if !p.constrained || depth > maxDepth {
		return true
	}
	for i := range p.fields {
		f := &p.fields[i]
		if !f.constrained() {
			continue
		}
		fv := v.Field(f.index)
		ev, ok := f.from(fv)
		if !ok {
			if f.facts.required && f.kind != kStream && f.kind != kEvents {
				return false
			}
			continue
		}
		if !c.validValue(ev, &f.node, depth) {
			return false
		}
	}
	return true
}

func (c *checker) validValue(v reflect.Value, n *node, depth int) bool {
	if n.rule != nil && !c.holds(v, n) {
		return false
	}
	switch n.kind {
	case kStruct:
		return c.valid(v, n.plan, depth+1)
	case kList:
		if !n.elem.constrained() {
			return true
		}
		for i := range v.Len() {
			if e, ok := n.elem.from(v.Index(i)); ok && !c.validValue(e, n.elem, depth+1) {
				return false
			}
		}
	case kMap:
		if !n.elem.constrained() && !n.key.constrained() {
			return true
		}
		for it := v.MapRange(); it.Next(); {
			if !c.validValue(it.Key(), n.key, depth+1) {
				return false
			}
			if e, ok := n.elem.from(it.Value()); ok && !c.validValue(e, n.elem, depth+1) {
				return false
			}
		}
	}
	return true
}

// holds tells whether the value satisfies its own rule.
func (c *checker) holds(v reflect.Value, n *node) bool {
	r := n.rule
	if size, sized := sizeOf(v, n); sized {
		if r.min != nil && size < *r.min || r.max != nil && size > *r.max {
			return false
		}
	}
	if n.kind != kString {
		return true
	}
	if r.enum != "" && !r.enumSet(c.svc).has(v.String()) {
		return false
	}
	if r.pattern != "" {
		return r.compiled(c.svc).match(v.String())
	}
	return true
}

// sizeOf is what min and max speak of: a length or a number.
func sizeOf(v reflect.Value, n *node) (float64, bool) {
	switch n.kind {
	case kString:
		s := v.String()
		if n.rule.min != nil && float64(len(s)) < *n.rule.min {
			return float64(len(s)), true // no need to count what is too short in bytes
		}
		return float64(length(s)), true
	case kList, kMap, kBlob:
		return float64(v.Len()), true
	case kInt:
		return float64(v.Int()), true
	case kFloat:
		return v.Float(), true
	}
	return 0, false
}

func (c *checker) structure(v reflect.Value, p *plan, path string) {
	for i := range p.fields {
		f := &p.fields[i]
		at := f.shownAs
		if path != "" {
			at = path + "." + f.shownAs
		}
		if slices.Contains(c.missing, at) {
			c.add("null", at, f.facts.secret, "Member must not be null")
			continue
		}
		if !f.constrained() {
			continue
		}
		ev, ok := f.from(v.Field(f.index))
		if ok {
			c.value(ev, &f.node, at)
		} else if f.facts.required && f.kind != kStream && f.kind != kEvents {
			c.add("null", at, f.facts.secret, "Member must not be null")
		}
	}
}

func (c *checker) value(v reflect.Value, n *node, at string) {
	if n.rule != nil {
		for _, text := range c.violations(v, n) {
			c.add("'"+show(v, n)+"'", at, n.facts.secret, text)
		}
	}
	switch n.kind {
	case kStruct:
		c.structure(v, n.plan, at)
	case kList:
		c.list(v, n, at)
	case kMap:
		c.mapping(v, n, at)
	}
}

// list reports a violation by a plain element on the list as a whole, and one
// inside of a structure where it is.
func (c *checker) list(v reflect.Value, n *node, at string) {
	for i := range v.Len() {
		e, ok := n.elem.from(v.Index(i))
		if !ok {
			continue
		}
		if n.elem.kind == kStruct || n.elem.kind == kList || n.elem.kind == kMap {
			c.value(e, n.elem, at+"."+strconv.Itoa(i+1)+".member")
		} else if n.elem.rule != nil && !c.holds(e, n.elem) {
			c.add("'"+show(v, n)+"'", at, n.facts.secret, "Member must satisfy constraint: ["+strings.Join(c.all(n.elem), ", ")+"]")
			return
		}
	}
}

func (c *checker) mapping(v reflect.Value, n *node, at string) {
	badKey, badValue := false, false
	for _, k := range sortedKeys(v) {
		if n.key.rule != nil && !c.holds(k, n.key) {
			badKey = true
		}
		e, ok := n.elem.from(v.MapIndex(k))
		switch {
		case !ok:
		case n.elem.kind == kStruct || n.elem.kind == kList || n.elem.kind == kMap:
			c.value(e, n.elem, at+"."+k.String()+".member")
		case n.elem.rule != nil && !c.holds(e, n.elem):
			badValue = true
		}
	}
	if badKey {
		c.add("'"+show(v, n)+"'", at, n.facts.secret, "Map keys must satisfy constraint: ["+strings.Join(c.all(n.key), ", ")+"]")
	}
	if badValue {
		c.add("'"+show(v, n)+"'", at, n.facts.secret, "Map value must satisfy constraint: ["+strings.Join(c.all(n.elem), ", ")+"]")
	}
}

func (c *checker) add(value, at string, secret bool, text string) {
	if len(c.found) == 0 {
		c.first = violation{value, at, text}
	}
	if secret && value != "null" {
		c.found = append(c.found, "Value at '"+at+"' failed to satisfy constraint: "+text)
		return
	}
	c.found = append(c.found, "Value "+value+" at '"+at+"' failed to satisfy constraint: "+text)
}

// violations are the texts of what v breaks of its own rule.
func (c *checker) violations(v reflect.Value, n *node) (texts []string) {
	r := n.rule
	if n.kind == kString {
		if r.enum != "" && !r.enumSet(c.svc).has(v.String()) {
			texts = append(texts, c.enumText(r))
		}
		if r.pattern != "" {
			if m := r.compiled(c.svc); !m.match(v.String()) {
				texts = append(texts, patternText(m))
			}
		}
	}
	if size, ok := sizeOf(v, n); ok {
		if r.min != nil && size < *r.min {
			texts = append(texts, boundText(n, "greater", *r.min))
		}
		if r.max != nil && size > *r.max {
			texts = append(texts, boundText(n, "less", *r.max))
		}
	}
	return texts
}

// all are the texts of a whole rule.
func (c *checker) all(n *node) (texts []string) {
	r := n.rule
	if r.max != nil {
		texts = append(texts, boundText(n, "less", *r.max))
	}
	if r.min != nil {
		texts = append(texts, boundText(n, "greater", *r.min))
	}
	if r.pattern != "" {
		texts = append(texts, patternText(r.compiled(c.svc)))
	}
	if r.enum != "" {
		texts = append(texts, c.enumText(r))
	}
	return texts
}

func (c *checker) enumText(r *rule) string {
	return enumBroken + ": [" + strings.Join(r.enumSet(c.svc).list, ", ") + "]"
}

func patternText(m *matcher) string {
	return "Member must satisfy regular expression pattern: " + m.source
}

func boundText(n *node, than string, bound float64) string {
	what := "length"
	if n.kind == kInt || n.kind == kFloat {
		what = "value"
	}
	return "Member must have " + what + " " + than + " than or equal to " + strconv.FormatFloat(bound, 'f', -1, 64)
}

// show writes a value the way messages quote it.
func show(v reflect.Value, n *node) string {
	switch n.kind {
	case kList:
		items := make([]string, v.Len())
		for i := range items {
			if e, ok := n.elem.from(v.Index(i)); ok {
				items[i] = show(e, n.elem)
			}
		}
		return "[" + strings.Join(items, ", ") + "]"
	case kMap:
		var items []string
		for _, k := range sortedKeys(v) {
			if e, ok := n.elem.from(v.MapIndex(k)); ok {
				items = append(items, k.String()+"="+show(e, n.elem))
			}
		}
		return "{" + strings.Join(items, ", ") + "}"
	case kStruct:
		var items []string
		for i := range n.plan.fields {
			f := &n.plan.fields[i]
			if e, ok := f.from(v.Field(f.index)); ok && !f.facts.secret {
				items = append(items, f.shownAs+"="+show(e, &f.node))
			}
		}
		return n.plan.typ.Name() + "(" + strings.Join(items, ", ") + ")"
	case kStream, kEvents:
		return ""
	}
	if n.facts.secret {
		return "***"
	}
	return string(n.appendText(nil, v, tsISO))
}

func sortedKeys(v reflect.Value) []reflect.Value {
	keys := v.MapKeys()
	slices.SortFunc(keys, func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) })
	return keys
}
