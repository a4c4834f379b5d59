package sql

import (
	"cmp"
	"math"
	"strconv"
	"strings"

	"github.com/cockroachdb/apd/v3"
)

var errNumber = invalid("NumberFormatError", "Encountered an error while parsing a number: this can be caused by underflow or overflow.")

// arithmetic is what decimals are computed in: 38 digits, as the service has
// them, and exponents that keep each number small in memory.
func arithmetic() *apd.Context {
	c := apd.BaseContext.WithPrecision(38)
	c.MaxExponent, c.MinExponent = 6144, -6143
	return c
}

// asDecimal is a number of any kind as a decimal.
func (v Value) asDecimal() (*apd.Decimal, error) {
	if d, ok := v.ref.(*apd.Decimal); ok {
		return d, nil
	}
	switch v.Kind {
	case Int:
		return apd.New(v.int(), 0), nil
	case Float:
		d, err := new(apd.Decimal).SetFloat64(v.float())
		if err != nil {
			return nil, errNumber
		}
		return d, nil
	}
	d, _, err := arithmetic().NewFromString(v.text)
	if err != nil || d.Form != apd.Finite {
		return nil, errNumber
	}
	return d, nil
}

func (v Value) asFloat() (float64, error) {
	switch v.Kind {
	case Int:
		return float64(v.int()), nil
	case Float:
		return v.float(), nil
	}
	d, err := v.asDecimal()
	if err != nil {
		return 0, err
	}
	f, err := d.Float64()
	if err != nil {
		return 0, errNumber
	}
	return f, nil
}

// asInt is a number without its fraction.
func (v Value) asInt() (int64, error) {
	switch v.Kind {
	case Int:
		return v.int(), nil
	case Float:
		f := math.Trunc(v.float())
		if !(f >= math.MinInt64 && f < math.MaxInt64) {
			return 0, errOverflow
		}
		return int64(f), nil
	}
	d, err := v.asDecimal()
	if err != nil {
		return 0, err
	}
	if !d.IsZero() && d.NumDigits()+int64(d.Exponent) > 19 {
		return 0, errOverflow
	}
	var whole apd.Decimal
	c := arithmetic()
	c.Rounding = apd.RoundDown
	if _, err := c.RoundToIntegralValue(&whole, d); err != nil {
		return 0, errNumber
	}
	n, err := whole.Int64()
	if err != nil {
		return 0, errOverflow
	}
	return n, nil
}

// numberText is how a number is written.
func (v Value) numberText() string {
	if v.text != "" {
		return v.text
	}
	switch v.Kind {
	case Int:
		return strconv.FormatInt(v.int(), 10)
	case Float:
		return strconv.FormatFloat(v.float(), 'G', -1, 64)
	}
	d, _ := v.asDecimal()
	if d.Exponent <= 0 && d.Exponent > -40 {
		return d.Text('f')
	}
	return strings.ToUpper(d.String())
}

// compute applies an arithmetic operator. What is unknown stays so.
func compute(op byte, a, b Value) (Value, error) {
	if a.unknown() || b.unknown() {
		return Value{Kind: min(a.Kind, b.Kind, Null)}, nil
	}
	a, okA := a.asNumber()
	b, okB := b.asNumber()
	if !okA || !okB {
		return Value{}, errArgumentType
	}
	switch {
	case a.Kind == Int && b.Kind == Int:
		n, err := computeInt(op, a.int(), b.int())
		return integer(n), err
	case a.Kind == Float || b.Kind == Float:
		return computeFloat(op, a, b)
	}
	return computeDecimal(op, a, b)
}

func computeInt(op byte, a, b int64) (n int64, err error) {
	switch op {
	case '+':
		if n = a + b; (n > a) != (b > 0) {
			err = errOverflow
		}
	case '-':
		if n = a - b; (n < a) != (b > 0) {
			err = errOverflow
		}
	case '*':
		n = a * b
		if a != 0 && (n/a != b || a == -1 && b == math.MinInt64) {
			err = errOverflow
		}
	default:
		switch {
		case b == 0:
			return 0, errEvaluate
		case a == math.MinInt64 && b == -1:
			return 0, errOverflow
		case op == '/':
			return a / b, nil
		}
		return a % b, nil
	}
	return n, err
}

func computeFloat(op byte, a, b Value) (Value, error) {
	x, err := a.asFloat()
	if err != nil {
		return Value{}, err
	}
	y, err := b.asFloat()
	if err != nil {
		return Value{}, err
	}
	switch op {
	case '+':
		x += y
	case '-':
		x -= y
	case '*':
		x *= y
	case '/':
		x /= y
	default:
		x = math.Mod(x, y)
	}
	if math.IsInf(x, 0) || math.IsNaN(x) {
		return Value{}, errEvaluate
	}
	return float(x), nil
}

