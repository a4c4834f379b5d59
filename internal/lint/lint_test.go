// Package lint holds the house rules that a compiler cannot: each is a test
// over every hand-written Go file of the module and says why it exists.
package lint

import (
	"fmt"
	"go/ast"
	"go/token"
	"path"
	"strings"
	"testing"
)

// rule is one house rule.
type rule struct {
	name string
	why  string
	// breaks lists where a file breaks the rule.
	breaks func(f *file) []finding
	// except names folders ("bench/") and files in which the rule does not
	// hold, each with the reason.
	except map[string]string
}

type finding struct {
	pos  token.Pos
	what string
}

var rules = []rule{
	{
		name:   "wall clock",
		why:    "time is the cloud's: a Call's Now or an injected clock.Clock; latencies are measured with clock.Start, the machine's own time is clock.Machine",
		breaks: wallClock,
		except: map[string]string{
			"clock/": "is where the wall clock is read",
			"bench/": "measures the program from outside",
		},
	},
	{
		name:   "bare go",
		why:    "who starts a goroutine stops it: services use Cloud.Go or a controller",
		breaks: bareGo,
		except: map[string]string{
			"node/":      "owns the listeners and Cloud.Go",
			"gate/":      "owns what a connection needs",
			"reconcile/": "owns the workers that run controllers and deliveries",
			"clock/":     "owns the alarm",
			"store/":     "backends own their committers and compactions",
			"blob/":      "owns the writers and the collector of orphans",
			"bench/":     "generates load",
			"drill/":     "is the users of an application, and waits for the cloud that it started",
			"cmd/":       "waits for signals",
			"lb/":        "owns listeners, connections and health checks until the engine is closed",
			"plane/":     "waits for what happens in the kernel until it is closed",
			"guest/":     "is programs of their own, inside of machines, which end with them",
			"cloudtest/": "runs a whole node inside a test",
		},
	},
	{
		name:   "init function",
		why:    "what a program does at start is said in one place: services register in their Module",
		breaks: initFunction,
	},
	{
		name:   "unfinished",
		why:    "what is not built answers NotImplemented and says so in the coverage table; notes to ourselves live in issues",
		breaks: marker,
	},
	{
		name:   "long file",
		why:    "a file is named for a noun and read from the top down; past 700 lines it is about two things",
		breaks: longFile,
	},
	{
		name:   "imports",
		why:    "rooms stay separate: what may import what is decided once, in layers",
		breaks: layering,
	},
	{
		name:   "templates",
		why:    "text/template finds methods by name, so the linker keeps every exported method of every type: 20 MiB",
		breaks: templates,
	},
}

func TestHouseRules(t *testing.T) {
	files := parseTree(t)
	for _, r := range rules {
		t.Run(strings.ReplaceAll(r.name, " ", "-"), func(t *testing.T) {
			for _, f := range files {
				if f.generated || r.excepts(f.path) {
					continue
				}
				for _, x := range r.breaks(f) {
					t.Errorf("%s: %s\n\t%s", f.where(x.pos), x.what, r.why)
				}
			}
		})
	}
}

func (r *rule) excepts(name string) bool {
	for where := range r.except {
		if name == where || strings.HasSuffix(where, "/") && strings.HasPrefix(name, where) {
			return true
		}
	}
	return false
}

// TestExceptionsAreNeeded keeps the lists of exceptions from outliving what
// they excuse.
func TestExceptionsAreNeeded(t *testing.T) {
	files := parseTree(t)
	for _, r := range rules {
		for where := range r.except {
			if !strings.HasSuffix(where, ".go") {
				continue // a folder may well have nothing to excuse today
			}
			needed := false
			for _, f := range files {
				needed = needed || f.path == where && len(r.breaks(f)) > 0
			}
			if !needed {
				t.Errorf("%s: %s needs no exception any more", r.name, where)
			}
		}
	}
}

var wallClockNames = map[string]bool{
	"Now": true, "Sleep": true, "After": true, "Tick": true, "NewTimer": true,
	"NewTicker": true, "AfterFunc": true, "Since": true, "Until": true,
}

func wallClock(f *file) (found []finding) {
	local := f.importedAs("time")
	if local == "" {
		return nil
	}
	ast.Inspect(f.ast, func(n ast.Node) bool {
		if s, ok := n.(*ast.SelectorExpr); ok && wallClockNames[s.Sel.Name] {
			if x, ok := s.X.(*ast.Ident); ok && x.Name == local && x.Obj == nil {
				found = append(found, finding{s.Pos(), "uses time." + s.Sel.Name})
			}
		}
		return true
	})
	return found
}

// bareGo leaves tests alone: they start what they wait for.
func bareGo(f *file) (found []finding) {
	if strings.HasSuffix(f.path, "_test.go") {
		return nil
	}
	ast.Inspect(f.ast, func(n ast.Node) bool {
		if g, ok := n.(*ast.GoStmt); ok {
			found = append(found, finding{g.Pos(), "starts a goroutine"})
		}
		return true
	})
	return found
}

func initFunction(f *file) (found []finding) {
	for _, d := range f.ast.Decls {
		if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" {
			found = append(found, finding{fn.Pos(), "has an init function"})
		}
	}
	return found
}

func marker(f *file) (found []finding) {
	for _, group := range f.ast.Comments {
		for _, c := range group.List {
			for _, word := range []string{"TODO", "FIXME", "XXX", "HACK"} {
				if hasWord(c.Text, word) {
					found = append(found, finding{c.Pos(), "says " + word})
				}
			}
		}
	}
	return found
}

// hasWord tells whether text has word, and not merely as a part of another.
func hasWord(text, word string) bool {
	letter := func(b byte) bool { return b >= 'A' && b <= 'Z' || b >= 'a' && b <= 'z' }
	for from := 0; ; {
		i := strings.Index(text[from:], word)
		if i < 0 {
			return false
		}
		i += from
		from = i + len(word)
		if (i == 0 || !letter(text[i-1])) && (from == len(text) || !letter(text[from])) {
			return true
		}
	}
}

func longFile(f *file) []finding {
	if f.lines <= 700 {
		return nil
	}
	return []finding{{f.ast.Package, fmt.Sprintf("has %d lines", f.lines)}}
}

func layering(f *file) (found []finding) {
	for _, imp := range f.ast.Imports {
		to, ours := strings.CutPrefix(strings.Trim(imp.Path.Value, `"`), module+"/")
		if !ours {
			continue
		}
		if why := forbidden(path.Dir(f.path), to, strings.HasSuffix(f.path, "_test.go")); why != "" {
			found = append(found, finding{imp.Pos(), "imports " + to + ": " + why})
		}
	}
	return found
}

// templates leaves tests alone: they are not linked into the program.
func templates(f *file) (found []finding) {
	if strings.HasSuffix(f.path, "_test.go") {
		return nil
	}
	for _, i := range f.ast.Imports {
		if i.Path.Value == `"text/template"` || i.Path.Value == `"html/template"` {
			found = append(found, finding{i.Pos(), "imports " + i.Path.Value})
		}
	}
	return found
}
