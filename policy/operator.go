package policy

import "strings"

// comparison is what an operator compares values as.
type comparison uint8

const (
	compareString comparison = iota
	compareNumber
	compareDate
	compareBool
	compareBinary
	compareIP
	compareARN
	compareNull
)

// relation is how the request's value must stand to the policy's.
type relation uint8

const (
	equal relation = iota
	less
	lessOrEqual
	greater
	greaterOrEqual
)

// quantifier is the set operator before a condition operator.
type quantifier uint8

const (
	noQuantifier quantifier = iota
	forAllValues
	forAnyValue
)

// operator is a condition operator taken apart.
type operator struct {
	compare  comparison
	relation relation
	negated  bool
	like     bool // wildcards in the policy's value
	fold     bool // case does not count
	ifExists bool
	quant    quantifier
}

// operators are the names without set operator and IfExists
// (reference_policies_elements_condition_operators).
var operators = map[string]operator{
	"StringEquals":              {compare: compareString},
	"StringNotEquals":           {compare: compareString, negated: true},
	"StringEqualsIgnoreCase":    {compare: compareString, fold: true},
	"StringNotEqualsIgnoreCase": {compare: compareString, fold: true, negated: true},
	"StringLike":                {compare: compareString, like: true},
	"StringNotLike":             {compare: compareString, like: true, negated: true},
	"NumericEquals":             {compare: compareNumber},
	"NumericNotEquals":          {compare: compareNumber, negated: true},
	"NumericLessThan":           {compare: compareNumber, relation: less},
	"NumericLessThanEquals":     {compare: compareNumber, relation: lessOrEqual},
	"NumericGreaterThan":        {compare: compareNumber, relation: greater},
	"NumericGreaterThanEquals":  {compare: compareNumber, relation: greaterOrEqual},
	"DateEquals":                {compare: compareDate},
	"DateNotEquals":             {compare: compareDate, negated: true},
	"DateLessThan":              {compare: compareDate, relation: less},
	"DateLessThanEquals":        {compare: compareDate, relation: lessOrEqual},
	"DateGreaterThan":           {compare: compareDate, relation: greater},
	"DateGreaterThanEquals":     {compare: compareDate, relation: greaterOrEqual},
	"Bool":                      {compare: compareBool},
	"BinaryEquals":              {compare: compareBinary},
	"IpAddress":                 {compare: compareIP},
	"NotIpAddress":              {compare: compareIP, negated: true},
	"ArnEquals":                 {compare: compareARN, like: true},
	"ArnLike":                   {compare: compareARN, like: true},
	"ArnNotEquals":              {compare: compareARN, like: true, negated: true},
	"ArnNotLike":                {compare: compareARN, like: true, negated: true},
	"Null":                      {compare: compareNull},
}

// parseOperator reads an operator's full name. The names' case does not count.
func parseOperator(name string) (operator, bool) {
	quant := noQuantifier
	if prefix, rest, found := strings.Cut(name, ":"); found {
		switch lowerASCII(prefix) {
		case "forallvalues":
			quant = forAllValues
		case "foranyvalue":
			quant = forAnyValue
		default:
			return operator{}, false
		}
		name = rest
	}
	op, ok := operators[name]
	if !ok {
		base := strings.TrimSuffix(name, "IfExists")
		if op, ok = operators[base]; !ok {
			for known, o := range operators {
				if strings.EqualFold(known, base) {
					op, ok = o, true
				}
			}
		}
		op.ifExists = base != name
	}
	op.quant = quant
	return op, ok && !(op.compare == compareNull && op.ifExists)
}

// holds tells whether an ordering of request and policy value satisfies the
// relation.
func (r relation) holds(order int) bool {
	switch r {
	case less:
		return order < 0
	case lessOrEqual:
		return order <= 0
	case greater:
		return order > 0
	case greaterOrEqual:
		return order >= 0
	}
	return order == 0
}
