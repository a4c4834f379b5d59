package wire

import (
	"net/http"
	"slices"
	"strings"

	"pileus/cloud"
)

// Router finds the operation of a REST request. It is built once and then
// only read.
type Router struct {
	root routeNode
	// Choose, when set, is asked first among the routes that share a method and
	// path; "" leaves the decision to the router.
	Choose func(method, path, rawQuery string, h http.Header) string
}

// routeNode is one segment of the paths.
type routeNode struct {
	literal map[string]*routeNode
	label   *routeNode
	greedy  *routeNode
	methods map[string]*routeGroup
}

// routeGroup are the routes of one method and path. What tells them apart are
// query parameters and headers; each distinct one is a bit.
type routeGroup struct {
	params  []condition
	headers []condition
	routes  []route // those with most conditions first
}

// condition is a parameter or header that must be there, with a value where
// hasValue.
type condition struct {
	name, value string
	hasValue    bool
	bit         uint64
}

type route struct {
	op     string
	labels []string
	need   uint64
	weight int
}

// NewRouter builds the router of a REST service from the URIs of its
// operations: "/{Bucket}/{Key+}?uploadId&partNumber;x-amz-copy-source".
func NewRouter(svc *cloud.Service) *Router {
	rt := &Router{}
	for _, op := range svc.Ops {
		rt.add(op)
	}
	return rt
}

func (rt *Router) add(op cloud.OpName) {
	uri, headers, _ := strings.Cut(op.URI, ";")
	path, query, _ := strings.Cut(uri, "?")
	n := &rt.root
	var labels []string
	for _, seg := range segments(path) {
		n, labels = n.child(seg, labels)
	}
	if n.methods == nil {
		n.methods = map[string]*routeGroup{}
	}
	g := n.methods[op.Method]
	if g == nil {
		g = &routeGroup{}
		n.methods[op.Method] = g
	}
	r := route{op: op.Name, labels: labels}
	for _, c := range conditions(query, "&") {
		r.need |= g.bit(&g.params, c)
		r.weight++
		if c.hasValue {
			r.weight++
		}
	}
	for _, c := range conditions(headers, ";") {
		c.name = http.CanonicalHeaderKey(c.name)
		r.need |= g.bit(&g.headers, c)
		r.weight++
	}
	g.routes = append(g.routes, r)
	slices.SortStableFunc(g.routes, func(a, b route) int { return b.weight - a.weight })
}

func (n *routeNode) child(seg string, labels []string) (*routeNode, []string) {
	name, isLabel := strings.CutPrefix(seg, "{")
	if !isLabel {
		if n.literal == nil {
			n.literal = map[string]*routeNode{}
		}
		if n.literal[seg] == nil {
			n.literal[seg] = &routeNode{}
		}
		return n.literal[seg], labels
	}
	name = strings.TrimSuffix(name, "}")
	if name, greedy := strings.CutSuffix(name, "+"); greedy {
		if n.greedy == nil {
			n.greedy = &routeNode{}
		}
		return n.greedy, append(labels, name)
	}
	if n.label == nil {
		n.label = &routeNode{}
	}
	return n.label, append(labels, name)
}

func conditions(s, sep string) (list []condition) {
	for part := range strings.SplitSeq(s, sep) {
		if part == "" {
			continue
		}
		name, value, has := strings.Cut(part, "=")
		list = append(list, condition{name: name, value: value, hasValue: has})
	}
	return list
}

func (g *routeGroup) bit(list *[]condition, c condition) uint64 {
	for _, have := range *list {
		if have.name == c.name && have.value == c.value && have.hasValue == c.hasValue {
			return have.bit
		}
	}
	c.bit = 1 << (len(g.params) + len(g.headers))
	*list = append(*list, c)
	return c.bit
}

// Match finds the operation of a request. bucket, where it is not empty, goes
// ahead of the path as its first segment: virtual-hosted S3. Labels come
// decoded once. A greedy label takes everything to the end, empty segments and
// dots included; a trailing slash matters to no other.
func (rt *Router) Match(r *http.Request, bucket string) (op string, labels Labels, ok bool) {
	path := r.URL.EscapedPath()
	if bucket != "" {
		path = "/" + bucket + path
	}
	return rt.match(r.Method, path, r.URL.RawQuery, r.Header)
}

