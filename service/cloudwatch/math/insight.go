package math

import (
	"slices"
	"strconv"
	"strings"
)

// maxSeries is how many series one query can give.
const maxSeries = 500

// Insight is a query of Metrics Insights.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch-metrics-insights-querylanguage.html
type Insight struct {
	Function  string // AVG, COUNT, MAX, MIN or SUM
	Metric    string
	Namespace string
	// Schema tells that metrics have exactly the dimensions Names.
	Schema  bool
	Names   []string
	Where   []Condition // all of them hold
	GroupBy []string
	OrderBy string // a function; "" for the order of the groups
	Falling bool
	Limit   int
}

// Condition is what a dimension's value has to be, or not to be.
type Condition struct {
	Name, Value string
	Not         bool
}

// IsInsight tells whether an expression is a query and not a formula.
func IsInsight(s string) bool {
	words := strings.Fields(s)
	return len(words) > 0 && strings.EqualFold(words[0], "SELECT")
}

// ParseInsight reads a query.
func ParseInsight(s string) (*Insight, error) {
	list, err := sqlTokens(s)
	if err != nil {
		return nil, err
	}
	p, q := &sqlParser{list: list}, &Insight{Limit: maxSeries}
	if p.query(q); p.failed || p.list[p.at].kind != tokenEnd {
		return nil, errorf("Invalid syntax near '%s'", p.list[p.at].text)
	}
	return q, nil
}

// sqlParser reads the clauses of a query. What it does not find makes it fail,
// and then it finds nothing more.
type sqlParser struct {
	list   []sqlToken
	at     int
	failed bool
}

func (p *sqlParser) query(q *Insight) {
	p.need(p.keyword("SELECT"))
	q.Function = p.function()
	p.need(p.sign("("))
	q.Metric = p.name()
	p.need(p.sign(")") && p.keyword("FROM"))
	if p.keyword("SCHEMA") {
		q.Schema = true
		p.need(p.sign("("))
		q.Namespace = p.name()
		for p.sign(",") {
			q.Names = append(q.Names, p.name())
		}
		p.need(p.sign(")"))
	} else {
		q.Namespace = p.name()
	}
	if p.keyword("WHERE") {
		q.Where = append(q.Where, p.condition())
		for p.keyword("AND") {
			q.Where = append(q.Where, p.condition())
		}
	}
	if p.keyword("GROUP") {
		p.need(p.keyword("BY"))
		q.GroupBy = append(q.GroupBy, p.name())
		for p.sign(",") {
			q.GroupBy = append(q.GroupBy, p.name())
		}
	}
	p.order(q)
}

func (p *sqlParser) order(q *Insight) {
	if p.keyword("ORDER") {
		p.need(p.keyword("BY"))
		q.OrderBy = p.function()
		p.need(p.sign("(") && p.sign(")"))
		if q.Falling = p.keyword("DESC"); !q.Falling {
			p.keyword("ASC")
		}
	}
	if p.keyword("LIMIT") {
		t := p.list[p.at]
		n, err := strconv.Atoi(t.text)
		if p.need(t.kind == tokenNumber && err == nil && n >= 1 && n <= maxSeries); !p.failed {
			p.at++
			q.Limit = n
		}
	}
}

func (p *sqlParser) condition() Condition {
	c := Condition{Name: p.name()}
	c.Not = p.sign("!=")
	p.need(c.Not || p.sign("="))
	t := p.list[p.at]
	if p.need(t.kind == tokenText); !p.failed {
		c.Value = t.text
		p.at++
	}
	return c
}

func (p *sqlParser) need(ok bool) { p.failed = p.failed || !ok }

// keyword goes on where a keyword, in any case, comes next.
func (p *sqlParser) keyword(word string) bool {
	t := p.list[p.at]
	ok := !p.failed && t.kind == tokenName && !t.quoted && strings.EqualFold(t.text, word)
	if ok {
		p.at++
	}
	return ok
}

func (p *sqlParser) sign(s string) bool {
	t := p.list[p.at]
	ok := !p.failed && t.kind == tokenSign && t.text == s
	if ok {
		p.at++
	}
	return ok
}

// name is of a metric, a namespace or a dimension: not a keyword, unless in
// double quotes.
func (p *sqlParser) name() string {
	t := p.list[p.at]
	if p.need(t.kind == tokenName && (t.quoted || !isKeyword(t.text))); p.failed {
		return ""
	}
	p.at++
	return t.text
}

func (p *sqlParser) function() string {
	t := p.list[p.at]
	name := strings.ToUpper(t.text)
	if p.need(t.kind == tokenName && !t.quoted && slices.Contains([]string{"AVG", "COUNT", "MAX", "MIN", "SUM"}, name)); p.failed {
		return ""
	}
	p.at++
	return name
}

func isKeyword(s string) bool {
	return slices.Contains([]string{"SELECT", "FROM", "SCHEMA", "WHERE", "AND", "GROUP", "ORDER", "BY", "ASC", "DESC", "LIMIT"}, strings.ToUpper(s))
}

// Finds tells whether a metric belongs to the query.
func (q *Insight) Finds(m *Metric) bool {
	if m.Namespace != q.Namespace || m.Name != q.Metric || q.Schema && !hasExactly(m, q.Names) {
		return false
	}
	return !slices.ContainsFunc(q.Where, func(c Condition) bool { return (m.Dimension(c.Name) == c.Value) == c.Not })
}

// noGroup stands for a dimension that a metric does not have.
const noGroup = "Other"

// Group is the values by which a metric is grouped.
func (q *Insight) Group(m *Metric) []string {
	group := make([]string, len(q.GroupBy))
	for i, name := range q.GroupBy {
		if group[i] = m.Dimension(name); group[i] == "" {
			group[i] = noGroup
		}
	}
	return group
}

// Order puts the groups' series, which are in alphabetical order, into that of
// the query, and leaves out what is beyond its limit.
func (q *Insight) Order(list []Series) []Series {
	if q.OrderBy != "" {
		name := q.OrderBy
		if name == "COUNT" {
			name = "DATAPOINT_COUNT"
		}
		f, _ := aggregateOf(name)
		list = Sorted(list, f, q.Falling)
	}
	return list[:min(len(list), q.Limit)]
}
