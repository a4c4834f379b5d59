package sql

import "strings"

// keyword reads an expression that a reserved word begins.
func (p *parser) keyword() node {
	switch word := p.peek().text; word {
	case "true", "false":
		p.advance()
		return constant{boolean(word == "true")}
	case "null":
		p.advance()
		return constant{null}
	case "missing":
		p.advance()
		return constant{}
	case "case":
		p.advance()
		return p.caseOf()
	case "cast":
		p.advance()
		return p.cast()
	case "count", "sum", "avg", "min", "max":
		p.advance()
		return p.aggregate(word)
	case "extract":
		p.advance()
		return p.extract()
	case "substring":
		p.advance()
		return p.substring()
	case "trim":
		p.advance()
		return p.trim()
	case "lower", "upper", "char_length", "character_length", "coalesce", "nullif":
		return p.call()
	case "exists", "size", "position", "translate", "convert", "bit_length", "octet_length":
		p.reject("UnsupportedFunction", "Unsupported SQL function "+strings.ToUpper(word))
	}
	p.unexpected()
	return constant{}
}

// call reads a function and its arguments.
func (p *parser) call() node {
	t := p.advance()
	name := strings.ToLower(t.text)
	f, ok := functions[name]
	if !ok {
		p.fail(invalid("UnsupportedFunction", "Unsupported SQL function %s%s.", strings.ToUpper(name), place(p.src, t.pos)))
		return constant{}
	}
	p.need("(", "ParseExpectedLeftParenBuiltinFunctionCall")
	x := &function{f: f.eval}
	if f.dated {
		x.part = p.datePart(false)
		p.need(",", "ParseExpectedArgumentDelimiter")
	}
	x.of = p.arguments()
	if len(x.of) < f.least || len(x.of) > f.most {
		p.fail(errArgumentCount)
	}
	return x
}

// arguments reads expressions up to the closing parenthesis.
func (p *parser) arguments() []node {
	var of []node
	if p.accept(")") {
		return nil
	}
	for {
		of = append(of, p.expression())
		if !p.accept(",") {
			break
		}
	}
	p.need(")", "ParseExpectedRightParenBuiltinFunctionCall")
	return of
}

func (p *parser) datePart(zone bool) string {
	word := strings.ToLower(p.peek().text)
	_, ok := dateParts[word]
	if !ok && !(zone && (word == "timezone_hour" || word == "timezone_minute")) {
		p.reject("ParseExpectedDatePart", "Expected date part, found "+p.peek().String())
	}
	p.advance()
	return word
}

func (p *parser) extract() node {
	p.need("(", "ParseExpectedLeftParenBuiltinFunctionCall")
	x := &function{f: extract, part: p.datePart(true)}
	p.need("from", "ParseExpectedKeyword")
	x.of = []node{p.expression()}
	p.need(")", "ParseExpectedRightParenBuiltinFunctionCall")
	return x
}

// substring reads SUBSTRING(s FROM n FOR m), or with commas.
func (p *parser) substring() node {
	p.need("(", "ParseExpectedLeftParenBuiltinFunctionCall")
	x := &function{f: substring, of: []node{p.expression()}}
	if p.accept("from") {
		x.of = append(x.of, p.expression())
		if p.accept("for") {
			x.of = append(x.of, p.expression())
		}
	} else {
		p.need(",", "ParseExpectedArgumentDelimiter")
		x.of = append(x.of, p.expression())
		if p.accept(",") {
			x.of = append(x.of, p.expression())
		}
	}
	p.need(")", "ParseExpectedRightParenBuiltinFunctionCall")
	return x
}

// trim reads TRIM([[LEADING|TRAILING|BOTH] [chars] FROM] s).
func (p *parser) trim() node {
	p.need("(", "ParseExpectedLeftParenBuiltinFunctionCall")
	x := &function{f: trim, part: "both"}
	sided := p.is("leading", "trailing", "both")
	if sided {
		x.part = p.advance().text
	}
	chars := node(constant{text(" ")})
	if !sided || !p.is("from") {
		s := p.expression()
		if !p.is("from") && !sided {
			p.need(")", "ParseExpectedRightParenBuiltinFunctionCall")
			x.of = []node{s, chars}
			return x
		}
		chars = s
	}
	p.need("from", "ParseExpectedKeyword")
	x.of = []node{p.expression(), chars}
	p.need(")", "ParseExpectedRightParenBuiltinFunctionCall")
	return x
}

func (p *parser) cast() node {
	p.need("(", "ParseExpectedLeftParenAfterCast")
	x := &castTo{of: p.expression()}
	p.need("as", "ParseExpectedKeyword")
	x.to = p.typeName()
	p.need(")", "ParseExpectedRightParenBuiltinFunctionCall")
	return x
}

// typeName reads a type. Lengths and scales mean nothing, as in the service.
func (p *parser) typeName() Kind {
	t := p.peek()
	if t.kind != keywordToken {
		p.reject("ParseExpectedTypeName", "Expected type name, found "+t.String())
		return Missing
	}
	p.advance()
	kind := Missing
	switch t.text {
	case "bool", "boolean":
		kind = Bool
	case "int", "integer", "smallint":
		kind = Int
	case "float", "real", "double":
		if kind = Float; t.text == "double" {
			p.accept("precision")
		}
	case "decimal", "dec", "numeric":
		kind = Decimal
	case "string", "varchar", "char", "character":
		if kind = String; t.text == "character" {
			p.accept("varying")
		}
	case "timestamp":
		return Time
	default:
		p.fail(invalid("InvalidDataType", "The SQL expression contains an invalid data type%s.", place(p.src, t.pos)))
		return Missing
	}
	if p.accept("(") {
		for n := 0; n == 0 || p.accept(","); n++ {
			if p.peek().kind != numberToken || n > 1 {
				p.reject("ParseInvalidTypeParam", "Invalid parameter value of a type")
			}
			p.advance()
		}
		p.need(")", "ParseExpectedTokenType")
	}
	return kind
}

// caseOf reads CASE WHEN condition THEN ..., and CASE value WHEN value THEN.
func (p *parser) caseOf() node {
	x := &caseWhen{}
	if !p.is("when") {
		x.of = p.expression()
	}
	if !p.is("when") {
		p.reject("ParseExpectedWhenClause", "Expected WHEN clause in CASE")
	}
	for p.accept("when") {
		p.count()
		when := p.expression()
		p.need("then", "ParseExpectedKeyword")
		x.when = append(x.when, [2]node{when, p.expression()})
	}
	if p.accept("else") {
		x.otherwise = p.expression()
	}
	p.need("end", "ParseExpectedKeyword")
	return x
}

func (p *parser) aggregate(name string) node {
	p.need("(", "ParseExpectedLeftParenBuiltinFunctionCall")
	if p.inside || p.noAggregate {
		p.fail(errStructure)
	}
	x := &aggregate{name: name, index: len(p.q.aggregates)}
	p.q.aggregates = append(p.q.aggregates, x)
	switch {
	case p.accept("*"):
		if name != "count" {
			p.reject("ParseUnsupportedCallWithStar", "Only COUNT with (*) as a parameter is supported")
		}
	case p.is("distinct", "all"):
		p.fail(errStructure) // it would take memory as there are values
	default:
		p.inside = true
		x.of = p.expression()
		p.inside = false
	}
	if p.is(",") {
		p.reject("ParseNonUnaryAgregateFunctionCall", "Only one argument is supported for aggregate functions")
	}
	p.need(")", "ParseExpectedRightParenBuiltinFunctionCall")
	return x
}
