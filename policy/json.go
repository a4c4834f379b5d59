package policy

import (
	"encoding/json"
	"errors"
	"io"
	"strings"
	"unicode/utf8"
)

// nodeKind is the JSON type of a node.
type nodeKind uint8

const (
	stringNode  nodeKind = iota
	literalNode          // number or boolean, kept as written
	listNode
	objectNode
	nullNode
)

// node is a JSON value with its place in the text: policies must report where
// a statement stands and must refuse a repeated key, which encoding/json's
// maps lose.
type node struct {
	kind       nodeKind
	text       string // stringNode, literalNode
	list       []node
	members    []member
	start, end int // byte offsets
}

type member struct {
	key   string
	value node
}

var (
	errJSON      = errors.New("not JSON")
	errDuplicate = errors.New("duplicate key")
)

// maxDepth bounds nesting; a policy needs six levels.
const maxDepth = 32

// parseJSON reads one JSON value that fills the whole text.
func parseJSON(text string) (node, error) {
	if !json.Valid([]byte(text)) || !utf8.ValidString(text) {
		return node{}, errJSON
	}
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	n, err := parseNode(d, text, 0)
	if err != nil {
		return node{}, err
	}
	if _, err := d.Token(); err != io.EOF {
		return node{}, errJSON
	}
	return n, nil
}

func parseNode(d *json.Decoder, text string, depth int) (node, error) {
	if depth > maxDepth {
		return node{}, errJSON
	}
	start := skipToValue(text, int(d.InputOffset()))
	t, err := d.Token()
	if err != nil {
		return node{}, errJSON
	}
	n := node{start: start}
	switch v := t.(type) {
	case json.Delim:
		if v == '{' {
			n.kind = objectNode
			err = parseMembers(d, text, depth, &n)
		} else {
			n.kind = listNode
			err = parseList(d, text, depth, &n)
		}
		if err != nil {
			return n, err
		}
	case string:
		n.kind, n.text = stringNode, v
	case json.Number:
		n.kind, n.text = literalNode, v.String()
	case bool:
		n.kind, n.text = literalNode, "false"
		if v {
			n.text = "true"
		}
	default:
		n.kind = nullNode
	}
	n.end = int(d.InputOffset())
	return n, nil
}

func parseMembers(d *json.Decoder, text string, depth int, n *node) error {
	seen := map[string]bool{}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return errJSON
		}
		key, _ := t.(string)
		if seen[key] {
			return errDuplicate
		}
		seen[key] = true
		v, err := parseNode(d, text, depth+1)
		if err != nil {
			return err
		}
		n.members = append(n.members, member{key, v})
	}
	_, err := d.Token()
	return err
}

func parseList(d *json.Decoder, text string, depth int, n *node) error {
	for d.More() {
		v, err := parseNode(d, text, depth+1)
		if err != nil {
			return err
		}
		n.list = append(n.list, v)
	}
	_, err := d.Token()
	return err
}

// skipToValue moves past white space and the separators that the decoder has
// not consumed yet.
func skipToValue(text string, i int) int {
	for i < len(text) && strings.IndexByte(" \t\r\n:,", text[i]) >= 0 {
		i++
	}
	return i
}

// strings reads a string or a list of strings; ok is false for anything else.
func (n node) strings() (list []string, ok bool) {
	switch n.kind {
	case stringNode:
		return []string{n.text}, true
	case listNode:
		list = make([]string, 0, len(n.list))
		for _, e := range n.list {
			if e.kind != stringNode {
				return nil, false
			}
			list = append(list, e.text)
		}
		return list, true
	}
	return nil, false
}

// scalars is strings that also takes numbers and booleans, as condition values
// may be.
func (n node) scalars() (list []string, ok bool) {
	switch n.kind {
	case stringNode, literalNode:
		return []string{n.text}, true
	case listNode:
		list = make([]string, 0, len(n.list))
		for _, e := range n.list {
			if e.kind != stringNode && e.kind != literalNode {
				return nil, false
			}
			list = append(list, e.text)
		}
		return list, true
	}
	return nil, false
}
