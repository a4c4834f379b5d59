package wire

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
)

// xmlTree is an XML element read by the standard library, a reader that our
// writer shares nothing with.
type xmlTree struct {
	name     string
	attrs    []string
	text     string
	children []*xmlTree
}

func parseXML(b []byte) (*xmlTree, error) {
	d := xml.NewDecoder(bytes.NewReader(b))
	root := &xmlTree{}
	stack := []*xmlTree{root}
	for {
		tok, err := d.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
		top := stack[len(stack)-1]
		switch tok := tok.(type) {
		case xml.StartElement:
			e := &xmlTree{name: tok.Name.Local}
			for _, a := range tok.Attr {
				if a.Name.Space != "xmlns" && a.Name.Local != "xmlns" {
					e.attrs = append(e.attrs, a.Name.Local+"="+a.Value)
				}
			}
			slices.Sort(e.attrs)
			top.children = append(top.children, e)
			stack = append(stack, e)
		case xml.EndElement:
			stack = stack[:len(stack)-1]
		case xml.CharData:
			top.text += string(tok)
		}
	}
	if len(root.children) == 0 {
		return root, nil
	}
	return root.children[0], nil
}

// drop removes children that a comparison does not look at.
func (x *xmlTree) drop(names ...string) {
	x.children = slices.DeleteFunc(x.children, func(c *xmlTree) bool { return slices.Contains(names, c.name) })
}

// compareXML compares the elements below the roots. Members may come in any
// order, elements of one name only in theirs.
func compareXML(t *testing.T, got, want []byte, wrapper string) {
	t.Helper()
	g, err := parseXML(got)
	if err != nil {
		t.Fatalf("%q is not XML: %v", got, err)
	}
	w, err := parseXML(want)
	if err != nil {
		t.Fatal(err)
	}
	ignore := []string{"RequestId", "requestId", "ResponseMetadata"}
	g.drop(ignore...)
	w.drop(ignore...)
	if wrapper != "" && len(w.children) == 0 {
		g.drop(wrapper)
	}
	if wrapper == "" && len(w.children) == 1 && w.children[0].name == "OperationNameResult" {
		w = w.children[0] // the case leaves out what wraps the result
	}
	g.name, w.name = "", ""
	if a, b := g.String(), w.String(); a != b && !g.same(w) {
		t.Errorf("\n got %s\nwant %s", a, b)
	}
}

func (x *xmlTree) same(y *xmlTree) bool {
	if x.name != y.name || !slices.Equal(x.attrs, y.attrs) || len(x.children) != len(y.children) {
		return false
	}
	if len(x.children) == 0 && !sameText(strings.TrimSpace(x.text), strings.TrimSpace(y.text)) {
		return false
	}
	byName := func(a, b *xmlTree) int { return strings.Compare(a.name, b.name) }
	a, b := slices.Clone(x.children), slices.Clone(y.children)
	slices.SortStableFunc(a, byName)
	slices.SortStableFunc(b, byName)
	for i := range a {
		if !a[i].same(b[i]) {
			return false
		}
	}
	return true
}

func (x *xmlTree) String() string {
	if len(x.children) == 0 {
		return fmt.Sprintf("%s%v=%q", x.name, x.attrs, strings.TrimSpace(x.text))
	}
	var parts []string
	for _, c := range x.children {
		parts = append(parts, c.String())
	}
	slices.Sort(parts)
	return fmt.Sprintf("%s%v{%s}", x.name, x.attrs, strings.Join(parts, " "))
}
