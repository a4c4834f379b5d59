package wire

import (
	"errors"
	"math"
	"strconv"
	"strings"
	"time"
)

// tsFormat is a timestamp's form; zero is the protocol's own.
type tsFormat uint8

const (
	tsDefault  tsFormat = iota
	tsUnix              // seconds since 1970, with fraction
	tsISO               // 2006-01-02T15:04:05Z
	tsHTTP              // Mon, 02 Jan 2006 15:04:05 GMT
	tsISOMilli          // 2006-01-02T15:04:05.000Z, always
)

const httpTime = "Mon, 02 Jan 2006 15:04:05 GMT"

var errTime = errors.New("not a timestamp")

// parseTime reads a timestamp in any of the forms that AWS accepts.
func parseTime(s string) (time.Time, error) {
	s = strings.TrimSpace(s)
	if s == "" {
		return time.Time{}, errTime
	}
	if c := s[0]; c == '-' || c == '.' || (c >= '0' && c <= '9' && !strings.ContainsAny(s, "T:")) {
		f, err := strconv.ParseFloat(s, 64)
		if err != nil {
			if t, derr := time.Parse(time.DateOnly, s); derr == nil && t.Year() >= 1 {
				return t, nil
			}
			return time.Time{}, errTime
		}
		return unixTime(f)
	}
	for _, layout := range [...]string{time.RFC3339Nano, httpTime, "2006-01-02T15:04:05.999999999", "2006-01-02T15:04Z07:00", time.RFC1123Z, time.RFC1123, time.RFC850, time.ANSIC, "20060102T150405Z"} {
		t, err := time.Parse(layout, s)
		if t = t.UTC(); err == nil && t.Year() >= 1 && t.Year() <= 9999 {
			return t, nil
		}
	}
	return time.Time{}, errTime
}

// unixTime turns seconds into a time; years beyond 1 to 9999 are refused, for
// no format can write them.
func unixTime(f float64) (time.Time, error) {
	if math.IsNaN(f) || f < -62135596800 || f >= 253402300800 {
		return time.Time{}, errTime
	}
	s, frac := math.Modf(f)
	return time.Unix(int64(s), int64(math.Round(frac*1e6))*1e3).UTC(), nil
}

func appendTime(b []byte, t time.Time, f tsFormat) []byte {
	t = t.UTC()
	switch f {
	case tsUnix:
		ms := t.UnixMilli()
		if ms < 0 {
			b, ms = append(b, '-'), -ms
		}
		b = strconv.AppendInt(b, ms/1000, 10)
		if ms %= 1000; ms != 0 {
			b = append(b, '.', byte('0'+ms/100), byte('0'+ms/10%10), byte('0'+ms%10))
		}
		return b
	case tsHTTP:
		return t.AppendFormat(b, httpTime)
	case tsISOMilli:
		return appendISO(b, t, true)
	}
	return appendISO(b, t, t.Nanosecond()/1e6 != 0)
}

// appendISO is AppendFormat for the one layout that lists of a thousand
// objects write a thousand times.
func appendISO(b []byte, t time.Time, milli bool) []byte {
	year, month, day := t.Date()
	if year < 0 || year > 9999 {
		return t.AppendFormat(b, "2006-01-02T15:04:05Z")
	}
	hour, minute, sec := t.Clock()
	b = append(b, byte('0'+year/1000), byte('0'+year/100%10), byte('0'+year/10%10), byte('0'+year%10))
	two := func(sep byte, n int) { b = append(b, sep, byte('0'+n/10), byte('0'+n%10)) }
	two('-', int(month))
	two('-', day)
	two('T', hour)
	two(':', minute)
	two(':', sec)
	if milli {
		ms := t.Nanosecond() / 1e6
		b = append(b, '.', byte('0'+ms/100), byte('0'+ms/10%10), byte('0'+ms%10))
	}
	return append(b, 'Z')
}
