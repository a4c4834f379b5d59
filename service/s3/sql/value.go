package sql

import (
	"math"
	"strconv"
	"strings"

	"github.com/cockroachdb/apd/v3"
)

// Kind is the type of a value.
type Kind uint8

// The kinds of values. Text is a field of a CSV file: a string that counts as
// a number where one is needed.
const (
	Missing Kind = iota
	Null
	Bool
	Int
	Float
	Decimal
	String
	Text
	Time
	List
	Struct
)

// Value is what an expression evaluates to. The zero value is MISSING.
type Value struct {
	Kind Kind
	bits uint64 // Bool, Int, Float
	text string // String and Text; a number as it was written, if it was
	ref  any    // *apd.Decimal, Timestamp, []Value, *Row
}

// Row is a structure: the columns of a record, or an object of JSON.
type Row struct {
	Names  []string
	Values []Value
	// Positional rows have columns: _1 is the first value.
	Positional bool
}

var null = Value{Kind: Null}

func boolean(b bool) Value {
	if b {
		return Value{Kind: Bool, bits: 1}
	}
	return Value{Kind: Bool}
}

func integer(n int64) Value      { return Value{Kind: Int, bits: uint64(n)} }
func float(f float64) Value      { return Value{Kind: Float, bits: math.Float64bits(f)} }
func text(s string) Value        { return Value{Kind: String, text: s} }
func field(s string) Value       { return Value{Kind: Text, text: s} }
func stamp(t Timestamp) Value    { return Value{Kind: Time, ref: t} }
func list(v []Value) Value       { return Value{Kind: List, ref: v} }
func structure(r *Row) Value     { return Value{Kind: Struct, ref: r} }
func (v Value) row() *Row        { return v.ref.(*Row) }
func (v Value) items() []Value   { return v.ref.([]Value) }
func (v Value) int() int64       { return int64(v.bits) }
func (v Value) float() float64   { return math.Float64frombits(v.bits) }
func (v Value) stamp() Timestamp { return v.ref.(Timestamp) }

func decimal(d *apd.Decimal) Value { return Value{Kind: Decimal, ref: d} }

// true tells whether v is TRUE, which is neither FALSE nor unknown.
func (v Value) true() bool { return v.Kind == Bool && v.bits == 1 }

// unknown tells whether v is NULL or MISSING.
func (v Value) unknown() bool { return v.Kind <= Null }

func (v Value) isNumber() bool { return v.Kind == Int || v.Kind == Float || v.Kind == Decimal }
func (v Value) isString() bool { return v.Kind == String || v.Kind == Text }

// number is the value of a literal, which is a number by its syntax. Decimals
// keep their digits: they are only worked out when they are computed with.
func number(s string) Value {
	if !strings.ContainsAny(s, ".eE") {
		if n, err := strconv.ParseInt(s, 10, 64); err == nil {
			return Value{Kind: Int, bits: uint64(n), text: s}
		}
	}
	return Value{Kind: Decimal, text: s}
}

// asNumber is v as a number, if it is one or a field that looks like one.
func (v Value) asNumber() (Value, bool) {
	if v.Kind != Text {
		return v, v.isNumber()
	}
	s := strings.TrimSpace(v.text)
	if !numeric(s) {
		return v, false
	}
	n, err := literal(strings.TrimPrefix(s, "+"))
	return n, err == nil
}

// literal is a number that was written more freely than in JSON: it keeps no
// text.
func literal(s string) (Value, error) {
	n := number(s)
	if n.text = ""; n.Kind == Int {
		return n, nil
	}
	d, err := Value{Kind: Decimal, text: s}.asDecimal()
	return decimal(d), err
}

// numeric tells whether s is a number: digits with at most a sign, a point and
// an exponent.
func numeric(s string) bool {
	if len(s) > 0 && (s[0] == '-' || s[0] == '+') {
		s = s[1:]
	}
	digits, point := 0, false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case isDigit(c):
			digits++
		case c == '.' && !point:
			point = true
		case c|0x20 == 'e' && digits > 0:
			_, err := strconv.ParseInt(s[i+1:], 10, 32)
			return err == nil
		default:
			return false
		}
	}
	return digits > 0
}

// field is the member of a row that the step names.
func (r *Row) field(s *step) (Value, error) {
	if r.Positional && s.column > 0 {
		if s.column <= len(r.Values) {
			return r.Values[s.column-1], nil
		}
		return Value{}, nil
	}
	i, err := s.find(r.Names)
	if err != nil || i < 0 || i >= len(r.Values) {
		return Value{}, err
	}
	return r.Values[i], nil
}

// find is the index of the name that the step means, -1 if there is none.
func (s *step) find(names []string) (int, error) {
	found := -1
	for i, name := range names {
		if !s.matches(name) {
			continue
		}
		if found >= 0 && names[found] != name {
			return -1, errAmbiguous
		}
		if found < 0 {
			found = i
		}
	}
	return found, nil
}

// matches tells whether the step means the name: without quotation marks the
// case of letters does not matter.
func (s *step) matches(name string) bool {
	return s.name == name || !s.exact && len(s.name) == len(name) && strings.EqualFold(s.name, name)
}

func itoa(n int) string { return strconv.Itoa(n) }
