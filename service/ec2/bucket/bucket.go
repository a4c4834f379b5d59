// Package bucket is how EC2 reads and writes large objects of S3: disk images
// and machine images. Objects are read at random and written as they come.
package bucket

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"

	"pileus/api/s3"
	"pileus/api/sts"
	"pileus/cloud"
)

const (
	// RoleName is the role of VM Import/Export unless a request names another.
	RoleName = "vmimport"

	vmService = "vmie.amazonaws.com"
)

// AsRole is the call as VM Import/Export in the role of its account.
// https://docs.aws.amazon.com/vm-import/latest/userguide/required-permissions.html
func AsRole(c *cloud.Call, role string) (*cloud.Call, error) {
	arn := cloud.ARN{Partition: c.Partition, Service: "iam", Account: c.Account, Resource: "role/" + role}.String()
	out, err := sts.AssumeRole.Call(c.AsService(vmService, ""), &sts.AssumeRoleInput{RoleArn: arn, RoleSessionName: RoleName, ExternalId: new(RoleName)})
	if err != nil {
		return nil, err
	}
	_, who, err := c.Cloud.Credential(c, out.Credentials.AccessKeyId, out.Credentials.SessionToken)
	if err != nil {
		return nil, err
	}
	return c.As(who), nil
}

// Object is an object that is read at random. It is not for several goroutines.
type Object struct {
	c           *cloud.Call
	bucket, key string
	size        int64
	window      []byte
	from        int64 // where the window begins
}

// Open finds an object; reading it needs s3:GetObject.
func Open(c *cloud.Call, name, key string) (*Object, error) {
	out, err := s3.HeadObject.Call(c, &s3.HeadObjectInput{Bucket: name, Key: key})
	if err != nil {
		return nil, err
	}
	return &Object{c: c, bucket: name, key: key, size: cloud.Or(out.ContentLength, 0)}, nil
}

// Size is the object's, in bytes.
func (o *Object) Size() int64 { return o.size }

// windowSize is what is read at once.
const windowSize = 4 << 20

// ReadAt implements io.ReaderAt.
func (o *Object) ReadAt(b []byte, at int64) (n int, err error) {
	for n < len(b) {
		if at >= o.size {
			return n, io.EOF
		}
		if at < o.from || at >= o.from+int64(len(o.window)) {
			if err := o.load(at); err != nil {
				return n, err
			}
		}
		k := copy(b[n:], o.window[at-o.from:])
		n += k
		at += int64(k)
	}
	return n, nil
}

func (o *Object) load(at int64) error {
	end := min(at+windowSize, o.size)
	out, err := s3.GetObject.Call(o.c, &s3.GetObjectInput{Bucket: o.bucket, Key: o.key, Range: new(fmt.Sprintf("bytes=%d-%d", at, end-1))})
	if err != nil {
		return err
	}
	defer out.Body.Close()
	if int64(cap(o.window)) < end-at {
		o.window = make([]byte, windowSize)
	}
	o.window, o.from = o.window[:end-at], at
	if _, err = io.ReadFull(out.Body, o.window); err != nil {
		o.window = o.window[:0]
	}
	return err
}

// partSize is of the parts that an object is uploaded in. S3 takes ten thousand.
const partSize = 1 << 30

// Upload makes an object of what f writes, in parts. Nothing of it is there
// unless f succeeds.
func Upload(c *cloud.Call, name, key string, tags url.Values, f func(w io.Writer) error) error {
	return upload(c, name, key, tags, partSize, f)
}

func upload(c *cloud.Call, name, key string, tags url.Values, size int64, f func(w io.Writer) error) error {
	in := &s3.CreateMultipartUploadInput{Bucket: name, Key: key}
	if len(tags) > 0 {
		in.Tagging = new(tags.Encode())
	}
	up, err := s3.CreateMultipartUpload.Call(c, in)
	if err != nil {
		return err
	}
	r, w := io.Pipe()
	c.Cloud.Go("upload "+key, func(context.Context) {
		b := bufio.NewWriterSize(w, 1<<20)
		err := f(b)
		if err == nil {
			err = b.Flush()
		}
		w.CloseWithError(err) //nolint:errcheck // it returns none
	})
	defer r.Close()
	parts, err := uploadParts(c, up, size, bufio.NewReaderSize(r, 1<<20))
	if err == nil {
		_, err = s3.CompleteMultipartUpload.Call(c, &s3.CompleteMultipartUploadInput{
			Bucket: name, Key: key, UploadId: *up.UploadId, MultipartUpload: &s3.CompletedMultipartUpload{Parts: parts},
		})
	}
	if err == nil {
		return nil
	}
	_, aerr := s3.AbortMultipartUpload.Call(c, &s3.AbortMultipartUploadInput{Bucket: name, Key: key, UploadId: *up.UploadId})
	return errors.Join(err, aerr)
}

func uploadParts(c *cloud.Call, up *s3.CreateMultipartUploadOutput, size int64, r *bufio.Reader) (parts []s3.CompletedPart, err error) {
	for n := int32(1); ; n++ {
		if _, err := r.Peek(1); errors.Is(err, io.EOF) && n > 1 {
			return parts, nil
		} else if err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
		out, err := s3.UploadPart.Call(c, &s3.UploadPartInput{
			Bucket: *up.Bucket, Key: *up.Key, UploadId: *up.UploadId, PartNumber: n, Body: io.NopCloser(io.LimitReader(r, size)),
		})
		if err != nil {
			return nil, err
		}
		parts = append(parts, s3.CompletedPart{ETag: out.ETag, PartNumber: &n})
	}
}

// Place is where an object lies: a bucket and a key, or a URL "s3://...".
func Place(name, key, address string) (string, string, bool) {
	if name != "" {
		return name, key, key != ""
	}
	rest, ok := strings.CutPrefix(address, "s3://")
	name, key, found := strings.Cut(rest, "/")
	return name, key, ok && found && name != "" && key != ""
}
