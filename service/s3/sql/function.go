package sql

import (
	"strings"
	"unicode/utf8"
)

// function is a call. Part is the word among the arguments that is no
// expression: a part of dates, a side of strings.
type function struct {
	f    func(part string, of []Value, now Value) (Value, error)
	part string
	of   []node
}

func (n *function) eval(s *scope) (Value, error) {
	var few [4]Value
	of := few[:0]
	for _, x := range n.of {
		v, err := x.eval(s)
		if err != nil {
			return v, err
		}
		of = append(of, v)
	}
	return n.f(n.part, of, s.now)
}

// functions are those with ordinary arguments: how many they take at least and
// at most, and whether a part of dates stands before them.
var functions = map[string]struct {
	least, most int
	dated       bool
	eval        func(part string, of []Value, now Value) (Value, error)
}{
	"char_length":      {1, 1, false, charLength},
	"character_length": {1, 1, false, charLength},
	"lower":            {1, 1, false, lower},
	"upper":            {1, 1, false, upper},
	"coalesce":         {1, 1000, false, coalesce},
	"nullif":           {2, 2, false, nullIf},
	"utcnow":           {0, 0, false, utcNow},
	"to_string":        {2, 2, false, toString},
	"to_timestamp":     {1, 2, false, toTimestamp},
	"date_add":         {2, 2, true, dateAdd},
	"date_diff":        {2, 2, true, dateDiff},
}

// unknowable tells whether an argument is unknown, which makes most functions'
// results unknown.
func unknowable(of []Value) bool {
	for _, v := range of {
		if v.unknown() {
			return true
		}
	}
	return false
}

// stringsOnly checks arguments that must be strings; ok is false where one is
// unknown.
func stringsOnly(of []Value) (ok bool, err error) {
	if unknowable(of) {
		return false, nil
	}
	for _, v := range of {
		if !v.isString() {
			return false, errArgumentType
		}
	}
	return true, nil
}

func charLength(_ string, of []Value, _ Value) (Value, error) {
	if ok, err := stringsOnly(of); !ok {
		return null, err
	}
	return integer(int64(utf8.RuneCountInString(of[0].text))), nil
}

func lower(_ string, of []Value, _ Value) (Value, error) {
	if ok, err := stringsOnly(of); !ok {
		return null, err
	}
	return text(strings.ToLower(of[0].text)), nil
}

func upper(_ string, of []Value, _ Value) (Value, error) {
	if ok, err := stringsOnly(of); !ok {
		return null, err
	}
	return text(strings.ToUpper(of[0].text)), nil
}

// substring counts characters from 1. What begins before 1 begins at 1.
func substring(_ string, of []Value, _ Value) (Value, error) {
	if unknowable(of) {
		return null, nil
	}
	if !of[0].isString() {
		return Value{}, errArgumentType
	}
	bounds := []int64{1, 1 << 31}
	for i, v := range of[1:] {
		n, ok := v.asNumber()
		if !ok {
			return Value{}, errArgumentType
		}
		var err error
		if bounds[i], err = n.asInt(); err != nil {
			return Value{}, err
		}
	}
	if bounds[1] < 0 {
		return Value{}, errArgumentCount
	}
	s := skipRunes(of[0].text, bounds[0]-1)
	return text(s[:len(s)-len(skipRunes(s, bounds[1]))]), nil
}

// skipRunes is s without its first n characters.
func skipRunes(s string, n int64) string {
	for ; n > 0 && s != ""; n-- {
		_, size := utf8.DecodeRuneInString(s)
		s = s[size:]
	}
	return s
}

func trim(side string, of []Value, _ Value) (Value, error) {
	if ok, err := stringsOnly(of); !ok {
		return null, err
	}
	s, chars := of[0].text, of[1].text
	if side != "trailing" {
		s = strings.TrimLeft(s, chars)
	}
	if side != "leading" {
		s = strings.TrimRight(s, chars)
	}
	return text(s), nil
}

func coalesce(_ string, of []Value, _ Value) (Value, error) {
	for _, v := range of {
		if !v.unknown() {
			return v, nil
		}
	}
	return null, nil
}

func nullIf(_ string, of []Value, _ Value) (Value, error) {
	same, err := equal(of[0], of[1])
	if same || err != nil || of[0].unknown() {
		return null, err
	}
	return of[0], nil
}

func utcNow(_ string, _ []Value, now Value) (Value, error) { return now, nil }

// asTime is a timestamp, or a field of a CSV file that looks like one.
func asTime(v Value) (Timestamp, error) {
	switch v.Kind {
	case Time:
		return v.stamp(), nil
	case Text:
		return parseTimestamp(strings.TrimSpace(v.text))
	}
	return Timestamp{}, errArgumentType
}

func toString(_ string, of []Value, _ Value) (Value, error) {
	if unknowable(of) {
		return null, nil
	}
	t, err := asTime(of[0])
	if err != nil {
		return Value{}, err
	}
	if !of[1].isString() {
		return Value{}, errArgumentType
	}
	s, err := t.format(of[1].text)
	return text(s), err
}

func toTimestamp(_ string, of []Value, _ Value) (Value, error) {
	if ok, err := stringsOnly(of); !ok {
		return null, err
	}
	var t Timestamp
	var err error
	if len(of) == 2 {
		t, err = parseWith(of[0].text, of[1].text)
	} else {
		t, err = parseTimestamp(strings.TrimSpace(of[0].text))
	}
	return stamp(t), err
}

func dateAdd(part string, of []Value, _ Value) (Value, error) {
	if unknowable(of) {
		return null, nil
	}
	n, ok := of[0].asNumber()
	if !ok || n.Kind != Int {
		return Value{}, errArgumentType
	}
	t, err := asTime(of[1])
	if err != nil {
		return Value{}, err
	}
	t, err = t.add(part, n.int())
	return stamp(t), err
}

func dateDiff(part string, of []Value, _ Value) (Value, error) {
	if unknowable(of) {
		return null, nil
	}
	t, err := asTime(of[0])
	if err != nil {
		return Value{}, err
	}
	u, err := asTime(of[1])
	if err != nil {
		return Value{}, err
	}
	return integer(t.diff(part, u)), nil
}

func extract(part string, of []Value, _ Value) (Value, error) {
	if unknowable(of) {
		return null, nil
	}
	t, err := asTime(of[0])
	if err != nil {
		return Value{}, err
	}
	return t.extract(part)
}
