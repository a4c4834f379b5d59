package sql

import "strings"

// expression reads a whole expression.
func (p *parser) expression() node {
	p.depth++
	defer func() { p.depth-- }()
	if p.depth > maxDepth {
		p.fail(errTooComplex)
		return constant{}
	}
	return p.or()
}

// count bounds the size of the tree.
func (p *parser) count() {
	if p.nodes++; p.nodes > maxNodes {
		p.fail(errTooComplex)
	}
}

func (p *parser) or() node {
	left := p.and()
	for p.accept("or") {
		p.count()
		left = &either{left, p.and()}
	}
	return left
}

func (p *parser) and() node {
	left := p.not()
	for p.accept("and") {
		p.count()
		left = &both{left, p.not()}
	}
	return left
}

func (p *parser) not() node {
	if !p.is("not") {
		return p.equality()
	}
	p.depth++
	defer func() { p.depth-- }()
	if p.count(); p.depth > maxDepth {
		p.fail(errTooComplex)
	}
	p.accept("not")
	return &negation{p.not()}
}

func (p *parser) equality() node {
	left := p.order()
	for p.is("=", "<>", "!=") {
		p.count()
		left = &comparison{p.advance().text, left, p.order()}
	}
	return left
}

func (p *parser) order() node {
	left := p.predicate()
	for p.is("<", "<=", ">", ">=") {
		p.count()
		left = &comparison{p.advance().text, left, p.predicate()}
	}
	return left
}

// predicate reads IS, IN, BETWEEN and LIKE, with NOT before them or without.
func (p *parser) predicate() node {
	left := p.sum()
	for {
		var x node
		not := false
		if p.is("not") && p.at+1 < len(p.tokens) && strings.Contains(" in between like ", " "+p.tokens[p.at+1].text+" ") {
			not = p.accept("not")
		}
		switch {
		case p.accept("is"):
			not = p.accept("not")
			x = p.isTest(left)
		case p.accept("in"):
			x = p.in(left)
		case p.accept("between"):
			low := p.sum()
			p.need("and", "ParseExpectedKeyword")
			x = &between{left, low, p.sum()}
		case p.accept("like"):
			x = p.like(left)
		default:
			return left
		}
		if p.count(); not {
			x = &negation{x}
		}
		left = x
	}
}

func (p *parser) isTest(left node) node {
	switch {
	case p.accept("null"):
		return &kindTest{left, Null}
	case p.accept("missing"):
		return &kindTest{left, Missing}
	case p.is("true", "false"):
		return &truthTest{left, p.advance().text == "true"}
	}
	p.reject("ParseExpectedTypeName", "Expected type name, found "+p.peek().String())
	return left
}

func (p *parser) in(left node) node {
	if !p.accept("(") {
		return &inList{left, p.sum()}
	}
	x := &in{left: left}
	for {
		x.of = append(x.of, p.expression())
		if !p.accept(",") {
			break
		}
		p.count()
	}
	p.need(")", "ParseExpectedRightParenBuiltinFunctionCall")
	return x
}

func (p *parser) like(left node) node {
	x := &like{left: left, pattern: p.sum()}
	if p.accept("escape") {
		x.escape = p.sum()
	}
	pattern, ok := x.pattern.(constant)
	escape, okEscape := x.escape.(constant)
	if ok && (x.escape == nil || okEscape) && p.err == nil {
		if err := x.compile(pattern.Value, escape.Value); err != nil {
			p.fail(err)
		}
	}
	return x
}

func (p *parser) sum() node {
	left := p.product()
	for p.is("+", "-", "||") {
		p.count()
		if op := p.advance().text; op == "||" {
			left = &concat{left, p.product()}
		} else {
			left = &arithmetics{op[0], left, p.product()}
		}
	}
	return left
}

func (p *parser) product() node {
	left := p.unary()
	for p.is("*", "/", "%") {
		p.count()
		left = &arithmetics{p.advance().text[0], left, p.unary()}
	}
	return left
}

