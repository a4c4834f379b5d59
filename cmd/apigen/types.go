package main

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
)

// types writes the structures that operations and errors reach.
func (g *generator) types() string {
	var b bytes.Buffer
	reach := g.reachable()
	for _, n := range sorted(g.Shapes) {
		if s := g.Shapes[n]; reach[n] && s.Type == "structure" {
			g.structure(&b, n, s)
		}
	}
	body := b.String()
	var imports []string
	for _, i := range []struct{ use, path string }{{"io.ReadCloser", "io"}, {"iter.Seq2", "iter"}, {"time.Time", "time"}} {
		if strings.Contains(body, i.use) {
			imports = append(imports, strconv.Quote(i.path))
		}
	}
	if len(imports) == 0 {
		return body
	}
	return "import (\n" + strings.Join(imports, "\n") + "\n)\n\n" + body
}

func (g *generator) structure(b *bytes.Buffer, n string, s *shape) {
	if s.Exception {
		fmt.Fprintf(b, "// %s is the detail of %s.\n", g.names.types[n], g.names.errs[n])
	}
	fmt.Fprintf(b, "type %s struct {\n", g.names.types[n])
	taken := map[string]bool{}
	for _, m := range s.Members.names {
		r := s.Members.refs[m]
		field := exported(m)
		for taken[field] {
			field += "_"
		}
		taken[field] = true
		required := has(s.Required, m)
		fmt.Fprintf(b, "%s %s%s\n", field, g.goType(r, !required), g.tag(s, m, field, r, required))
	}
	b.WriteString("}\n\n")
}

// goType is how a member is held. Required members are values; optional
// scalars and structures are pointers.
func (g *generator) goType(r *ref, optional bool) string {
	s := g.shapeOf(r)
	star := ""
	if optional {
		star = "*"
	}
	switch s.Type {
	case "string", "character":
		return star + "string"
	case "integer":
		return star + "int32"
	case "long":
		return star + "int64"
	case "boolean":
		return star + "bool"
	case "float", "double":
		return star + "float64"
	case "timestamp":
		return star + "time.Time"
	case "blob":
		if r.Streaming || s.Streaming {
			return "io.ReadCloser"
		}
		return "[]byte"
	case "list":
		return "[]" + g.goType(s.Member, false)
	case "map":
		return "map[string]" + g.goType(s.Value, false)
	case "structure":
		if s.EventStream {
			return "iter.Seq2[*" + g.names.types[r.Shape] + ", error]"
		}
		if g.recur[r.Shape] {
			return "*" + g.names.types[r.Shape]
		}
		return star + g.names.types[r.Shape]
	}
	fatalf("%s: shape %s has unknown type %q", g.name, r.Shape, s.Type)
	return ""
}

// reachable are the shapes that a generated type needs.
func (g *generator) reachable() map[string]bool {
	seen := map[string]bool{}
	var visit func(*ref)
	visit = func(r *ref) {
		if r == nil || seen[r.Shape] {
			return
		}
		seen[r.Shape] = true
		s := g.shapeOf(r)
		for _, m := range s.Members.refs {
			visit(m)
		}
		visit(s.Member)
		visit(s.Key)
		visit(s.Value)
	}
	for _, o := range g.Operations {
		visit(o.Input)
		visit(o.Output)
	}
	for n, s := range g.Shapes {
		if s.Exception && s.hasDetail() {
			visit(&ref{Shape: n})
		}
	}
	return seen
}

// hasDetail tells whether an exception carries more than its message.
func (s *shape) hasDetail() bool {
	for _, m := range s.Members.names {
		if !strings.EqualFold(m, "message") {
			return true
		}
	}
	return false
}
