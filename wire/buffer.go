package wire

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"strings"
	"sync"
	"unsafe"

	"pileus/cloud"
)

// Limits that hold for every protocol.
const (
	maxDepth    = 64     // nesting of values
	maxElements = 20_000 // parameters of one query request
	keepBuffer  = 1 << 20
)

// buffers are what responses are built in.
var buffers = sync.Pool{New: func() any { b := make([]byte, 0, 4096); return &b }}

func getBuffer() *[]byte { return buffers.Get().(*[]byte) }

func putBuffer(p *[]byte, b []byte) {
	if cap(b) > keepBuffer {
		return
	}
	*p = b[:0]
	buffers.Put(p)
}

// ReadBody reads a request's body of at most limit bytes. The slice is the
// caller's own.
func ReadBody(r *http.Request, limit int64) ([]byte, error) {
	if r.Body == nil {
		return nil, nil
	}
	if r.ContentLength > limit {
		return nil, tooLarge(limit)
	}
	var b []byte
	var err error
	if r.ContentLength >= 0 {
		b = make([]byte, r.ContentLength)
		_, err = io.ReadFull(r.Body, b)
	} else {
		b, err = io.ReadAll(io.LimitReader(r.Body, limit+1))
	}
	if err != nil {
		return nil, cloud.Errorf(http.StatusBadRequest, "IncompleteBody", "The request body terminated unexpectedly.")
	}
	if int64(len(b)) > limit {
		return nil, tooLarge(limit)
	}
	return b, nil
}

// Inflate undoes a request's Content-Encoding: gzip, which clients use for
// large requests of a few services. Objects of S3 keep theirs.
func Inflate(r *http.Request, body []byte, limit int64) ([]byte, error) {
	if !strings.EqualFold(r.Header.Get("Content-Encoding"), "gzip") {
		return body, nil
	}
	z, err := gzip.NewReader(bytes.NewReader(body))
	if err == nil {
		body, err = io.ReadAll(io.LimitReader(z, limit+1))
	}
	if err != nil {
		return nil, serialization("the body is not gzip")
	}
	if int64(len(body)) > limit {
		return nil, tooLarge(limit)
	}
	return body, nil
}

func tooLarge(limit int64) *cloud.Error {
	return cloud.Errorf(http.StatusRequestEntityTooLarge, "RequestEntityTooLarge", "The request is larger than the limit of %d bytes.", limit)
}

// text views b as a string without copying; b must not change while it lives.
func text(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
