package store

import (
	"bytes"
	"math"
	"slices"
	"testing"
	"time"
)

// ordered are keys as they must sort.
func ordered() []Key {
	var keys []Key
	for _, b := range [][]byte{{}, {0}, {0, 0}, {0, 0xff}, {1}, {0xff}, {0xff, 0}, {0xff, 0xff}} {
		keys = append(keys, K(b))
	}
	for _, s := range []string{"", "\x00", "\x00\x01", "\x00\xff", "a", "a\x00", "a\x00b", "aa", "ab", "b", "\xff"} {
		keys = append(keys, K(s), K(s, ""), K(s, "z"))
	}
	for _, n := range []int64{math.MinInt64, -256, -1, 0, 1, 255, 256, math.MaxInt64} {
		keys = append(keys, K(n))
	}
	for _, at := range []time.Time{{}, time.Unix(-1, 0), time.Unix(0, 0), time.Unix(0, 1), time.Unix(1e9, 0), time.Date(3000, 1, 1, 0, 0, 0, 0, time.UTC)} {
		keys = append(keys, K(at))
	}
	return append(keys, K(false), K(true))
}

func TestKeysSortAsTheirElements(t *testing.T) {
	keys := ordered()
	for i, a := range keys {
		for j, b := range keys {
			got, want := bytes.Compare(a.Append(nil), b.Append(nil)), 0
			if i < j {
				want = -1
			} else if i > j {
				want = 1
			}
			if got != want {
				t.Errorf("%#v and %#v compare as %d, want %d", a, b, got, want)
			}
		}
	}
}

func TestKeysComeBack(t *testing.T) {
	for _, k := range ordered() {
		b := k.Append(nil)
		got, err := ParseKey(b)
		if err != nil || !bytes.Equal(got.Append(nil), b) || len(got) != len(k) {
			t.Errorf("%#v comes back as %#v, %v", k, got, err)
		}
	}
}

func TestNext(t *testing.T) {
	for _, c := range []struct{ prefix, next []byte }{
		{[]byte("a"), []byte("b")}, {[]byte("a\xff"), []byte("b")}, {[]byte("\xff"), nil}, {nil, nil}, {[]byte("a\x00"), []byte("a\x01")},
	} {
		if got := Next(c.prefix); !slices.Equal(got, c.next) {
			t.Errorf("Next(%q) is %q, want %q", c.prefix, got, c.next)
		}
	}
}

// FuzzParseKey: what parses encodes to the same bytes, and nothing panics.
func FuzzParseKey(f *testing.F) {
	for _, k := range ordered() {
		f.Add(k.Append(nil))
	}
	f.Add([]byte{tagString, 0, 0xff})
	f.Add([]byte{tagInt, 1})
	f.Add([]byte{99})
	f.Fuzz(func(t *testing.T, b []byte) {
		k, err := ParseKey(b)
		if err == nil && !bytes.Equal(k.Append(nil), b) {
			t.Errorf("%x parses as %#v, which is %x", b, k, k.Append(nil))
		}
	})
}
