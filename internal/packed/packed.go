// Package packed keeps tables small in the program: they are written and
// reviewed as text, and embedded compressed. `make packed` compresses them, and
// a test of each package that embeds one compares the two.
package packed

import (
	"bytes"
	"compress/gzip"
	"io"
)

// Text unpacks an embedded table. It panics if that is damaged, which its test
// would have told.
func Text(file []byte) []byte {
	r, err := gzip.NewReader(bytes.NewReader(file))
	if err != nil {
		panic(err)
	}
	b, err := io.ReadAll(r)
	if err != nil {
		panic(err)
	}
	return b
}
