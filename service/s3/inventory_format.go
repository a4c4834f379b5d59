package s3

import (
	"compress/gzip"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/parquet-go/parquet-go"

	api "pileus/api/s3"
)

// inventoryFormat writes the lines of an inventory report.
type inventoryFormat interface {
	line(b *Bucket, o *Object) error
	close() error
	// schema is the columns, as the manifest describes them.
	schema() string
	// extension of the file's name.
	extension() string
}

func newInventoryFormat(config *api.InventoryConfiguration, now time.Time, w io.Writer) inventoryFormat {
	if config.Destination.S3BucketDestination.Format == "Parquet" {
		return newInventoryParquet(config, now, w)
	}
	return &inventoryCSV{config: config, now: now, zip: gzip.NewWriter(w)}
}

// inventoryCSV is a report as CSV in gzip.
type inventoryCSV struct {
	config *api.InventoryConfiguration
	now    time.Time
	zip    *gzip.Writer
}

func (x *inventoryCSV) line(b *Bucket, o *Object) error {
	fields := []string{b.Name, eventKey(o.Key)}
	if x.config.IncludedObjectVersions == "All" {
		fields = append(fields, o.Version, strconv.FormatBool(o.current()), strconv.FormatBool(o.Marker))
	}
	for _, f := range x.config.OptionalFields {
		fields = append(fields, inventoryText(f, b, o, x.now))
	}
	for i, f := range fields {
		fields[i] = `"` + strings.ReplaceAll(f, `"`, `""`) + `"`
	}
	_, err := io.WriteString(x.zip, strings.Join(fields, ",")+"\n")
	return err
}

func (x *inventoryCSV) close() error { return x.zip.Close() }

func (x *inventoryCSV) schema() string {
	fields := []string{"Bucket", "Key"}
	if x.config.IncludedObjectVersions == "All" {
		fields = append(fields, "VersionId", "IsLatest", "IsDeleteMarker")
	}
	return strings.Join(append(fields, x.config.OptionalFields...), ", ")
}

func (x *inventoryCSV) extension() string { return ".csv.gz" }

// inventoryGroup is how many lines a row group of a Parquet report has, which
// bounds the memory that writing one takes.
const inventoryGroup = 20_000

// inventoryParquet is a report as Parquet.
type inventoryParquet struct {
	columns []inventoryColumn // in the file's order
	out     *parquet.GenericWriter[any]
	lines   int
}

type inventoryColumn struct {
	name  string
	kind  string // as schemas write it
	value func(b *Bucket, o *Object) parquet.Value
}

func newInventoryParquet(config *api.InventoryConfiguration, now time.Time, w io.Writer) *inventoryParquet {
	x := &inventoryParquet{}
	add := func(name, kind string, value func(b *Bucket, o *Object) parquet.Value) {
		x.columns = append(x.columns, inventoryColumn{name, kind, value})
	}
	add("bucket", "required binary %s (STRING)", func(b *Bucket, _ *Object) parquet.Value { return parquet.ValueOf(b.Name) })
	add("key", "required binary %s (STRING)", func(_ *Bucket, o *Object) parquet.Value { return parquet.ValueOf(o.Key) })
	if config.IncludedObjectVersions == "All" {
		add("version_id", "optional binary %s (STRING)", func(_ *Bucket, o *Object) parquet.Value { return given(o.Version) })
		add("is_latest", "optional boolean %s", func(_ *Bucket, o *Object) parquet.Value { return parquet.ValueOf(o.current()) })
		add("is_delete_marker", "optional boolean %s", func(_ *Bucket, o *Object) parquet.Value { return parquet.ValueOf(o.Marker) })
	}
	for _, f := range config.OptionalFields {
		kind, value := inventoryValue(f, now)
		add(snake(f), kind, value)
	}
	slices.SortFunc(x.columns, func(a, b inventoryColumn) int { return strings.Compare(a.name, b.name) })
	root := parquet.Group{}
	for _, c := range x.columns {
		root[c.name] = parquet.Compressed(c.node(), &parquet.Snappy)
	}
	x.out = parquet.NewGenericWriter[any](w, parquet.NewSchema("s3.inventory", root))
	return x
}

