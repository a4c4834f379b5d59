package main

import (
	"bytes"
	"fmt"
	"go/format"
	"slices"
	"strings"
)

// generator writes the files of one package.
type generator struct {
	*model
	names *scope
	recur map[string]bool // structures that contain themselves
	enums map[string]bool // shapes whose values a tag refers to
	res   map[string]bool // shapes whose pattern a tag refers to
}

func generate(m *model) map[string][]byte {
	g := &generator{model: m, names: newScope(m), enums: map[string]bool{}, res: map[string]bool{}}
	g.recur = g.recursive()
	files := map[string][]byte{}
	emit := func(name, src string) {
		b, err := format.Source([]byte(header + "package " + m.name + "\n\n" + src))
		if err != nil {
			fatalf("%s/%s: %v", m.name, name, err)
		}
		files[name] = b
	}
	emit("types.go", g.types())
	emit("enums.go", g.enumConsts())
	emit("errors.go", g.errors())
	emit("ops.go", g.ops())
	emit("constraints.go", g.constraints())
	return files
}

// errors writes one ErrorKind for each exception.
func (g *generator) errors() string {
	var b bytes.Buffer
	b.WriteString("import \"pileus/cloud\"\n\n")
	kinds := 0
	for _, n := range sorted(g.Shapes) {
		s := g.Shapes[n]
		if !s.Exception {
			continue
		}
		if kinds == 0 {
			b.WriteString("var (\n")
		}
		kinds++
		code, status, server := s.Error.Code, s.Error.HTTPStatusCode, s.Fault || s.Error.Fault
		if code == "" {
			code = n
		}
		if status == 0 {
			status = 400
			if server {
				status = 500
			}
		}
		fmt.Fprintf(&b, "%s = &cloud.ErrorKind{Code: %q, Shape: %q, Status: %d", g.names.errs[n], code, n, status)
		if server || status >= 500 {
			b.WriteString(", Server: true")
		}
		b.WriteString("}\n")
	}
	if kinds == 0 {
		return ""
	}
	b.WriteString(")\n")
	return b.String()
}

// enumConsts writes the values of every enum as untyped string constants.
func (g *generator) enumConsts() string {
	var b bytes.Buffer
	for _, n := range sorted(g.Shapes) {
		if len(g.Shapes[n].Enum) == 0 {
			continue
		}
		fmt.Fprintf(&b, "// Values of %s.\nconst (\n", exported(n))
		for _, v := range g.Shapes[n].Enum {
			fmt.Fprintf(&b, "%s = %q\n", g.names.take(exported(n)+enumWord(v)), v)
		}
		b.WriteString(")\n\n")
	}
	return b.String()
}

// constraints writes the lookups that the tags' enum and re refer to. They are
// functions, so that they cost nothing until a value is checked.
func (g *generator) constraints() string {
	var b bytes.Buffer
	b.WriteString("// enumValues are the values of an enum that a tag names.\nfunc enumValues(shape string) []string {\nswitch shape {\n")
	for _, n := range sorted(g.enums) {
		quoted := make([]string, 0, len(g.Shapes[n].Enum))
		for _, v := range g.Shapes[n].Enum {
			quoted = append(quoted, fmt.Sprintf("%q", v))
		}
		fmt.Fprintf(&b, "case %q:\nreturn []string{%s}\n", n, strings.Join(quoted, ", "))
	}
	b.WriteString("}\nreturn nil\n}\n\n")
	b.WriteString("// pattern is the regular expression that a tag names.\nfunc pattern(shape string) string {\nswitch shape {\n")
	for _, n := range sorted(g.res) {
		fmt.Fprintf(&b, "case %q:\nreturn %q\n", n, g.Shapes[n].Pattern)
	}
	b.WriteString("}\nreturn \"\"\n}\n")
	return b.String()
}

// recursive finds the structures that reach themselves through members that
// Go would hold by value.
func (g *generator) recursive() map[string]bool {
	found := map[string]bool{}
	for n := range g.Shapes {
		seen := map[string]bool{}
		var visit func(string) bool
		visit = func(s string) bool {
			for _, m := range g.Shapes[s].Required {
				r := g.Shapes[s].Members.refs[m]
				if r == nil || g.shapeOf(r).Type != "structure" {
					continue
				}
				if r.Shape == n {
					return true
				}
				if !seen[r.Shape] {
					seen[r.Shape] = true
					if visit(r.Shape) {
						return true
					}
				}
			}
			return false
		}
		if g.Shapes[n].Type == "structure" && visit(n) {
			found[n] = true
		}
	}
	return found
}

func has(list []string, s string) bool { return slices.Contains(list, s) }