func (p *parser) unary() node {
	if !p.is("-", "+") {
		return p.primary()
	}
	p.depth++
	defer func() { p.depth-- }()
	if p.count(); p.depth > maxDepth {
		p.fail(errTooComplex)
	}
	op := p.advance().text
	if t := p.peek(); t.kind == numberToken && op == "-" {
		return p.number("-")
	}
	return &arithmetics{op[0], constant{integer(0)}, p.unary()}
}

func (p *parser) primary() node {
	p.count()
	t := p.peek()
	switch t.kind {
	case stringToken:
		p.advance()
		return constant{text(t.text)}
	case numberToken:
		return p.number("")
	case ionToken:
		return p.ion()
	case nameToken, quotedToken:
		if next := p.tokens[p.at+1]; t.kind == nameToken && next.text == "(" && next.kind == operatorToken {
			return p.call()
		}
		return p.path()
	case keywordToken:
		return p.keyword()
	}
	if !p.accept("(") {
		p.unexpected()
		return constant{}
	}
	x := p.expression()
	if p.is(",") {
		p.reject("ParseUnsupportedSyntax", "Unsupported syntax")
	}
	p.need(")", "ParseExpectedTokenType")
	return x
}

func (p *parser) number(sign string) node {
	n, err := literal(sign + p.advance().text)
	if err != nil {
		p.fail(errNumber)
	}
	return constant{n}
}

// ion reads a literal of Ion; those that SQL has no other form for are
// timestamps.
func (p *parser) ion() node {
	t := p.advance()
	s := strings.TrimSpace(t.text)
	if numeric(s) {
		n, err := literal(strings.TrimPrefix(s, "+"))
		if err != nil {
			p.fail(errNumber)
		}
		return constant{n}
	}
	at, err := parseTimestamp(s)
	if err != nil {
		p.fail(invalid("LexerInvalidIONLiteral", "Invalid ION literal%s.", place(p.src, t.pos)))
	}
	return constant{stamp(at)}
}

// path reads a name and what follows it.
func (p *parser) path() node {
	t := p.advance()
	if t.text == "" {
		p.fail(invalid("ParseInvalidPathComponent", "Invalid Path component, expecting either an IDENTIFIER or STAR, got: %s,%s.", t, place(p.src, t.pos)))
		return constant{}
	}
	x := &path{place: place(p.src, t.pos), fed: p.inside || p.noAggregate}
	x.steps = p.steps([]step{nameStep(t.text, t.kind == quotedToken)})
	if n := len(x.steps); x.fed && x.steps[n-1].several() {
		p.reject("ParseInvalidContextForWildcardInSelectList", "Invalid use of *")
	}
	p.q.paths = append(p.q.paths, x)
	return x
}

// steps reads .name, ."name", .*, [index], ['name'] and [*].
func (p *parser) steps(steps []step) []step {
	for p.err == nil {
		switch {
		case p.accept("."):
			switch t := p.peek(); {
			case t.kind == nameToken || t.kind == quotedToken && t.text != "":
				p.advance()
				steps = append(steps, nameStep(t.text, t.kind == quotedToken))
			case p.accept("*"):
				steps = append(steps, step{kind: eachMember})
			default:
				p.badComponent()
			}
		case p.accept("["):
			steps = append(steps, p.bracket())
			p.need("]", "ParseExpectedTokenType")
		default:
			return steps
		}
		p.count()
	}
	return steps
}

func (p *parser) bracket() step {
	t := p.peek()
	switch {
	case p.accept("*"):
		return step{kind: eachItem}
	case t.kind == stringToken && t.text != "":
		p.advance()
		return nameStep(t.text, true)
	case t.kind == numberToken:
		p.advance()
		if n := number(t.text); n.Kind == Int && n.int() < 1<<31 {
			return step{kind: byIndex, index: int(n.int())}
		}
	}
	p.badComponent()
	return step{}
}

func (p *parser) badComponent() {
	p.reject("ParseInvalidPathComponent", "Invalid Path component, expecting either an IDENTIFIER or STAR, got: "+p.peek().String()+",")
}

func (s step) several() bool { return s.kind == eachItem || s.kind == eachMember }
