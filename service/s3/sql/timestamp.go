package sql

import (
	"strconv"
	"strings"
	"time"
)

// precision is how much of a timestamp is known: the parts down to it.
// Beyond seconds, it counts the digits of the fraction.
type precision int

const (
	toYear precision = iota
	toMonth
	toDay
	toMinute
	toSecond
)

// Timestamp is a moment, with its offset from UTC and no more precision than
// it was given with.
type Timestamp struct {
	At        time.Time
	Precision precision
}

var layouts = [...]string{"2006T", "2006-01T", "2006-01-02", "2006-01-02T15:04Z07:00", "2006-01-02T15:04:05Z07:00"}

// String is the timestamp as Ion writes it.
func (t Timestamp) String() string {
	if t.Precision <= toSecond {
		return t.At.Format(layouts[t.Precision])
	}
	return t.At.Format("2006-01-02T15:04:05." + strings.Repeat("0", int(t.Precision-toSecond)) + "Z07:00")
}

// parseTimestamp reads what String writes, and days with a T behind them.
func parseTimestamp(s string) (Timestamp, error) {
	if strings.Contains(s, ",") { // which Parse takes for a point
		return Timestamp{}, errTimestamp
	}
	for p, layout := range layouts {
		if p >= int(toMinute) {
			s = strings.Replace(s, "-00:00", "Z", 1) // an offset that nobody knows
		}
		if at, err := time.Parse(layout, s); err == nil {
			t := Timestamp{at, precision(p)}
			if _, rest, ok := strings.Cut(s, "."); ok { // Parse takes fractions where the layout has none
				digits := len(rest) - len(strings.TrimLeft(rest, "0123456789"))
				t.Precision += precision(min(digits, 9))
			}
			return t, nil
		}
	}
	if at, err := time.Parse("2006-01-02T", s); err == nil {
		return Timestamp{at, toDay}, nil
	}
	return Timestamp{}, errTimestamp
}

// datePart is a unit that dates are counted and taken apart in.
var dateParts = map[string]precision{"year": toYear, "month": toMonth, "day": toDay, "hour": toMinute, "minute": toMinute, "second": toSecond}

// add is DATE_ADD. The result is as precise as the part that was added.
func (t Timestamp) add(part string, n int64) (Timestamp, error) {
	const most = 10_000 * 366 * 86_400 // seconds in all years there are
	if n > most || n < -most {
		return t, errOverflow
	}
	at := t.At
	switch part {
	case "year":
		at = addMonths(at, 12*n)
	case "month":
		at = addMonths(at, n)
	case "day":
		at = at.AddDate(0, 0, int(n))
	default:
		unit := map[string]int64{"hour": 3600, "minute": 60, "second": 1}[part]
		at = time.Unix(at.Unix()+n*unit, int64(at.Nanosecond())).In(at.Location())
	}
	if y := at.Year(); y < 1 || y > 9999 {
		return t, errOverflow
	}
	return Timestamp{at, max(t.Precision, dateParts[part])}, nil
}

// addMonths keeps to the month that it comes to: a month after January 31 is
// the last day of February.
func addMonths(t time.Time, n int64) time.Time {
	first := time.Date(t.Year(), t.Month()+time.Month(n), 1, t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), t.Location())
	last := first.AddDate(0, 1, -1).Day()
	return first.AddDate(0, 0, min(t.Day(), last)-1)
}

// diff is DATE_DIFF: the whole parts from t to u.
func (t Timestamp) diff(part string, u Timestamp) int64 {
	a, b := t.At.UTC(), u.At.UTC()
	switch part {
	case "year":
		return months(a, b) / 12
	case "month":
		return months(a, b)
	}
	unit := map[string]int64{"day": 86_400_000, "hour": 3_600_000, "minute": 60_000, "second": 1000}[part]
	return (b.UnixMilli() - a.UnixMilli()) / unit
}

// months counts the whole months from a to b.
func months(a, b time.Time) int64 {
	if b.Before(a) {
		return -months(b, a)
	}
	n := int64(b.Year()-a.Year())*12 + int64(b.Month()-a.Month())
	if addMonths(a, n).After(b) {
		n--
	}
	return n
}

