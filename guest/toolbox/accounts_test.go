//go:build linux

package toolbox

import (
	"os"
	"path/filepath"
	"testing"
)

// TestChangeLines changes one account, leaves one out and adds one; the file
// keeps its mode.
func TestChangeLines(t *testing.T) {
	file := filepath.Join(t.TempDir(), "group")
	if err := os.WriteFile(file, []byte("root:x:0:\nbob:x:1:ann\nold:x:2:\n"), 0o640); err != nil {
		t.Fatal(err)
	}
	err := changeLines(file, func(f []string) []string {
		switch f[0] {
		case "bob":
			f[3] += ",eve"
		case "old":
			return nil
		}
		return f
	}, "new:x:3:")
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(file)
	if want := "root:x:0:\nbob:x:1:ann,eve\nnew:x:3:\n"; err != nil || string(got) != want {
		t.Errorf("%q, %v; want %q", got, err, want)
	}
	if i, err := os.Stat(file); err != nil || i.Mode().Perm() != 0o640 {
		t.Errorf("mode %v, %v", i.Mode(), err)
	}
}

func TestValidName(t *testing.T) {
	for name, want := range map[string]bool{"bob": true, "web-1_x.y": true, "": false, "-r": false, "a:b": false, "a b": false, "a/b": false} {
		if got := validName(name); got != want {
			t.Errorf("%q: %v", name, got)
		}
	}
}
