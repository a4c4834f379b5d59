package lint

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

const module = "pileus"

// file is one parsed Go file; path is relative to the module's root.
type file struct {
	path      string
	ast       *ast.File
	fset      *token.FileSet
	lines     int
	generated bool
}

func (f *file) where(p token.Pos) string {
	return fmt.Sprintf("%s:%d", f.path, f.fset.Position(p).Line)
}

// importedAs is the name by which the file knows a package of the standard
// library; "" if it does not import it.
func (f *file) importedAs(pkg string) string {
	for _, imp := range f.ast.Imports {
		if imp.Path.Value != `"`+pkg+`"` {
			continue
		}
		if imp.Name != nil {
			return imp.Name.Name
		}
		return pkg
	}
	return ""
}

const root = "../.."

// parseTree parses the module's Go files, once for all tests.
func parseTree(t *testing.T) []*file {
	files, err := tree()
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 20 {
		t.Fatalf("found only %d files under %s", len(files), root)
	}
	return files
}

var tree = sync.OnceValues(func() (files []*file, err error) {
	err = filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			return skipped(name, d.Name())
		}
		if !strings.HasSuffix(name, ".go") {
			return nil
		}
		f, err := parse(name)
		files = append(files, f)
		return err
	})
	return files, err
})

// skipped leaves out folders that are no part of the module: other modules,
// and what the go tool ignores.
func skipped(name, base string) error {
	if name == root {
		return nil
	}
	if strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_") || base == "testdata" || base == "node_modules" {
		return filepath.SkipDir
	}
	if _, err := os.Stat(filepath.Join(name, "go.mod")); err == nil {
		return filepath.SkipDir
	}
	return nil
}

func parse(name string) (*file, error) {
	src, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	rel, err := filepath.Rel(root, name)
	if err != nil {
		return nil, err
	}
	fset := token.NewFileSet()
	tree, err := parser.ParseFile(fset, rel, src, parser.ParseComments)
	if err != nil {
		return nil, err
	}
	return &file{
		path: filepath.ToSlash(rel), ast: tree, fset: fset,
		lines: bytes.Count(src, []byte("\n")), generated: ast.IsGenerated(tree),
	}, nil
}
