package sigv4

import (
	"crypto/sha256"
	"errors"
	"hash"
	"io"
	"net/http"
	"strconv"
	"strings"

	"pileus/cloud"
)

// Body is a request's body, verified as it is read and, where it came in
// chunks, decoded. Only io.EOF says that it was received whole and unchanged:
// whoever stores it must read up to there and discard what came before any
// other error.
type Body struct {
	src     io.Reader // where plain bytes come from
	closer  io.Closer
	length  int64     // of the content; -1 where the client did not say
	left    int64     // bytes still to come where length is known
	sum     hash.Hash // of a body whose digest was signed
	want    string
	trailer http.Header
	err     error // final
}

// errIncomplete answers a body that ended early.
var errIncomplete = cloud.Errorf(http.StatusBadRequest, "IncompleteBody", "The request body terminated unexpectedly")

// errLength answers a body that is not as long as announced.
var errLength = cloud.Errorf(http.StatusBadRequest, "IncompleteBody", "You did not provide the number of bytes specified by the Content-Length HTTP header")

// errNoLength answers a chunked upload that does not say how long its content is.
var errNoLength = cloud.Errorf(http.StatusLengthRequired, "MissingContentLength", "You must provide the Content-Length HTTP header.")

// Anonymous is the result of a request without credentials: its body may be
// in unsigned chunks all the same.
func Anonymous(r *http.Request) *Result {
	return &Result{Payload: first(r.Header["X-Amz-Content-Sha256"]), verified: true}
}

// Unverified is the result of a request whose signature is not looked at,
// where a cloud is run so: its body is decoded by its payload mode, but
// signatures of chunks and trailers are not checked either.
func Unverified(r *http.Request) *Result {
	res := Anonymous(r)
	res.lax = true
	return res
}

// Body is the content of an S3 request: r.Body decoded and verified by what
// x-amz-content-sha256 says of it. The result must come from Verify,
// Anonymous or Unverified.
func (res *Result) Body(r *http.Request) (*Body, error) {
	if !res.verified {
		return nil, errors.New("sigv4: the body of a request that was not verified")
	}
	b := &Body{src: r.Body, closer: r.Body, length: r.ContentLength}
	if r.Body == nil {
		b.src, b.closer = http.NoBody, http.NoBody
	}
	switch res.Payload {
	case StreamingSigned, StreamingTrailer, StreamingPlain:
		if res.key == nil && !res.lax && res.Payload != StreamingPlain {
			return nil, cloud.Errorf(http.StatusForbidden, "AccessDenied", "Access Denied")
		}
		length, err := decodedLength(r)
		if err != nil {
			return nil, err
		}
		b.length = length
		b.src = newChunks(b, res, r)
	default:
		if isDigest(res.Payload) {
			b.sum, b.want = sha256.New(), strings.ToLower(res.Payload)
		}
	}
	b.left = b.length
	return b, nil
}

// decodedLength is x-amz-decoded-content-length, which chunked uploads must have.
func decodedLength(r *http.Request) (int64, error) {
	n, err := strconv.ParseInt(first(r.Header["X-Amz-Decoded-Content-Length"]), 10, 64)
	if err != nil || n < 0 {
		return 0, errNoLength
	}
	return n, nil
}

// Len is the content's length in bytes, or -1 where the client did not say.
func (b *Body) Len() int64 { return b.length }

// Trailer holds the trailing headers of a chunked upload, nil for other bodies.
// The map may be taken early; it is filled, and proven, once Read has answered
// io.EOF.
func (b *Body) Trailer() http.Header { return b.trailer }

// Close closes the request's body. Like Read it is not for use by several
// goroutines at once.
func (b *Body) Close() error {
	if c, ok := b.src.(*chunks); ok && c.in != nil {
		c.release()
	}
	if b.err == nil {
		b.err = http.ErrBodyReadAfterClose
	}
	return b.closer.Close()
}

// Read reads content. Its errors are *cloud.Error where the client is at fault.
func (b *Body) Read(p []byte) (int, error) {
	if b.err != nil || len(p) == 0 {
		return 0, b.err
	}
	n, err := b.src.Read(p)
	if n > 0 && b.sum != nil {
		b.sum.Write(p[:n])
	}
	if b.length >= 0 {
		if b.left -= int64(n); b.left < 0 {
			n, err = 0, errLength
		}
	}
	if err != nil {
		b.err = b.final(err)
		err = b.err
	}
	return n, err
}

// final turns the source's last error into the body's.
func (b *Body) final(err error) error {
	var known *cloud.Error
	switch {
	case errors.As(err, &known):
		return err
	case err == io.ErrUnexpectedEOF:
		return errIncomplete
	case err != io.EOF:
		return err
	case b.length >= 0 && b.left > 0:
		return errLength
	case b.sum != nil:
		var buf [64]byte
		got := hexInPlace(b.sum.Sum(buf[:0]), 0)
		if !sameText(got, b.want) {
			return errDigest(b.want, string(got))
		}
	}
	return io.EOF
}

// errDigest answers a body that is not the one whose digest was signed.
func errDigest(want, got string) error {
	return cloud.Errorf(http.StatusBadRequest, "XAmzContentSHA256Mismatch", "The provided 'x-amz-content-sha256' header does not match what was computed.").
		With("ClientComputedContentSHA256", want).With("S3ComputedContentSHA256", got)
}

// VerifyBytes checks a whole body that was read already against the digest
// that was signed, where one was.
func (res *Result) VerifyBytes(body []byte) error {
	if !isDigest(res.Payload) {
		return nil
	}
	got := digest(body)
	if want := strings.ToLower(res.Payload); got != want {
		return errDigest(want, got)
	}
	return nil
}
