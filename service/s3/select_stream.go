package s3

import (
	"compress/bzip2"
	"compress/gzip"
	"io"
	"iter"

	"pileus/cloud"
	"pileus/service/s3/sql"

	api "pileus/api/s3"
)

const (
	maxRecords = 128 << 10 // bytes of a Records event
	quiet      = 4 << 20   // bytes that are read at most between two events
)

// counter counts what is read.
type counter struct {
	from io.ReadCloser
	n    int64
	err  error
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.from.Read(p)
	c.n += int64(n)
	c.err = err
	return n, err
}

// unpacked counts what a decompressor gives, and tells its errors from those
// of the content below.
type unpacked struct {
	from        io.Reader
	content     *counter
	compression string
	n           int64
}

func (u *unpacked) Read(p []byte) (int, error) {
	n, err := u.from.Read(p)
	u.n += int64(n)
	switch {
	case err == nil || err == io.EOF:
	case u.content.err != nil && u.content.err != io.EOF:
		err = u.content.err
	case u.n == 0:
		err = errNotPacked(u.compression)
	default:
		err = errTruncated
	}
	return n, err
}

// unpack reads the content of a packed object.
func unpack(content *counter, compression string) (*unpacked, error) {
	u := &unpacked{from: content, content: content, compression: compression}
	switch compression {
	case "GZIP":
		z, err := gzip.NewReader(content)
		if err != nil {
			if content.err != nil && content.err != io.EOF {
				return nil, content.err
			}
			return nil, errNotPacked(compression)
		}
		u.from = z
	case "BZIP2":
		u.from = bzip2.NewReader(content)
	}
	return u, nil
}

// selection is a query under way. Its memory does not grow with the object: it
// holds one record and the results of one event.
type selection struct {
	source   *selected
	plain    *unpacked
	rows     interface{ Next() (sql.Value, error) }
	run      *sql.Run
	writer   sql.Writer
	progress bool

	results  []byte // not sent yet
	returned int64
	told     int64 // bytes that had been read at the last event
	begun    bool  // an event has been sent
	stage    stage
	failed   error // what ended the reading
}

// stage is what comes next in the stream.
type stage uint8

const (
	reading stage = iota
	sending       // all has been read, not all has been sent
	stats
	end
	over
)

// begin sets up the reading of records.
func (s *selection) begin(q *sql.Query, f *formats) (err error) {
	if s.plain, err = unpack(s.source.content, f.compression); err != nil {
		return err
	}
	if f.csv == nil {
		s.rows = sql.NewJSON(s.plain, q, s.source.section)
		return nil
	}
	rows := sql.NewCSV(s.plain, *f.csv, s.source.section)
	s.rows = rows
	names, err := rows.ReadHeader()
	if err != nil {
		return err
	}
	if s.source.head != nil {
		if names, err = sql.NewCSV(s.source.head, *f.csv, sql.Section{To: s.source.object.Size}).ReadHeader(); err != nil {
			return err
		}
		rows.SetHeader(names)
	}
	if names != nil {
		return q.CheckHeader(names)
	}
	return nil
}

// next is the next event; nil after the last.
func (s *selection) next() (*api.SelectObjectContentEventStream, error) {
	if s.stage == reading && s.due() {
		return s.report(), nil
	}
	for s.stage == reading && len(s.results) < maxRecords {
		if s.read(); s.stage == reading && s.plain.n-s.told >= quiet && len(s.results) < maxRecords {
			return s.report(), nil
		}
	}
	if s.failed != nil && (!s.begun || len(s.results) == 0) {
		return nil, s.failed
	}
	switch {
	case len(s.results) > 0:
		return s.records(), nil
	case s.stage == sending && s.due():
		return s.report(), nil
	case s.stage == sending:
		s.stage = end
		return &api.SelectObjectContentEventStream{Stats: &api.StatsEvent{Details: &api.Stats{
			BytesScanned: new(s.source.content.n), BytesProcessed: new(s.plain.n), BytesReturned: new(s.returned)}}}, nil
	case s.stage == end:
		s.stage = over
		return &api.SelectObjectContentEventStream{End: &api.EndEvent{}}, nil
	}
	return nil, nil
}

// due tells whether the client has asked for progress and something has been
// read since it was last told.
func (s *selection) due() bool { return s.progress && s.begun && s.plain.n > s.told }

// read takes one record.
func (s *selection) read() {
	var row *sql.Row
	var v sql.Value
	err := io.EOF
	if !s.run.Done() {
		v, err = s.rows.Next()
	}
	if err == io.EOF {
		s.stage = sending
		row, err = s.run.Final()
	} else if err == nil {
		row, err = s.run.Record(v)
	}
	if err == nil && row != nil {
		s.results, err = s.writer.Append(s.results, row)
	}
	if err != nil {
		s.stage, s.failed = sending, err
	}
}

// records is an event of as much of the results as goes into one.
func (s *selection) records() *api.SelectObjectContentEventStream {
	n := min(len(s.results), maxRecords)
	payload := s.results[:n:n]
	s.results = append([]byte(nil), s.results[n:]...)
	s.returned += int64(n)
	s.begun = true
	if !s.progress {
		s.told = s.plain.n
	}
	return &api.SelectObjectContentEventStream{Records: &api.RecordsEvent{Payload: payload}}
}

// report tells how far the reading has come, or only that it goes on.
func (s *selection) report() *api.SelectObjectContentEventStream {
	s.told, s.begun = s.plain.n, true
	if !s.progress {
		return &api.SelectObjectContentEventStream{Cont: &api.ContinuationEvent{}}
	}
	return &api.SelectObjectContentEventStream{Progress: &api.ProgressEvent{Details: &api.Progress{
		BytesScanned: new(s.source.content.n), BytesProcessed: new(s.plain.n), BytesReturned: new(s.returned)}}}
}

// events is the stream, of which the first event is already there. It can be
// ranged over once.
func (s *selection) events(c *cloud.Call, first *api.SelectObjectContentEventStream) iter.Seq2[*api.SelectObjectContentEventStream, error] {
	return func(yield func(*api.SelectObjectContentEventStream, error) bool) {
		defer s.source.close()
		defer s.meter(c)
		for event := first; event != nil; {
			if !yield(event, nil) {
				return
			}
			var err error
			if event, err = s.next(); err != nil {
				yield(nil, err)
				return
			}
		}
	}
}

// meter counts what was scanned and returned.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/aws-usage-report-understand.html
func (s *selection) meter(c *cloud.Call) {
	class := map[string]string{"STANDARD_IA": "SIA-", "ONEZONE_IA": "ZIA-", "INTELLIGENT_TIERING": "INT-", "GLACIER_IR": "GIR-"}[s.source.object.Class]
	meterUsage(c, s.source.bucket, "SelectObjectContent", "Select-Scanned-"+class+"Bytes", float64(s.source.content.n)/gib)
	meterUsage(c, s.source.bucket, "SelectObjectContent", "Select-Returned-"+class+"Bytes", float64(s.returned)/gib)
}
