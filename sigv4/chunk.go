package sigv4

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"errors"
	"hash"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"pileus/cloud"
)

const (
	chunkAlgorithm   = "AWS4-HMAC-SHA256-PAYLOAD"
	trailerAlgorithm = "AWS4-HMAC-SHA256-TRAILER"

	// minChunk is the least size of any signed chunk but the last.
	// https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html
	minChunk = 8 << 10

	chunkBuffer = 16 << 10 // longest line of framing, and what small reads share
	maxTrailer  = 8 << 10  // all trailing headers together
)

// chunks decodes the aws-chunked framing. Content is handed on as it arrives
// and hashed on the way; a chunk of any size needs no memory of its own.
type chunks struct {
	in       *bufio.Reader
	body     *Body
	res      *Result
	signed   bool
	declared []string // x-amz-trailer; nil where trailers are not allowed

	number  int   // of the chunk being read, from 1
	size    int64 // of it
	left    int64 // still unread of it
	open    bool  // a chunk has begun whose end has not been checked
	short   bool  // the chunk before was below minChunk, so it must have been the last
	sum     hash.Hash
	given   []byte // the signature on the chunk's line
	seed    []byte // the signature before it, which it chains to
	scratch []byte
}

// buffers are readers for framing, returned when a body is closed.
var buffers = sync.Pool{New: func() any { return bufio.NewReaderSize(nil, chunkBuffer) }}

// release gives the buffer back; nothing may be read afterwards.
func (c *chunks) release() {
	c.in.Reset(nil)
	buffers.Put(c.in)
	c.in = nil
}

func newChunks(b *Body, res *Result, r *http.Request) *chunks {
	in := buffers.Get().(*bufio.Reader)
	in.Reset(b.src)
	c := &chunks{in: in, body: b, res: res, signed: res.Payload != StreamingPlain && !res.lax}
	if c.signed {
		c.sum = sha256.New()
		c.seed = append(make([]byte, 0, 64), res.Signature...)
		c.given = make([]byte, 0, 64)
		c.scratch = make([]byte, 0, 512)
	}
	b.trailer = http.Header{}
	if res.Payload != StreamingSigned {
		for _, v := range r.Header["X-Amz-Trailer"] {
			for _, name := range strings.Split(v, ",") {
				if name = strings.ToLower(strings.TrimSpace(name)); name != "" {
					c.declared = append(c.declared, name)
				}
			}
		}
	}
	return c
}

// Read reads content across chunks.
func (c *chunks) Read(p []byte) (int, error) {
	for c.left == 0 {
		if err := c.next(); err != nil {
			return 0, unexpected(err)
		}
	}
	if int64(len(p)) > c.left {
		p = p[:c.left]
	}
	n, err := c.in.Read(p)
	c.left -= int64(n)
	if c.signed {
		c.sum.Write(p[:n])
	}
	return n, unexpected(err)
}

// unexpected makes an end in the middle one that the client is told of.
// io.EOF of a body that is complete is made by next alone.
func unexpected(err error) error {
	switch err {
	case io.EOF, io.ErrUnexpectedEOF:
		return errIncomplete
	case errDone:
		return io.EOF
	}
	return err
}

// errDone is how next says that the last chunk and the trailers are verified.
var errDone = errors.New("done")

// next ends the chunk that has been read and begins another.
func (c *chunks) next() error {
	if c.open {
		if err := c.end(); err != nil {
			return err
		}
	}
	if err := c.begin(); err != nil {
		return err
	}
	if c.size > 0 {
		return nil
	}
	if err := c.last(); err != nil {
		return err
	}
	return errDone
}

// begin reads a chunk's line: its size in hex, then its signature.
func (c *chunks) begin() error {
	line, err := c.line()
	if err != nil {
		return err
	}
	digits, extension, _ := bytes.Cut(line, []byte(";"))
	size, ok := parseSize(digits)
	if !ok {
		return errIncomplete
	}
	c.number++
	c.size, c.left, c.open = size, size, true
	if !c.signed {
		return nil
	}
	if c.short && size > 0 {
		return cloud.Errorf(http.StatusForbidden, "InvalidChunkSizeError", "Only the last chunk is allowed to have a size less than 8192 bytes").
			With("Chunk", strconv.Itoa(c.number)).With("BadChunkSize", strconv.FormatInt(size, 10))
	}
	c.short = size < minChunk
	signature, ok := bytes.CutPrefix(bytes.TrimSpace(extension), []byte("chunk-signature="))
	if !ok || len(signature) != 64 {
		return errIncomplete
	}
	c.given = append(c.given[:0], signature...)
	c.sum.Reset()
	return nil
}