// extract is EXTRACT.
func (t Timestamp) extract(part string) (Value, error) {
	_, offset := t.At.Zone()
	n := 0
	switch part {
	case "year":
		n = t.At.Year()
	case "month":
		n = int(t.At.Month())
	case "day":
		n = t.At.Day()
	case "hour":
		n = t.At.Hour()
	case "minute":
		n = t.At.Minute()
	case "second":
		if t.Precision > toSecond {
			return number(t.At.Format("5." + strings.Repeat("0", int(t.Precision-toSecond)))), nil
		}
		n = t.At.Second()
	case "timezone_hour":
		n = offset / 3600
	case "timezone_minute":
		n = offset / 60 % 60
	}
	return integer(int64(n)), nil
}

// symbols are the symbols of patterns of timestamps, and Go's for the same.
// What has none is written by hand.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/s3-select-sql-reference-date.html
var symbols = map[string]string{
	"y": "2006", "yy": "06", "yyyy": "2006",
	"M": "1", "MM": "01", "MMM": "Jan", "MMMM": "January", "MMMMM": "",
	"d": "2", "dd": "02", "a": "PM", "h": "3", "hh": "03", "H": "", "HH": "15",
	"m": "4", "mm": "04", "s": "5", "ss": "05", "n": "",
	"X": "Z07", "XX": "Z0700", "XXX": "Z07:00", "XXXX": "Z0700", "XXXXX": "Z07:00",
	"x": "-07", "xx": "-0700", "xxx": "-07:00", "xxxx": "-0700", "xxxxx": "-07:00",
}

// patternWord is a piece of a pattern: a symbol, or text as it is.
type patternWord struct {
	text   string
	symbol bool
}

// splitPattern takes a pattern apart. Text between quotes is no symbol.
func splitPattern(pattern string) ([]patternWord, error) {
	var words []patternWord
	for i := 0; i < len(pattern); {
		c := pattern[i]
		j := i + 1
		switch {
		case c == '\'':
			n := strings.IndexByte(pattern[j:], '\'')
			if n < 0 {
				return nil, errPatternOpen
			}
			words = append(words, patternWord{text: pattern[j : j+n]})
			j += n + 1
		case c|0x20 >= 'a' && c|0x20 <= 'z':
			for j < len(pattern) && pattern[j] == c {
				j++
			}
			if _, ok := symbols[pattern[i:j]]; !ok && c != 'S' {
				return nil, errPatternSymbol
			}
			words = append(words, patternWord{pattern[i:j], true})
		default:
			words = append(words, patternWord{text: pattern[i:j]})
		}
		i = j
	}
	return words, nil
}

// format is TO_STRING.
func (t Timestamp) format(pattern string) (string, error) {
	words, err := splitPattern(pattern)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	for _, w := range words {
		switch {
		case !w.symbol:
			b.WriteString(w.text)
		case w.text == "MMMMM":
			b.WriteString(t.At.Month().String()[:1])
		case w.text == "H":
			b.WriteString(strconv.Itoa(t.At.Hour()))
		case w.text == "n":
			b.WriteString(strconv.Itoa(t.At.Nanosecond()))
		case w.text[0] == 'S':
			digits := t.At.Format(".000000000")[1:]
			for len(digits) < len(w.text) {
				digits += "0"
			}
			b.WriteString(digits[:len(w.text)])
		default:
			b.WriteString(t.At.Format(symbols[w.text]))
		}
	}
	return b.String(), nil
}

// parseWith is TO_TIMESTAMP with a pattern.
func parseWith(s, pattern string) (Timestamp, error) {
	words, err := splitPattern(pattern)
	if err != nil {
		return Timestamp{}, err
	}
	if len(words) == 0 {
		return Timestamp{}, errPattern
	}
	var layout strings.Builder
	p := toYear
	for _, w := range words {
		switch {
		case !w.symbol:
			layout.WriteString(w.text)
			continue
		case w.text[0] == 'S':
			// Go reads fractions only behind the seconds' point.
			if n := layout.Len(); n == 0 || layout.String()[n-1] != '.' {
				return Timestamp{}, errPatternParse
			}
			layout.WriteString(strings.Repeat("0", min(len(w.text), 9)))
			p = max(p, toSecond+precision(min(len(w.text), 9)))
			continue
		case w.text == "H":
			layout.WriteString("15")
		case symbols[w.text] == "":
			return Timestamp{}, errPatternParse
		default:
			layout.WriteString(symbols[w.text])
		}
		p = max(p, map[byte]precision{'M': toMonth, 'd': toDay, 'h': toMinute, 'H': toMinute, 'm': toMinute, 's': toSecond}[w.text[0]])
	}
	at, err := time.Parse(layout.String(), s)
	if err != nil {
		return Timestamp{}, errTimestamp
	}
	return Timestamp{at, p}, nil
}
