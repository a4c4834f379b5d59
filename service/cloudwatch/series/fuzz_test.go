package series

import "testing"

// A row that is damaged is an error, and never a panic.
func FuzzParsePoints(f *testing.F) {
	f.Add(appendPoints(nil, 0, []Point{{Time: 1, Unit: "None", Set: Of(Bin{1, 1}, Bin{2, 3})}, {Time: 2, Unit: "Count", Set: Summary(2, 3, 1, 2)}}))
	f.Add([]byte{0, 0, formBins})
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, full := range []bool{false, true} {
			n := 0
			if err := parsePoints(b, 0, full, func(*Point) { n++ }); err == nil && len(b) > 0 && n == 0 {
				t.Error("bytes without a point are no error")
			}
		}
	})
}
