package metadata

import (
	"slices"
	"strings"
)

// dir is a directory of the tree: names in the order of their listing. A name
// that is a directory is listed with a slash.
type dir struct {
	names []string
	items map[string]item
}

// item is a directory, or a value that is worked out when it is read. A value
// that is not there (ok is false) is not found.
type item struct {
	dir   *dir
	value func() (text string, ok bool)
	label string // listed in place of the name: "0=my-key"
}

func newDir() *dir { return &dir{items: map[string]item{}} }

// add enters an item; one of the same name is replaced.
func (d *dir) add(name string, i item) {
	if _, ok := d.items[name]; !ok {
		d.names = append(d.names, name)
	}
	d.items[name] = i
}

// text enters a value; an empty one is left out.
func (d *dir) text(name, value string) {
	if value != "" {
		d.add(name, item{value: func() (string, bool) { return value, true }})
	}
}

// lines enters a list, a line each; an empty one is left out.
func (d *dir) lines(name string, list []string) { d.text(name, strings.Join(list, "\n")) }

// sub makes a directory, along a path with slashes.
func (d *dir) sub(path string) *dir {
	for name := range strings.SplitSeq(path, "/") {
		next, ok := d.items[name]
		if !ok || next.dir == nil {
			next = item{dir: newDir()}
			d.add(name, next)
		}
		d = next.dir
	}
	return d
}

// list is what reading a directory answers.
func (d *dir) list() string {
	names := slices.Clone(d.names)
	slices.Sort(names)
	for n, name := range names {
		switch i := d.items[name]; {
		case i.label != "":
			names[n] = i.label
		case i.dir != nil:
			names[n] = name + "/"
		}
	}
	return strings.Join(names, "\n")
}

// read is what is at a path: the value, or the listing of a directory, with or
// without a slash at its end. Slashes in a row count as one.
func (d *dir) read(path string) (text string, ok bool) {
	parts := slices.DeleteFunc(strings.Split(path, "/"), func(s string) bool { return s == "" })
	for n, name := range parts {
		i, ok := d.items[name]
		if !ok {
			return "", false
		}
		if i.dir == nil {
			if n != len(parts)-1 {
				return "", false
			}
			return i.value()
		}
		d = i.dir
	}
	return d.list(), true
}
