package s3

import (
	"fmt"
	"strconv"
	"strings"
)

// span is a part of an object's content.
type span struct {
	from, length int64
	part         bool // it was asked for by range or part number: 206
}

// whole is all of an object.
func whole(o *Object) span { return span{length: o.Size} }

// header is the span as Content-Range.
func (s span) header(size int64) string {
	return fmt.Sprintf("bytes %d-%d/%d", s.from, s.from+s.length-1, size)
}

// parseRange is the span that a Range header asks for. What is not the syntax
// of one range of bytes is ignored, as RFC 9110 has it, and so are several
// ranges, which S3 does not offer.
func parseRange(header string, size int64) (s span, ok bool, err error) {
	spec, found := strings.CutPrefix(header, "bytes=")
	first, last, dash := strings.Cut(strings.TrimSpace(spec), "-")
	if !found || !dash || strings.Contains(spec, ",") {
		return span{}, false, nil
	}
	from, errFrom := parseOffset(first)
	to, errTo := parseOffset(last)
	switch {
	case first == "" && errTo == nil: // the last bytes
		if to == 0 || size == 0 {
			return span{}, false, errRange(header, size)
		}
		from, to = max(0, size-to), size-1
	case errFrom != nil || last != "" && errTo != nil || last != "" && to < from:
		return span{}, false, nil
	case from >= size:
		return span{}, false, errRange(header, size)
	case last == "" || to >= size:
		to = size - 1
	}
	return span{from, to - from + 1, true}, true, nil
}

func parseOffset(s string) (int64, error) {
	n, err := strconv.ParseUint(s, 10, 63)
	return int64(n), err
}

// copyRange is the span of x-amz-copy-source-range, which must lie within the
// source.
func copyRange(header string, o *Object) (span, error) {
	invalid := errArgument("x-amz-copy-source-range", header, "The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the zero-based offsets of the first and last bytes to copy")
	spec, found := strings.CutPrefix(header, "bytes=")
	first, last, dash := strings.Cut(spec, "-")
	from, errFrom := parseOffset(first)
	to, errTo := parseOffset(last)
	if !found || !dash || errFrom != nil || errTo != nil || to < from {
		return span{}, invalid
	}
	if to >= o.Size {
		return span{}, errArgument("x-amz-copy-source-range", header, "Range specified is not valid for source object of size: %d", o.Size)
	}
	return span{from, to - from + 1, true}, nil
}
