package wire

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"
)

var errScalar = errors.New("value has the wrong type")

// setText sets a scalar from its textual form: query parameters, headers, URI
// labels, XML text.
func (n *node) setText(v reflect.Value, s string) error {
	v = n.into(v)
	switch n.kind {
	case kString:
		v.SetString(strings.Clone(s))
	case kInt:
		i, err := strconv.ParseInt(strings.TrimSpace(s), 10, n.bits)
		if err != nil {
			return errScalar
		}
		v.SetInt(i)
	case kBool:
		switch {
		case strings.EqualFold(s, "true"), s == "1":
			v.SetBool(true)
		case strings.EqualFold(s, "false"), s == "0":
			v.SetBool(false)
		default:
			return errScalar
		}
	case kFloat:
		f, err := parseFloat(strings.TrimSpace(s))
		if err != nil {
			return err
		}
		v.SetFloat(f)
	case kTime:
		t, err := parseTime(s)
		if err != nil {
			return err
		}
		*v.Addr().Interface().(*time.Time) = t
	case kBlob:
		b, err := decodeBase64(s)
		if err != nil {
			return err
		}
		v.SetBytes(b)
	default:
		return errScalar
	}
	return nil
}

// parseFloat reads a number or the three words that stand for what JSON and
// XML have no numbers for.
func parseFloat(s string) (float64, error) {
	switch s {
	case "NaN":
		return math.NaN(), nil
	case "Infinity":
		return math.Inf(1), nil
	case "-Infinity":
		return math.Inf(-1), nil
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsInf(f, 0) || math.IsNaN(f) || strings.ContainsAny(s, "xX_pP") {
		return 0, errScalar
	}
	return f, nil
}

func decodeBase64(s string) ([]byte, error) {
	b, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		b, err = base64.RawStdEncoding.DecodeString(s)
	}
	if err != nil {
		return nil, errScalar
	}
	if b == nil {
		b = []byte{}
	}
	return b, nil
}

// appendText writes a scalar's textual form, without any escaping.
func (n *node) appendText(b []byte, v reflect.Value, ts tsFormat) []byte {
	switch n.kind {
	case kString:
		return append(b, v.String()...)
	case kInt:
		return strconv.AppendInt(b, v.Int(), 10)
	case kBool:
		return strconv.AppendBool(b, v.Bool())
	case kFloat:
		return appendFloat(b, v.Float())
	case kTime:
		return appendTime(b, timeOf(v), n.format(ts))
	case kBlob:
		return base64.StdEncoding.AppendEncode(b, v.Bytes())
	}
	return b
}

// format is the member's own timestamp format, or the protocol's.
func (n *node) format(def tsFormat) tsFormat {
	if n.facts.ts != tsDefault {
		return n.facts.ts
	}
	return def
}

func timeOf(v reflect.Value) time.Time {
	if v.CanAddr() {
		return *v.Addr().Interface().(*time.Time)
	}
	return v.Interface().(time.Time)
}

// appendFloat writes a number the way AWS's services do, whose whole numbers
// keep a fraction: clients that tell integers from floats print 13.0, not 13.
func appendFloat(b []byte, f float64) []byte {
	switch {
	case math.IsNaN(f):
		return append(b, "NaN"...)
	case math.IsInf(f, 1):
		return append(b, "Infinity"...)
	case math.IsInf(f, -1):
		return append(b, "-Infinity"...)
	}
	if a := math.Abs(f); a != 0 && (a < 1e-6 || a >= 1e21) {
		return strconv.AppendFloat(b, f, 'e', -1, 64)
	}
	b = strconv.AppendFloat(b, f, 'f', -1, 64)
	if f == math.Trunc(f) {
		b = append(b, ".0"...)
	}
	return b
}

func validJSON(s string) bool { return json.Valid([]byte(s)) }
