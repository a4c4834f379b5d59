package sql

import (
	"slices"
	"strconv"
	"strings"

	"pileus/cloud"
)

const (
	maxExpression = 256 << 10 // bytes
	maxNodes      = 4000      // operators, functions and names of an expression
	maxDepth      = 200       // parentheses within parentheses
)

// parser reads a query by recursive descent. The first error sticks: from then
// on it sees only the end of the expression.
type parser struct {
	src    string
	tokens []token
	at     int
	err    *cloud.Error
	nodes  int
	depth  int
	q      *Query
	// inside is set while the argument of an aggregate is read, noAggregate
	// within WHERE.
	inside, noAggregate bool
}

// Parse reads an expression. Its errors are S3's.
func Parse(expression string) (*Query, error) {
	if len(expression) > maxExpression {
		return nil, errTooLong
	}
	tokens, err := lex(expression)
	if err != nil {
		return nil, err
	}
	p := &parser{src: expression, tokens: tokens, q: &Query{limit: noLimit}}
	p.query()
	if p.err != nil {
		return nil, p.err
	}
	return p.q, nil
}

func (p *parser) peek() token { return p.tokens[p.at] }

func (p *parser) advance() token {
	t := p.tokens[p.at]
	if t.kind != endToken {
		p.at++
	}
	return t
}

// fail keeps the first error and ends the reading.
func (p *parser) fail(err *cloud.Error) {
	if p.err == nil {
		p.err = err
	}
	p.at = len(p.tokens) - 1
}

// reject fails at the next token with a code, and a text that the place is
// added to.
func (p *parser) reject(code, format string) {
	p.fail(invalid(code, "%s%s.", format, place(p.src, p.peek().pos)))
}

func (p *parser) unexpected() {
	p.reject("ParseUnexpectedToken", "Unexpected token found "+p.peek().String())
}

// is tells whether the next token is one of the reserved words or operators.
func (p *parser) is(words ...string) bool {
	t := p.peek()
	return (t.kind == keywordToken || t.kind == operatorToken) && slices.Contains(words, t.text)
}

// accept goes past the next token if it is the word.
func (p *parser) accept(word string) bool {
	if p.is(word) {
		p.at++
		return true
	}
	return false
}

// need goes past the word, or fails with the code.
func (p *parser) need(word, code string) {
	if !p.accept(word) {
		p.reject(code, "Expected "+strings.ToUpper(word)+", found "+p.peek().String())
	}
}

func (p *parser) query() {
	if !p.accept("select") {
		if p.is("insert", "update", "delete", "create", "drop", "alter", "grant", "revoke") {
			p.fail(errUnsupportedRun)
		}
		p.unexpected()
		return
	}
	p.selectList()
	if p.peek().kind == endToken {
		p.reject("ParseSelectMissingFrom", "Missing FROM after the SELECT list")
	}
	if !p.accept("from") {
		p.unexpected()
	}
	alias := p.source()
	if p.accept("where") {
		p.noAggregate = true
		p.q.where = p.expression()
	}
	if p.is("group", "having", "order", "union", "intersect", "except") {
		p.fail(errStructure)
	}
	if p.accept("limit") {
		p.limit()
	}
	p.accept(";")
	if p.peek().kind != endToken {
		p.unexpected()
	}
	p.bind(alias)
}

func (p *parser) selectList() {
	switch {
	case p.is("from") || p.peek().kind == endToken:
		p.reject("ParseEmptySelect", "The SELECT list is empty")
	case p.is("distinct", "all", "value", "pivot"):
		p.reject("ParseUnsupportedSelect", "Unsupported use of SELECT "+strings.ToUpper(p.peek().text))
	case p.accept("*"):
		if p.is(",") {
			p.reject("ParseAsteriskIsNotAloneInSelectList", "Other expressions are not allowed in the SELECT list when '*' is used without dot notation")
		}
		return
	}
	for {
		p.item()
		if !p.accept(",") {
			return
		}
	}
}

func (p *parser) item() {
	if p.is("*") {
		p.reject("ParseAsteriskIsNotAloneInSelectList", "Other expressions are not allowed in the SELECT list when '*' is used without dot notation")
	}
	it := item{node: p.expression(), name: "_" + itoa(len(p.q.items)+1)}
	if x, ok := it.node.(*path); ok {
		if n := len(x.steps); n > 1 && x.steps[n-1].kind == eachMember {
			x.steps, it.all = x.steps[:n-1], true
		} else if x.steps[n-1].kind == byName {
			it.name = x.steps[n-1].name
		}
		if slices.ContainsFunc(x.steps, step.several) {
			p.reject("ParseInvalidContextForWildcardInSelectList", "Invalid use of * in the SELECT list")
		}
	}
	if name := p.alias(); name != "" {
		it.name = name
	}
	p.q.items = append(p.q.items, it)
}

// alias reads [AS] name; "" if there is none.
func (p *parser) alias() string {
	as := p.accept("as")
	switch t := p.peek(); {
	case t.kind == nameToken || t.kind == quotedToken && t.text != "":
		return p.advance().text
	case as:
		p.reject("ParseExpectedIdentForAlias", "Expected identifier for alias, found "+t.String())
	}
	return ""
}

// source reads what stands behind FROM and is the name of a record.
func (p *parser) source() (alias string) {
	t := p.advance()
	if t.kind != nameToken || !strings.EqualFold(t.text, "s3object") {
		p.fail(invalid("InvalidTableAlias", "The SQL expression contains an invalid table alias%s.", place(p.src, t.pos)))
		return ""
	}
	alias = t.text
	steps := p.steps(nil)
	if len(steps) > 0 {
		// S3Object[*] is the sequence of root values.
		if steps[0].kind != eachItem {
			p.fail(invalid("ParseInvalidPathComponent", "Invalid Path component: a path in FROM begins with S3Object[*]%s.", place(p.src, t.pos)))
			return ""
		}
		if alias = "_1"; steps[len(steps)-1].kind == byName {
			alias = steps[len(steps)-1].name
		}
		p.q.from = steps[1:]
	}
	if name := p.alias(); name != "" {
		alias = name
	}
	switch {
	case p.is(","):
		p.fail(errSources)
	case p.is("join", "inner", "left", "right", "full", "cross", "outer", "natural"):
		p.reject("ParseMalformedJoin", "JOIN is not supported in the SQL expression")
	case p.is("at"):
		p.reject("ParseUnsupportedSyntax", "Unsupported syntax")
	}
	return alias
}

func (p *parser) limit() {
	if p.is("-") {
		p.fail(errNegativeLimit)
	}
	n, err := strconv.ParseInt(p.peek().text, 10, 64)
	if p.peek().kind != numberToken || err != nil {
		p.reject("ParseExpectedNumber", "Expected number, found "+p.peek().String())
		return
	}
	p.advance()
	p.q.limit = n
}

// bind tells names of the record from names of its members.
func (p *parser) bind(alias string) {
	for _, x := range p.q.paths {
		if first := &x.steps[0]; first.matches(alias) {
			x.first = first.column == 1
			x.steps = x.steps[1:]
		}
	}
	if len(p.q.aggregates) == 0 {
		return
	}
	// A record's columns stand beside aggregates only where there are groups.
	for _, x := range p.q.paths {
		if !x.fed {
			p.fail(errStructure)
		}
	}
	if len(p.q.items) == 0 {
		p.fail(errStructure)
	}
}
