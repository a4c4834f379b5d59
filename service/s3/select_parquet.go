package s3

import (
	"io"

	"pileus/blob"
	"pileus/cloud"
	"pileus/service/s3/sql"
	"pileus/store"
)

// objectAt reads an object's content wherever its reader wants to, which is what
// Parquet needs: its table of contents is at the end.
type objectAt struct {
	c      *cloud.Call
	body   blob.Ref
	key    []byte
	counts []*int64 // of what was read
}

// ReadAt implements io.ReaderAt.
func (o *objectAt) ReadAt(p []byte, off int64) (n int, err error) {
	if off < 0 || off > o.body.Size {
		return 0, io.EOF
	}
	var content io.ReadCloser
	err = o.c.View(func(r store.Reader) (err error) {
		content, err = o.c.Cloud.Blobs().Open(o.c, r, o.body, o.key, off, int64(len(p)))
		return err
	})
	if err != nil {
		return 0, err
	}
	defer content.Close()
	n, err = io.ReadFull(content, p)
	for _, count := range o.counts {
		*count += int64(n)
	}
	if err == io.ErrUnexpectedEOF { //nolint:errorlint // io.ReadFull's own
		err = io.EOF
	}
	return n, err
}

// beginParquet sets up the reading of a Parquet object.
func (s *selection) beginParquet(c *cloud.Call, q *sql.Query) error {
	if err := q.CheckTable(); err != nil {
		return err
	}
	s.plain = &unpacked{content: s.source.content, from: s.source.content}
	rows, err := sql.NewParquet(&objectAt{c, s.source.object.Body, s.source.key, []*int64{&s.source.content.n, &s.plain.n}}, s.source.object.Size, s.source.section)
	if err != nil {
		return err
	}
	s.rows, s.source.rows = rows, rows
	return q.CheckHeader(rows.Names())
}