func computeDecimal(op byte, a, b Value) (Value, error) {
	x, err := a.asDecimal()
	if err != nil {
		return Value{}, err
	}
	y, err := b.asDecimal()
	if err != nil {
		return Value{}, err
	}
	var d apd.Decimal
	c := arithmetic()
	switch op {
	case '+':
		_, err = c.Add(&d, x, y)
	case '-':
		_, err = c.Sub(&d, x, y)
	case '*':
		_, err = c.Mul(&d, x, y)
	case '/':
		_, err = c.Quo(&d, x, y)
	default:
		_, err = c.Rem(&d, x, y)
	}
	if err != nil {
		return Value{}, errEvaluate
	}
	if op == '/' {
		d.Reduce(&d)
	}
	return decimal(&d), nil
}

// compare orders two values; ok is false where their kinds have no order.
func compare(a, b Value) (order int, ok bool, err error) {
	switch {
	case a.isString() && b.isString():
		return strings.Compare(a.text, b.text), true, nil
	case a.Kind == Bool && b.Kind == Bool:
		return cmp.Compare(a.bits, b.bits), true, nil
	case a.Kind == Time && b.Kind == Time:
		return a.stamp().At.Compare(b.stamp().At), true, nil
	}
	a, okA := a.asNumber()
	b, okB := b.asNumber()
	if !okA || !okB {
		return 0, false, nil
	}
	switch {
	case a.Kind == Int && b.Kind == Int:
		return cmp.Compare(a.int(), b.int()), true, nil
	case a.Kind == Float || b.Kind == Float:
		x, errX := a.asFloat()
		y, errY := b.asFloat()
		return cmp.Compare(x, y), true, cmp.Or(errX, errY)
	}
	x, err := a.asDecimal()
	if err != nil {
		return 0, false, err
	}
	y, err := b.asDecimal()
	if err != nil {
		return 0, false, err
	}
	return x.Cmp(y), true, nil
}

// equal tells whether two known values are the same; what cannot be compared
// is not.
func equal(a, b Value) (bool, error) {
	if a.Kind == List && b.Kind == List {
		x, y := a.items(), b.items()
		if len(x) != len(y) {
			return false, nil
		}
		for i := range x {
			if same, err := equal(x[i], y[i]); !same || err != nil {
				return false, err
			}
		}
		return true, nil
	}
	if a.unknown() && b.unknown() {
		return true, nil
	}
	order, ok, err := compare(a, b)
	return ok && order == 0, err
}

// cast converts a value to the kind.
func cast(v Value, to Kind) (Value, error) {
	if v.unknown() || v.Kind == to {
		return v, nil
	}
	out, err := convert(v, to)
	if err != nil {
		return Value{}, errCast
	}
	return out, nil
}

func convert(v Value, to Kind) (Value, error) {
	switch to {
	case String:
		s, ok := v.asText()
		if !ok {
			return Value{}, errCast
		}
		return text(s), nil
	case Bool:
		return toBool(v)
	case Time:
		if !v.isString() {
			return Value{}, errCast
		}
		t, err := parseTimestamp(strings.TrimSpace(v.text))
		return stamp(t), err
	}
	n := v
	switch {
	case v.isString():
		v.Kind = Text
		var ok bool
		if n, ok = v.asNumber(); !ok || to == Int && n.Kind != Int {
			return Value{}, errCast
		}
	case v.Kind == Bool:
		n = integer(int64(v.bits))
	case !v.isNumber():
		return Value{}, errCast
	}
	return toNumber(n, to)
}

func toNumber(n Value, to Kind) (Value, error) {
	switch to {
	case Int:
		i, err := n.asInt()
		return integer(i), err
	case Float:
		f, err := n.asFloat()
		return float(f), err
	}
	d, err := n.asDecimal()
	return decimal(d), err
}

func toBool(v Value) (Value, error) {
	switch {
	case v.isString() && strings.EqualFold(v.text, "true"):
		return boolean(true), nil
	case v.isString() && strings.EqualFold(v.text, "false"):
		return boolean(false), nil
	case v.isNumber():
		f, err := v.asFloat()
		return boolean(f != 0), err
	}
	return Value{}, errCast
}

// asText is a scalar as a string.
func (v Value) asText() (string, bool) {
	switch v.Kind {
	case String, Text:
		return v.text, true
	case Bool:
		return strconv.FormatBool(v.true()), true
	case Int, Float, Decimal:
		return v.numberText(), true
	case Time:
		return v.stamp().String(), true
	}
	return "", false
}