func (rt *Router) match(method, path, rawQuery string, h http.Header) (op string, labels Labels, ok bool) {
	path = strings.TrimPrefix(path, "/")
	var found [8]string
	n, values := rt.root.match(path, method, found[:0])
	if n == nil {
		return "", nil, false
	}
	g := n.methods[method]
	var r *route
	if rt.Choose != nil {
		if name := rt.Choose(method, path, rawQuery, h); name != "" {
			r = g.named(name)
		}
	}
	if r == nil {
		r = g.choose(rawQuery, h)
	}
	if r == nil {
		return "", nil, false
	}
	labels = make(Labels, len(values))
	for i, v := range values {
		u, ok := unescapePath(v)
		if !ok {
			return "", nil, false
		}
		labels[i] = Label{r.labels[i], u}
	}
	return r.op, labels, true
}

// match walks the remaining path; literals are preferred to labels, labels to
// greedy ones.
func (n *routeNode) match(path, method string, values []string) (*routeNode, []string) {
	if path == "" {
		if _, ok := n.methods[method]; ok {
			return n, values
		}
		return nil, nil
	}
	seg, rest, _ := strings.Cut(path, "/")
	if c := n.literal[seg]; c != nil {
		if m, v := c.match(rest, method, values); m != nil {
			return m, v
		}
	}
	if n.label != nil && seg != "" {
		if m, v := n.label.match(rest, method, append(values, seg)); m != nil {
			return m, v
		}
	}
	if n.greedy == nil {
		return nil, nil
	}
	return n.greedy.matchGreedy(path, method, values)
}

// matchGreedy gives the label all of the path, or as much as leaves the rest
// of the pattern.
func (n *routeNode) matchGreedy(path, method string, values []string) (*routeNode, []string) {
	for seg, c := range n.literal { // "/{Key+}/suffix": no model has two of them
		if head, ok := strings.CutSuffix(path, "/"+seg); ok && head != "" {
			if m, v := c.match("", method, append(values, head)); m != nil {
				return m, v
			}
		}
	}
	if _, ok := n.methods[method]; ok {
		return n, append(values, path)
	}
	return nil, nil
}

func (g *routeGroup) named(op string) *route {
	for i := range g.routes {
		if g.routes[i].op == op {
			return &g.routes[i]
		}
	}
	return nil
}

// choose takes the route with most conditions among those that hold.
func (g *routeGroup) choose(rawQuery string, h http.Header) *route {
	var have uint64
	if len(g.params) > 0 && rawQuery != "" {
		have = g.query(rawQuery)
	}
	for _, c := range g.headers {
		if len(h[c.name]) > 0 {
			have |= c.bit
		}
	}
	for i := range g.routes {
		if g.routes[i].need&^have == 0 {
			return &g.routes[i]
		}
	}
	return nil
}

func (g *routeGroup) query(raw string) (have uint64) {
	for raw != "" {
		var pair string
		pair, raw, _ = strings.Cut(raw, "&")
		k, v, _ := strings.Cut(pair, "=")
		if strings.IndexByte(k, '%') >= 0 {
			k, _ = unescapeForm(k)
		}
		for _, c := range g.params {
			if c.name == k && (!c.hasValue || c.value == v) {
				have |= c.bit
			}
		}
	}
	return have
}

func segments(path string) []string {
	path = strings.Trim(path, "/")
	if path == "" {
		return nil
	}
	return strings.Split(path, "/")
}

// unescapePath undoes %XX once; '+' is itself.
func unescapePath(s string) (string, bool) {
	if strings.IndexByte(s, '%') < 0 {
		return s, true
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] != '%' {
			b = append(b, s[i])
			continue
		}
		if i+2 >= len(s) {
			return "", false
		}
		hi, lo := unhex(s[i+1]), unhex(s[i+2])
		if hi > 15 || lo > 15 {
			return "", false
		}
		b = append(b, hi<<4|lo)
		i += 2
	}
	return text(b), true
}
