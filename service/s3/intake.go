package s3

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"net/http"
	"strconv"
	"sync"

	"pileus/blob"
	"pileus/cloud"
)

// intake reads the content of an upload once, works out its digests on the
// way and answers io.EOF only if they and the length are what the client said.
// Any other error makes blob.Write fail, so that nothing of a bad upload stays.
type intake struct {
	call    *cloud.Call
	src     io.Reader
	size    int64 // announced, -1 where it was not
	limit   int64
	read    int64
	sums    digests
	wantMD5 string // base64 of Content-MD5, "" without
	request sumRequest
	also    *algorithm // another checksum to work out; nil for none
	done    bool

	// Set at the end:
	etag string   // hex MD5
	sum  Checksum // in the algorithm of the request
	more Checksum // in the algorithm of also
}

// newIntake prepares the reading of a request's content.
func newIntake(c *cloud.Call, body io.Reader, length *int64, contentMD5 *string, request sumRequest, limit int64) (*intake, error) {
	if body == nil {
		body = http.NoBody
	}
	in := &intake{call: c, src: body, size: contentLength(c, body, length), limit: limit, request: request}
	switch {
	case in.size == lengthComes:
		in.size = -1
	case in.size < 0 && c.HTTP != nil:
		return nil, errMissingLength
	}
	if in.size > limit {
		return nil, errTooLarge(in.size, limit)
	}
	if contentMD5 != nil {
		if b, err := base64.StdEncoding.DecodeString(*contentMD5); err != nil || len(b) != md5.Size {
			return nil, errInvalidDigest
		}
		in.wantMD5 = *contentMD5
	}
	return in, nil
}

// lengthComes is what a body answers whose length need not be announced.
const lengthComes = -2

// contentLength is how long the content will be; -1 when nobody knows. A
// chunked upload's Content-Length counts the chunks' headers too, so the body
// is asked first.
func contentLength(c *cloud.Call, body io.Reader, length *int64) int64 {
	if b, ok := body.(interface{ Len() int64 }); ok {
		return b.Len()
	}
	if b, ok := body.(interface{ Len() int }); ok {
		return int64(b.Len())
	}
	if c.HTTP != nil && c.HTTP.Request != nil {
		r := c.HTTP.Request
		if s := r.Header.Get("X-Amz-Decoded-Content-Length"); s != "" {
			if n, err := strconv.ParseInt(s, 10, 64); err == nil {
				return n
			}
		}
		return r.ContentLength
	}
	return cloud.Or(length, -1)
}

// store writes the content to the blob store.
func (in *intake) store(key []byte) (*blob.Pending, error) {
	in.sums.start(in.call, in.size, in.request.algorithm, in.also)
	defer in.sums.stop()
	return in.call.Cloud.Blobs().Write(in.call, in, blob.Options{CustomerKey: key, SizeHint: in.size})
}

// Read implements io.Reader.
func (in *intake) Read(p []byte) (int, error) {
	if in.done {
		return 0, io.EOF
	}
	n, err := in.src.Read(p)
	in.read += int64(n)
	if in.read > in.limit {
		return 0, errTooLarge(-1, in.limit)
	}
	in.sums.write(p[:n])
	switch {
	case err == nil:
		return n, nil
	case errors.Is(err, io.ErrUnexpectedEOF):
		return n, errIncompleteBody
	case err != io.EOF:
		return n, err
	case in.size >= 0 && in.read != in.size:
		return n, errIncompleteBody
	}
	in.done = true
	if err := in.finish(); err != nil {
		return n, err
	}
	return n, io.EOF
}

// finish compares the digests with what the client said.
func (in *intake) finish() error {
	in.sums.stop()
	md := in.sums.hashes[0].Sum(nil)
	if in.wantMD5 != "" {
		if got := base64.StdEncoding.EncodeToString(md); got != in.wantMD5 {
			return errBadMD5(in.wantMD5, got)
		}
	}
	in.etag = hex.EncodeToString(md)
	in.sum = Checksum{Algorithm: in.request.algorithm.name, Value: base64.StdEncoding.EncodeToString(in.sums.hashes[1].Sum(nil))}
	if in.also != nil {
		in.more = Checksum{Algorithm: in.also.name, Value: base64.StdEncoding.EncodeToString(in.sums.hashes[2].Sum(nil))}
	}
	return in.request.check(in.call, in.sum.Value)
}

// digests are the MD5 and the additional checksums of a stream. Those of large
// streams are worked out beside the reading and writing, because MD5 is the
// slowest of the three.
type digests struct {
	hashes  []hash.Hash        // MD5 first
	full    chan *bytes.Buffer // to the worker; nil while working in line
	free    chan *bytes.Buffer
	worker  sync.WaitGroup
	filling *bytes.Buffer
	stopped bool
}

const (
	inlineDigest = 256 << 10 // bytes up to which a second goroutine does not pay
	digestChunk  = 128 << 10
	digestChunks = 4
)

var chunkPool = sync.Pool{New: func() any { return bytes.NewBuffer(make([]byte, 0, digestChunk)) }}

// start prepares for a stream of size bytes, -1 if unknown.
func (d *digests) start(c *cloud.Call, size int64, more ...*algorithm) {
	d.hashes = append(make([]hash.Hash, 0, 3), md5.New())
	for _, a := range more {
		if a != nil {
			d.hashes = append(d.hashes, a.make())
		}
	}
	if size >= 0 && size <= inlineDigest {
		return
	}
	d.full, d.free = make(chan *bytes.Buffer, digestChunks), make(chan *bytes.Buffer, digestChunks)
	for range digestChunks {
		b := chunkPool.Get().(*bytes.Buffer)
		b.Reset()
		d.free <- b
	}
	full, free := d.full, d.free
	d.worker.Add(1)
	c.Cloud.Go("s3.digest", func(context.Context) {
		defer d.worker.Done()
		for b := range full {
			d.add(b.Bytes())
			b.Reset()
			free <- b
		}
	})
}

// write takes the next bytes of the stream. They are copied, because the
// reader's buffer is encrypted in place while the worker still digests.
func (d *digests) write(p []byte) {
	if d.full == nil {
		d.add(p)
		return
	}
	for len(p) > 0 {
		if d.filling == nil {
			d.filling = <-d.free
		}
		n := min(len(p), digestChunk-d.filling.Len())
		d.filling.Write(p[:n])
		p = p[n:]
		if d.filling.Len() == digestChunk {
			d.full <- d.filling
			d.filling = nil
		}
	}
}

func (d *digests) add(p []byte) {
	for _, h := range d.hashes {
		h.Write(p)
	}
}

// stop has everything digested that was written, and ends the worker. It may
// be called again.
func (d *digests) stop() {
	if d.stopped || d.full == nil {
		return
	}
	d.stopped = true
	if d.filling != nil {
		d.full <- d.filling
	}
	close(d.full)
	d.worker.Wait()
	for range digestChunks {
		chunkPool.Put(<-d.free)
	}
}
