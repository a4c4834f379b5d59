package s3

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"hash"
	"hash/crc32"
	"net/http"
	"strings"

	"github.com/cespare/xxhash/v2"
	"github.com/minio/crc64nvme"
	"github.com/zeebo/xxh3"

	"pileus/cloud"
)

// algorithm is one of the additional checksums.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity-upload.html
type algorithm struct {
	name string
	size int // bytes
	make func() hash.Hash
	// combine joins the checksums of two neighbours of which the second is
	// length bytes long; nil where only a composite of parts can be made.
	combine func(a, b uint64, length int64) uint64
	// whole: multipart uploads have a checksum of the whole object unless the
	// client asks for a composite; composite: they can have one.
	whole, composite bool
}

// algorithms in the order of sumFields.
var algorithms = [...]algorithm{
	{name: "CRC32", size: 4, make: func() hash.Hash { return crc32.NewIEEE() }, combine: combineCRC(crc32.IEEE, 32), composite: true},
	{name: "CRC32C", size: 4, make: func() hash.Hash { return crc32.New(castagnoli) }, combine: combineCRC(crc32.Castagnoli, 32), composite: true},
	{name: "CRC64NVME", size: 8, make: func() hash.Hash { return crc64nvme.New() }, combine: combineCRC(nvme, 64), whole: true},
	{name: "SHA1", size: sha1.Size, make: sha1.New, composite: true},
	{name: "SHA256", size: sha256.Size, make: sha256.New, composite: true},
	{name: "SHA512", size: sha512.Size, make: sha512.New, composite: true},
	{name: "MD5", size: md5.Size, make: md5.New, composite: true},
	{name: "XXHASH64", size: 8, make: func() hash.Hash { return xxhash.New() }, composite: true},
	{name: "XXHASH3", size: 8, make: func() hash.Hash { return xxh3.New() }, composite: true},
	{name: "XXHASH128", size: 16, make: func() hash.Hash { return &xxh128{xxh3.New()} }, composite: true},
}

const (
	nvme        = 0x9a6c9329ac4bc9b5 // the reversed polynomial of CRC-64/NVME
	defaultSum  = "CRC64NVME"        // what S3 works out where the client names none
	sumHeader   = "X-Amz-Checksum-"
	kindWhole   = "FULL_OBJECT"
	kindParts   = "COMPOSITE"
	sdkSumField = "x-amz-sdk-checksum-algorithm"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// xxh128 makes the 128-bit form of XXH3 a hash.Hash.
type xxh128 struct{ *xxh3.Hasher }

func (h *xxh128) Size() int { return 16 }

func (h *xxh128) Sum(b []byte) []byte {
	s := h.Sum128().Bytes()
	return append(b, s[:]...)
}

func findAlgorithm(name string) *algorithm {
	for i := range algorithms {
		if algorithms[i].name == name {
			return &algorithms[i]
		}
	}
	return nil
}

// headerName is the lower-case name of the header that carries the checksum.
func (a *algorithm) headerName() string { return "x-amz-checksum-" + strings.ToLower(a.name) }

// valid tells whether s is the base64 of a checksum of the algorithm.
func (a *algorithm) valid(s string) bool {
	b, err := base64.StdEncoding.DecodeString(s)
	return err == nil && len(b) == a.size
}

// sumFields are the members of an input or output that hold a checksum each,
// in the order of algorithms. The generated types have no common form.
type sumFields [len(algorithms)]**string

// set writes the checksum to its member.
func (f sumFields) set(s Checksum) {
	for i := range algorithms {
		if algorithms[i].name == s.Algorithm && s.Value != "" {
			*f[i] = new(s.Value)
		}
	}
}

// get is the checksum that the members hold; more than one is an error.
func (f sumFields) get() (s Checksum, err error) {
	for i, p := range f {
		if *p == nil {
			continue
		}
		if s.Algorithm != "" {
			return s, errInvalidRequest("Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.")
		}
		s = Checksum{Algorithm: algorithms[i].name, Value: **p}
	}
	return s, nil
}

// Kind is the checksum's type as answers show it; nil without a checksum.
func (s Checksum) Kind() *string {
	switch {
	case s.Algorithm == "":
		return nil
	case s.Composite:
		return new(kindParts)
	}
	return new(kindWhole)
}

// sumRequest is what a request says of its content's checksum.
type sumRequest struct {
	algorithm *algorithm
	want      string // base64; "" where it follows in the trailer or is not sent
	trailer   bool
	asked     bool // the client named the algorithm
}

// readSumRequest works out which checksum to compute and what to compare it
// with: a header, a trailer, or S3's default.
func readSumRequest(c *cloud.Call, named *string, fields sumFields) (sumRequest, error) {
	given, err := fields.get()
	if err != nil {
		return sumRequest{}, err
	}
	if given.Algorithm != "" {
		a := findAlgorithm(given.Algorithm)
		if !a.valid(given.Value) {
			return sumRequest{}, errInvalidRequest("Value for %s header is invalid.", a.headerName())
		}
		return sumRequest{algorithm: a, want: given.Value, asked: true}, nil
	}
	if name := trailerSum(c); name != "" {
		a := findAlgorithm(name)
		if a == nil {
			return sumRequest{}, errInvalidRequest("The value specified in the x-amz-trailer header is not supported")
		}
		return sumRequest{algorithm: a, trailer: true, asked: true}, nil
	}
	if named != nil {
		a := findAlgorithm(strings.ToUpper(*named))
		if a == nil {
			return sumRequest{}, errSumAlgorithm()
		}
		if c.HTTP != nil {
			return sumRequest{}, errInvalidRequest("x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* or x-amz-trailer headers were found.")
		}
		return sumRequest{algorithm: a, asked: true}, nil
	}
	return sumRequest{algorithm: findAlgorithm(defaultSum)}, nil
}

func errSumAlgorithm() error {
	return errInvalidRequest("Checksum algorithm provided is unsupported. Please try again with any of the valid types: [CRC32, CRC32C, CRC64NVME, SHA1, SHA256, SHA512, MD5, XXHASH64, XXHASH3, XXHASH128]")
}

// trailerSum is the algorithm whose checksum x-amz-trailer announces.
func trailerSum(c *cloud.Call) string {
	if c.HTTP == nil || c.HTTP.Request == nil {
		return ""
	}
	for _, line := range c.HTTP.Request.Header["X-Amz-Trailer"] {
		for name := range strings.SplitSeq(line, ",") {
			name = http.CanonicalHeaderKey(strings.TrimSpace(name))
			if rest, ok := strings.CutPrefix(name, sumHeader); ok {
				return strings.ToUpper(rest)
			}
		}
	}
	return ""
}

// check compares the computed checksum with what the client said, once the
// content was read to its end.
func (s *sumRequest) check(c *cloud.Call, got string) error {
	want := s.want
	if s.trailer {
		if want = c.HTTP.Trailer.Get(s.algorithm.headerName()); want == "" {
			return cloud.Errorf(400, "MalformedTrailerError", "The request contained trailing data that was not well-formed or did not conform to our published schema.")
		}
		if !s.algorithm.valid(want) {
			return errInvalidRequest("Value for %s trailing header is invalid.", s.algorithm.headerName())
		}
	}
	if want != "" && want != got {
		return errBadChecksum(s.algorithm.name)
	}
	return nil
}