// parseSize reads the hex digits of a chunk's size.
func parseSize(b []byte) (n int64, ok bool) {
	b = bytes.TrimSpace(b)
	if len(b) == 0 || len(b) > 15 {
		return 0, false
	}
	for _, ch := range b {
		d := unhex(ch)
		if d > 15 {
			return 0, false
		}
		n = n<<4 | int64(d)
	}
	return n, true
}

// line reads one line of framing without its end.
func (c *chunks) line() ([]byte, error) {
	line, err := c.in.ReadSlice('\n')
	if err == bufio.ErrBufferFull {
		return nil, errIncomplete
	}
	if err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(line[:len(line)-1], []byte("\r")), nil
}

// end checks what follows a chunk's bytes and its signature.
func (c *chunks) end() error {
	var crlf [2]byte
	if _, err := io.ReadFull(c.in, crlf[:]); err != nil {
		return err
	}
	if crlf != [2]byte{'\r', '\n'} {
		return errIncomplete
	}
	c.open = false
	return c.check()
}

// check verifies the signature of the chunk whose bytes have been hashed.
func (c *chunks) check() error {
	if !c.signed {
		return nil
	}
	b := c.preamble(chunkAlgorithm)
	b = append(b, EmptyPayload+"\n"...)
	n := len(b)
	b = hexInPlace(c.sum.Sum(b), n)
	return c.match(b, string(c.given))
}

// preamble begins a string to sign that chains to the signature before.
func (c *chunks) preamble(algorithm string) []byte {
	b := append(c.scratch[:0], algorithm...)
	b = append(b, '\n')
	b = append(b, c.res.rawTime...)
	b = append(b, '\n')
	b = c.res.appendScope(b)
	b = append(b, '\n')
	b = append(b, c.seed...)
	return append(b, '\n')
}

// match compares the signature of text with the one given, which becomes the
// seed of the next.
func (c *chunks) match(text []byte, given string) error {
	n := len(text)
	all := c.res.key.sign(text, text)
	c.scratch = all[:0]
	if !sameText(all[n:], given) {
		shown := *c.res
		shown.Signature = given
		return errDoesNotMatch(S3, &shown, all[:n], nil)
	}
	c.seed = append(c.seed[:0], given...)
	return nil
}

// last verifies the empty chunk that ends the content, and the trailers.
func (c *chunks) last() error {
	c.open = false
	if err := c.check(); err != nil {
		return err
	}
	if c.body.left != 0 {
		return errLength
	}
	return c.trailers()
}

// errTrailer answers trailing headers that are not as announced.
var errTrailer = cloud.Errorf(http.StatusBadRequest, "MalformedTrailerError", "The request contained trailing data that was not well-formed or did not conform to our published schema.")

// trailers reads "name:value" lines up to an empty one, or to the end of the
// body, which some clients leave it at.
func (c *chunks) trailers() error {
	var canonical []byte
	signature, total, gap := "", 0, false
	for {
		line, err := c.line()
		if err == nil && len(line) == 0 && !gap && len(c.body.trailer) > 0 && c.signed && signature == "" {
			gap = true // the signature follows an empty line where a client ends trailers with \n\r\n
			continue
		}
		if err == io.EOF || err == nil && len(line) == 0 {
			break
		}
		if err != nil {
			return err
		}
		if total += len(line); total > maxTrailer {
			return errTrailer
		}
		name, value, ok := strings.Cut(string(bytes.TrimRight(line, "\r")), ":")
		name, value = strings.ToLower(strings.TrimSpace(name)), strings.TrimSpace(value)
		switch {
		case !ok:
			return errTrailer
		case name == "x-amz-trailer-signature" && signature == "":
			signature = value
			continue
		case !c.announced(name):
			return errTrailer
		}
		c.body.trailer.Add(name, value)
		canonical = append(append(append(append(canonical, name...), ':'), value...), '\n')
	}
	if len(c.body.trailer) != len(c.declared) {
		return errTrailer
	}
	if !c.signed || c.res.Payload == StreamingSigned {
		return nil
	}
	if signature == "" {
		return errTrailer
	}
	return c.match(appendDigest(c.preamble(trailerAlgorithm), canonical), signature)
}

// announced tells whether x-amz-trailer named a trailer that has not come yet.
func (c *chunks) announced(name string) bool {
	for _, d := range c.declared {
		if d == name {
			return len(c.body.trailer.Values(name)) == 0
		}
	}
	return false
}
