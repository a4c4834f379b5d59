package s3

import (
	"io"

	"pileus/cloud"
	"pileus/service/s3/sql"
	"pileus/store"

	api "pileus/api/s3"
)

// Errors of S3 Select about the request; those about the expression and the
// content are package sql's.
// https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html#SelectObjectContentErrorCodeList
var (
	errExpressionType   = cloud.Errorf(400, "InvalidExpressionType", "The ExpressionType is invalid. Only SQL expressions are supported.")
	errDataSource       = cloud.Errorf(400, "InvalidDataSource", "Invalid data source type. Only CSV, JSON, and Parquet are supported.")
	errMissingParameter = cloud.Errorf(400, "MissingRequiredParameter", "The SelectRequest entity is missing a required parameter. Check the service documentation and try again.")
	errFormats          = cloud.Errorf(400, "ObjectSerializationConflict", "The SelectRequest entity can only contain one of CSV, JSON or Parquet in InputSerialization, and one of CSV or JSON in OutputSerialization. Check the service documentation and try again.")
	errHeaderInfo       = cloud.Errorf(400, "InvalidFileHeaderInfo", "The FileHeaderInfo is invalid. Only NONE, USE, and IGNORE are supported.")
	errJSONType         = cloud.Errorf(400, "InvalidJsonType", "The JsonType is invalid. Only DOCUMENT and LINES are supported.")
	errQuoteFields      = cloud.Errorf(400, "InvalidQuoteFields", "The QuoteFields is invalid. Only ALWAYS and ASNEEDED are supported.")
	errCompression      = cloud.Errorf(400, "InvalidCompressionFormat", "The file is not in a supported compression format. Only GZIP and BZIP2 are supported.")
	errTruncated        = cloud.Errorf(400, "TruncatedInput", "Object decompression failed. Check that the object is properly compressed using the format specified in the request.")
	errScanRange        = cloud.Errorf(400, "InvalidScanRange", "The provided scan range is invalid.")
	errScanInput        = cloud.Errorf(400, "UnsupportedScanRangeInput", "Scan range queries are not supported on this type of object.")
	errSelectClass      = cloud.Errorf(400, "UnsupportedStorageClass", "Encountered an unsupported storage class. Only STANDARD, STANDARD_IA, and ONEZONE_IA storage classes are supported.")
)

func errSelectParameter(name string) *cloud.Error {
	return cloud.Errorf(400, "InvalidRequestParameter", "The value of a parameter in %s element is invalid. Check the service API documentation and try again.", name)
}

func errNotPacked(format string) *cloud.Error {
	return cloud.Errorf(400, "InvalidCompressionFormat", "%s is not applicable to the queried object. Please correct the request and try again.", format)
}

// selectObjectContent answers with a stream of events. What goes wrong before
// the first is the answer; what goes wrong later, the stream's last event.
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_SelectObjectContent.html
func selectObjectContent(c *cloud.Call, in *api.SelectObjectContentInput) (*api.SelectObjectContentOutput, error) {
	if c.Principal.Kind == cloud.Anonymous {
		return nil, errAccessDenied // the service allows it to nobody unsigned
	}
	f, err := readFormats(in)
	if err != nil {
		return nil, err
	}
	q, err := sql.Parse(in.Expression)
	if err != nil {
		return nil, err
	}
	if f.csv != nil {
		if err := q.CheckCSV(f.csv.Header == sql.UseHeader); err != nil {
			return nil, err
		}
	}
	o, err := openSelected(c, in, f)
	if err != nil {
		return nil, err
	}
	s := &selection{
		source: o, writer: f.writer, run: q.Start(c.Now),
		progress: in.RequestProgress != nil && cloud.Or(in.RequestProgress.Enabled, false),
	}
	var first *api.SelectObjectContentEventStream
	if f.parquet {
		err = s.beginParquet(c, q)
	} else {
		err = s.begin(q, f)
	}
	if err == nil {
		first, err = s.next()
	}
	if err != nil {
		o.close()
		return nil, err
	}
	return &api.SelectObjectContentOutput{Payload: s.events(c, first)}, nil
}

// selected is an object that is being queried.
type selected struct {
	bucket  *Bucket
	object  *Object
	content *counter
	key     []byte        // SSE-C
	rows    io.Closer     // of a Parquet object; else nil
	head    io.ReadCloser // the same from its beginning, where the header is wanted beside a scan range
	section sql.Section
}

func (o *selected) close() {
	o.content.from.Close()
	if o.rows != nil {
		o.rows.Close()
	}
	if o.head != nil {
		o.head.Close()
	}
}

// openSelected finds the object and opens the part of it that is asked for.
func openSelected(c *cloud.Call, in *api.SelectObjectContentInput, f *formats) (*selected, error) {
	key, err := readCustomerKey(in.SSECustomerAlgorithm, in.SSECustomerKey, in.SSECustomerKeyMD5)
	if err != nil {
		return nil, err
	}
	s := &selected{key: key.key}
	err = c.View(func(r store.Reader) error {
		b, o, err := findIn(c, r, in.Bucket, in.Key, nil, method(c, "POST"))
		if err != nil {
			return err
		}
		if err := key.unlock(o); err != nil {
			return err
		}
		if oneOf(o.Class, "GLACIER", "DEEP_ARCHIVE", "REDUCED_REDUNDANCY") {
			return errSelectClass
		}
		if b.archived(o, c.Now) {
			return errArchived(b, o, c.Now)
		}
		s.bucket, s.object = b, o
		if s.section, err = scanSection(in.ScanRange, f, o.Size); err != nil {
			return err
		}
		blobs := c.Cloud.Blobs()
		body, err := blobs.Open(c, r, o.Body, key.key, s.section.From, o.Size-s.section.From)
		if err != nil {
			return err
		}
		s.content = &counter{from: body}
		if s.section.Within && f.csv != nil && f.csv.Header == sql.UseHeader {
			if s.head, err = blobs.Open(c, r, o.Body, key.key, 0, o.Size); err != nil {
				body.Close()
			}
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	meterObject(c, s.bucket, s.object, "SelectObjectContent", tier2)
	return s, nil
}

// scanSection is what ScanRange means of an object of the size: from Start to
// End, or the last End bytes. Records that begin there are scanned. It reads
// from as far before as a delimiter is long, to know whether one begins at
// Start.
func scanSection(in *api.ScanRange, f *formats, size int64) (sql.Section, error) {
	s := sql.Section{To: size}
	if in == nil || in.Start == nil && in.End == nil {
		return s, nil
	}
	if !f.splittable {
		return s, errScanInput
	}
	start, end := cloud.Or(in.Start, 0), cloud.Or(in.End, size)
	if in.Start == nil {
		start, end = max(0, size-end), size
	}
	if start < 0 || end < start || in.Start != nil && start >= size || cloud.Or(in.End, 0) < 0 {
		return s, errScanRange
	}
	s.To = end
	if start > 0 {
		s.From, s.Within = max(0, start-int64(f.delimiter)), true
	}
	return s, nil
}
