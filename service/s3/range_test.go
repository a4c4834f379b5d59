package s3

import "testing"

func TestRangesOfTenBytes(t *testing.T) {
	for _, test := range []struct {
		header       string
		size         int64
		from, length int64
		ok, refused  bool
	}{
		{header: "bytes=0-0", size: 10, length: 1, ok: true},
		{header: "bytes=2-5", size: 10, from: 2, length: 4, ok: true},
		{header: "bytes=2-", size: 10, from: 2, length: 8, ok: true},
		{header: "bytes=9-100", size: 10, from: 9, length: 1, ok: true},
		{header: "bytes=-3", size: 10, from: 7, length: 3, ok: true},
		{header: "bytes=-30", size: 10, length: 10, ok: true},
		{header: "bytes=10-", size: 10, refused: true},
		{header: "bytes=10-12", size: 10, refused: true},
		{header: "bytes=-0", size: 10, refused: true},
		{header: "bytes=0-", size: 0, refused: true},
		{header: "bytes=-1", size: 0, refused: true},
		{header: "bytes=5-2", size: 10},
		{header: "bytes=a-b", size: 10},
		{header: "bytes=", size: 10},
		{header: "bytes=-", size: 10},
		{header: "items=0-1", size: 10},
		{header: "bytes=0-1,3-4", size: 10}, // several ranges: the whole object
		{header: "bytes=99999999999999999999-", size: 10},
	} {
		s, ok, err := parseRange(test.header, test.size)
		if (err != nil) != test.refused || ok != test.ok || s.from != test.from || s.length != test.length {
			t.Errorf("%q of %d bytes: %+v, %v, %v", test.header, test.size, s, ok, err)
		}
	}
}

func FuzzRange(f *testing.F) {
	f.Add("bytes=0-1", int64(10))
	f.Add("bytes=-5", int64(3))
	f.Fuzz(func(t *testing.T, header string, size int64) {
		size &= 1<<50 - 1
		s, ok, err := parseRange(header, size)
		if ok && (err != nil || s.from < 0 || s.length <= 0 || s.from+s.length > size) {
			t.Fatalf("%q of %d bytes is %+v", header, size, s)
		}
	})
}
