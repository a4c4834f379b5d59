package math

import (
	"slices"
	"strconv"
)

// maxDepth is how deep brackets can nest: an expression has 2,048 characters at
// most, but whoever calls Parse may not have counted.
const maxDepth = 500

// Expr is an expression that was understood.
type Expr struct{ root node }

// node is a part of an expression.
type node interface{}

type (
	numberNode float64
	textNode   string
	idNode     string // another query: it begins with a lowercase letter
	wordNode   string // REPEAT, AVG, DESC: it stands for itself
	listNode   []node
	unaryNode  struct{ of node }
	binaryNode struct {
		op          string
		left, right node
	}
	callNode struct {
		name string
		args []node
	}
)

// Parse reads an expression.
func Parse(s string) (*Expr, error) {
	list, err := tokens(s)
	if err != nil {
		return nil, err
	}
	p := &parser{list: list}
	root, err := p.binary(0)
	if err != nil {
		return nil, err
	}
	if p.list[p.at].kind != tokenEnd {
		return nil, errSyntax
	}
	return &Expr{root}, nil
}

type parser struct {
	list  []token
	at    int
	depth int
}

// take goes on where the next token is one of the signs or names.
func (p *parser) take(texts ...string) (string, bool) {
	t := p.list[p.at]
	if (t.kind == tokenSign || t.kind == tokenName) && slices.Contains(texts, t.text) {
		p.at++
		return t.text, true
	}
	return "", false
}

// levels are the operators by how loosely they bind.
var levels = [][]string{{"OR", "||"}, {"AND", "&&"}, {"==", "!=", "<=", ">=", "<", ">"}, {"+", "-"}, {"*", "/"}}

// binary reads operators of a level and all that bind tighter, from the left.
func (p *parser) binary(level int) (node, error) {
	if level == len(levels) {
		return p.unary()
	}
	left, err := p.binary(level + 1)
	if err != nil {
		return nil, err
	}
	for {
		op, ok := p.take(levels[level]...)
		if !ok {
			return left, nil
		}
		right, err := p.binary(level + 1)
		if err != nil {
			return nil, err
		}
		left = &binaryNode{op, left, right}
	}
}

func (p *parser) unary() (node, error) {
	if p.depth++; p.depth > maxDepth {
		return nil, errSyntax
	}
	defer func() { p.depth-- }()
	if _, ok := p.take("-"); ok {
		of, err := p.unary()
		return &unaryNode{of}, err
	}
	if _, ok := p.take("+"); ok {
		return p.unary()
	}
	return p.power()
}

// power binds tighter than a sign before it, and from the right.
func (p *parser) power() (node, error) {
	left, err := p.primary()
	if err != nil {
		return nil, err
	}
	if _, ok := p.take("^"); !ok {
		return left, nil
	}
	right, err := p.unary()
	return &binaryNode{"^", left, right}, err
}

func (p *parser) primary() (node, error) {
	t := p.list[p.at]
	switch t.kind {
	case tokenNumber:
		p.at++
		v, err := strconv.ParseFloat(t.text, 64)
		if err != nil {
			return nil, errSyntax
		}
		return numberNode(v), nil
	case tokenText:
		p.at++
		return textNode(t.text), nil
	case tokenName:
		p.at++
		return p.named(t.text)
	}
	if _, ok := p.take("("); ok {
		in, err := p.binary(0)
		if err != nil {
			return nil, err
		}
		if _, ok := p.take(")"); !ok {
			return nil, errSyntax
		}
		return in, nil
	}
	if _, ok := p.take("["); ok {
		list, err := p.commas("]")
		return listNode(list), err
	}
	return nil, errSyntax
}

// named is a function's call, a query or a word.
func (p *parser) named(name string) (node, error) {
	if _, ok := p.take("("); ok {
		args, err := p.commas(")")
		return &callNode{name, args}, err
	}
	if name[0] >= 'a' && name[0] <= 'z' {
		return idNode(name), nil
	}
	return wordNode(name), nil
}

// commas reads what stands between commas up to the closing bracket.
func (p *parser) commas(end string) (list []node, err error) {
	if _, ok := p.take(end); ok {
		return nil, nil
	}
	for {
		n, err := p.binary(0)
		if err != nil {
			return nil, err
		}
		list = append(list, n)
		if _, ok := p.take(","); ok {
			continue
		}
		if _, ok := p.take(end); ok {
			return list, nil
		}
		return nil, errSyntax
	}
}

// walk visits a node and all below it.
func walk(n node, visit func(node)) {
	visit(n)
	switch n := n.(type) {
	case listNode:
		for _, m := range n {
			walk(m, visit)
		}
	case *unaryNode:
		walk(n.of, visit)
	case *binaryNode:
		walk(n.left, visit)
		walk(n.right, visit)
	case *callNode:
		for _, m := range n.args {
			walk(m, visit)
		}
	}
}

// IDs are the queries that the expression refers to, each once.
func (e *Expr) IDs() (ids []string) {
	walk(e.root, func(n node) {
		if id, ok := n.(idNode); ok && !slices.Contains(ids, string(id)) {
			ids = append(ids, string(id))
		}
	})
	return ids
}

// Calls tells how often the expression calls a function.
func (e *Expr) Calls(name string) (times int) {
	walk(e.root, func(n node) {
		if c, ok := n.(*callNode); ok && c.name == name {
			times++
		}
	})
	return times
}

// ID is the query that the expression is nothing but.
func (e *Expr) ID() (string, bool) {
	id, ok := e.root.(idNode)
	return string(id), ok
}

// Bands are the queries for which the expression asks what is to be expected.
func (e *Expr) Bands() (ids []string) {
	walk(e.root, func(n node) {
		if c, ok := n.(*callNode); ok && c.name == "ANOMALY_DETECTION_BAND" && len(c.args) > 0 {
			if id, ok := c.args[0].(idNode); ok {
				ids = append(ids, string(id))
			}
		}
	})
	return ids
}

// IsBand tells whether the expression is nothing but a band.
func (e *Expr) IsBand() bool {
	c, ok := e.root.(*callNode)
	return ok && c.name == "ANOMALY_DETECTION_BAND"
}