// inventoryValue is the type of an optional column and what it says.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/storage-inventory.html#storage-inventory-contents
func inventoryValue(f string, now time.Time) (kind string, value func(b *Bucket, o *Object) parquet.Value) {
	moment := func(o *Object, t time.Time) parquet.Value {
		if t.IsZero() {
			return parquet.NullValue()
		}
		return parquet.ValueOf(t.UnixMilli())
	}
	switch f {
	case "Size":
		return "optional int64 %s", func(_ *Bucket, o *Object) parquet.Value {
			if o.Marker {
				return parquet.NullValue()
			}
			return parquet.ValueOf(o.Size)
		}
	case "LastModifiedDate":
		return "optional int64 %s (TIMESTAMP(MILLIS,true))", func(_ *Bucket, o *Object) parquet.Value { return moment(o, o.Modified) }
	case "ObjectLockRetainUntilDate":
		return "optional int64 %s (TIMESTAMP(MILLIS,true))", func(_ *Bucket, o *Object) parquet.Value { return moment(o, o.LockUntil) }
	case "IsMultipartUploaded":
		return "optional boolean %s", func(_ *Bucket, o *Object) parquet.Value {
			if o.Marker {
				return parquet.NullValue()
			}
			return parquet.ValueOf(o.Parts > 0)
		}
	}
	return "optional binary %s (STRING)", func(b *Bucket, o *Object) parquet.Value { return given(inventoryText(f, b, o, now)) }
}

func given(s string) parquet.Value {
	if s == "" {
		return parquet.NullValue()
	}
	return parquet.ValueOf(s)
}

// snake is a column's name in Parquet: last_modified_date.
func snake(name string) string {
	var b strings.Builder
	for i, r := range strings.Replace(name, "ETag", "Etag", 1) {
		if r >= 'A' && r <= 'Z' {
			if i > 0 {
				b.WriteByte('_')
			}
			r += 'a' - 'A'
		}
		b.WriteRune(r)
	}
	return strings.Replace(b.String(), "etag", "e_tag", 1)
}

// node is the column in the library's terms.
func (c *inventoryColumn) node() parquet.Node {
	var n parquet.Node
	switch {
	case strings.Contains(c.kind, "TIMESTAMP"):
		n = parquet.Timestamp(parquet.Millisecond)
	case strings.Contains(c.kind, "int64"):
		n = parquet.Leaf(parquet.Int64Type)
	case strings.Contains(c.kind, "boolean"):
		n = parquet.Leaf(parquet.BooleanType)
	default:
		n = parquet.String()
	}
	if c.optional() {
		return parquet.Optional(n)
	}
	return n
}

func (c *inventoryColumn) optional() bool { return strings.HasPrefix(c.kind, "optional") }

func (x *inventoryParquet) line(b *Bucket, o *Object) error {
	row := make(parquet.Row, len(x.columns))
	for i := range x.columns {
		v, defined := x.columns[i].value(b, o), 0
		if x.columns[i].optional() && !v.IsNull() {
			defined = 1
		}
		row[i] = v.Level(0, defined, i)
	}
	if _, err := x.out.WriteRows([]parquet.Row{row}); err != nil {
		return err
	}
	if x.lines++; x.lines%inventoryGroup == 0 {
		return x.out.Flush()
	}
	return nil
}

func (x *inventoryParquet) close() error { return x.out.Close() }

func (x *inventoryParquet) schema() string {
	var b strings.Builder
	b.WriteString("message s3.inventory { ")
	for _, c := range x.columns {
		b.WriteString(strings.Replace(c.kind, "%s", c.name, 1) + "; ")
	}
	return b.String() + "}"
}

func (x *inventoryParquet) extension() string { return ".parquet" }
