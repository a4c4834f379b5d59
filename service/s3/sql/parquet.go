package sql

import (
	"encoding/binary"
	"fmt"
	"io"
	"math/big"
	"time"

	"github.com/cockroachdb/apd/v3"
	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"
)

var (
	errParquet     = invalid("ParquetParsingError", "Error parsing Parquet file. Please check the file and try again.")
	errParquetType = invalid("UnsupportedParquetType", "Encountered an unsupported Parquet type.")
)

const (
	parquetBatch  = 64 // rows read at a time
	parquetBuffer = 64 << 10
	parquetFooter = 64 << 20 // bytes of the table of contents, at most
)

// Parquet reads the rows of a Parquet file. It holds a page of each column and
// a few rows.
type Parquet struct {
	source *watched
	groups []parquet.RowGroup
	shape  *Row // the names of the columns
	fields []*parquetNode
	rows   parquet.Rows
	batch  []parquet.Row
	at, n  int // in batch
	ended  bool
}

// watched keeps the errors of the file below, which the library's own errors
// hide.
type watched struct {
	from io.ReaderAt
	err  error
}

func (w *watched) ReadAt(p []byte, off int64) (int, error) {
	n, err := w.from.ReadAt(p, off)
	if err != nil && err != io.EOF {
		w.err = err
	}
	return n, err
}

// parquetNode is a column, or a group of columns, of a file's schema.
type parquetNode struct {
	name  string
	read  func(parquet.Value) (Value, error) // of a leaf
	first int                                // the leaf, or the first in a group
	kids  []*parquetNode
	shape []string
	list  bool
	given int // definition level from which on there is something
	item  int // of a list: from which on it has an item
}

// NewParquet reads a file of the size. Of a section it reads the row groups
// that begin there.
func NewParquet(r io.ReaderAt, size int64, s Section) (_ *Parquet, err error) {
	p := &Parquet{source: &watched{from: r}}
	defer func() { err = p.guard(recover(), err) }()
	if err := p.checkFooter(size); err != nil {
		return nil, err
	}
	f, err := parquet.OpenFile(p.source, size, parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true), parquet.ReadBufferSize(parquetBuffer))
	if err != nil {
		return nil, err
	}
	for i, g := range f.RowGroups() {
		at := f.Metadata().RowGroups[i].FileOffset
		if !s.Within || at >= s.From && at < s.To {
			p.groups = append(p.groups, g)
		}
	}
	b := &parquetShape{}
	p.shape = &Row{}
	for _, field := range f.Schema().Fields() {
		node, err := b.node(field, 0)
		if err != nil {
			return nil, err
		}
		p.fields = append(p.fields, node)
		p.shape.Names = append(p.shape.Names, node.name)
	}
	for range parquetBatch {
		p.batch = append(p.batch, nil)
	}
	return p, nil
}

// checkFooter compares what the file says of the length of its table of contents
// with its size: the library would make room for it unseen.
func (p *Parquet) checkFooter(size int64) error {
	var tail [8]byte // the length, and "PAR1"
	if size < int64(len(tail)) {
		return errParquet
	}
	if _, err := p.source.ReadAt(tail[:], size-int64(len(tail))); err != nil && err != io.EOF {
		return err
	}
	if n := int64(binary.LittleEndian.Uint32(tail[:])); n > size-int64(len(tail)) || n > parquetFooter {
		return errParquet
	}
	return nil
}

// guard makes what went wrong an error of the query: what the source said, or
// that the file is not a good one. The library panics at some that are not.
func (p *Parquet) guard(panicked any, err error) error {
	switch {
	case p.source.err != nil:
		return p.source.err
	case panicked != nil:
		return errParquet
	case err == nil || err == io.EOF || err == error(errParquetType):
		return err
	}
	return errParquet
}

// Names are the columns of the file.
func (p *Parquet) Names() []string { return p.shape.Names }

// Close ends the reading.
func (p *Parquet) Close() error {
	if p.rows == nil {
		return nil
	}
	err := p.rows.Close()
	p.rows = nil
	return err
}

// Next is the next record; io.EOF behind the last.
func (p *Parquet) Next() (v Value, err error) {
	defer func() { err = p.guard(recover(), err) }()
	for p.at == p.n {
		if err := p.load(); err != nil {
			return Value{}, err
		}
	}
	row := p.batch[p.at]
	p.at++
	var columns parquetRow
	row.Range(func(_ int, values []parquet.Value) bool {
		columns = append(columns, values)
		return true
	})
	out := &Row{Names: p.shape.Names, Values: make([]Value, len(p.fields)), Positional: true}
	for i, f := range p.fields {
		if out.Values[i], err = columns.value(f); err != nil {
			return Value{}, err
		}
	}
	return structure(out), nil
}

// load reads the next rows, of the next row group if need be.
func (p *Parquet) load() error {
	if p.rows == nil {
		if len(p.groups) == 0 {
			return io.EOF
		}
		p.rows, p.groups, p.ended = p.groups[0].Rows(), p.groups[1:], false
	}
	p.at, p.n = 0, 0
	if p.ended {
		return p.Close()
	}
	n, err := p.rows.ReadRows(p.batch)
	p.n = n
	if err == io.EOF || err == nil && n == 0 {
		p.ended, err = true, nil
	}
	return err
}

// parquetRow are the values of a row by column.
type parquetRow [][]parquet.Value

func (r parquetRow) value(n *parquetNode) (Value, error) {
	if n.first >= len(r) || len(r[n.first]) == 0 {
		return null, errParquet
	}
	values := r[n.first]
	switch {
	case values[0].DefinitionLevel() < n.given:
		return null, nil
	case n.list:
		items := []Value{}
		for _, v := range values {
			if v.DefinitionLevel() < n.item {
				continue // an empty list
			}
			item, err := n.leaf(v)
			if err != nil {
				return null, err
			}
			items = append(items, item)
		}
		return list(items), nil
	case n.read != nil:
		return n.leaf(values[0])
	}
	out := &Row{Names: n.shape, Values: make([]Value, len(n.kids))}
	for i, k := range n.kids {
		var err error
		if out.Values[i], err = r.value(k); err != nil {
			return null, err
		}
	}
	return structure(out), nil
}

func (n *parquetNode) leaf(v parquet.Value) (Value, error) {
	if v.IsNull() {
		return null, nil
	}
	return n.read(v)
}

// parquetShape numbers the leaves of a schema in their order.
type parquetShape struct{ leaves int }

func (b *parquetShape) node(f parquet.Field, defined int) (*parquetNode, error) {
	n := &parquetNode{name: f.Name(), first: b.leaves}
	if f.Optional() {
		defined++
	}
	n.given = defined
	if f.Repeated() { // a list without the frame that newer files have
		n.list, n.item = true, defined+1
		return n, b.leaf(n, f)
	}
	if f.Leaf() {
		return n, b.leaf(n, f)
	}
	if element, ok := listOf(f); ok {
		n.list, n.item = true, defined+1
		return n, b.leaf(n, element)
	}
	for _, kid := range f.Fields() {
		k, err := b.node(kid, defined)
		if err != nil {
			return nil, err
		}
		n.kids, n.shape = append(n.kids, k), append(n.shape, k.name)
	}
	return n, nil
}

// listOf is what a list of scalars holds: a group with one repeated member that
// has one member.
func listOf(f parquet.Field) (parquet.Field, bool) {
	kids := f.Fields()
	if len(kids) != 1 || !kids[0].Repeated() {
		return nil, false
	}
	if kids[0].Leaf() {
		return kids[0], true
	}
	inner := kids[0].Fields()
	if len(inner) != 1 {
		return nil, false
	}
	return inner[0], true
}

func (b *parquetShape) leaf(n *parquetNode, f parquet.Field) error {
	if !f.Leaf() {
		return errParquetType
	}
	b.leaves++
	n.read = scalar(f.Type())
	return nil
}

// scalar is how values of a type are read.
func scalar(t parquet.Type) func(parquet.Value) (Value, error) {
	if l := t.LogicalType(); l != nil {
		switch kind := l.Value.(type) {
		case *format.DecimalType:
			return func(v parquet.Value) (Value, error) { return scaled(v, kind.Scale) }
		case *format.DateType:
			return func(v parquet.Value) (Value, error) {
				return stamp(Timestamp{time.Unix(int64(v.Int32())*86400, 0).UTC(), toDay}), nil
			}
		case *format.TimestampType:
			return func(v parquet.Value) (Value, error) { return moment(v.Int64(), kind.Unit), nil }
		}
	}
	switch t.Kind() {
	case parquet.Boolean:
		return func(v parquet.Value) (Value, error) { return boolean(v.Boolean()), nil }
	case parquet.Int32:
		return func(v parquet.Value) (Value, error) { return integer(int64(v.Int32())), nil }
	case parquet.Int64:
		return func(v parquet.Value) (Value, error) { return integer(v.Int64()), nil }
	case parquet.Int96:
		return func(v parquet.Value) (Value, error) { return julian(v), nil }
	case parquet.Float:
		return func(v parquet.Value) (Value, error) { return float(float64(v.Float())), nil }
	case parquet.Double:
		return func(v parquet.Value) (Value, error) { return float(v.Double()), nil }
	}
	return func(v parquet.Value) (Value, error) { return text(string(v.ByteArray())), nil }
}

// scaled is a decimal: an integer, or one in big-endian bytes, over a power of
// ten.
func scaled(v parquet.Value, scale int32) (Value, error) {
	n := new(big.Int)
	switch v.Kind() {
	case parquet.Int32:
		n.SetInt64(int64(v.Int32()))
	case parquet.Int64:
		n.SetInt64(v.Int64())
	default:
		b := v.ByteArray()
		if n.SetBytes(b); len(b) > 0 && b[0]&0x80 != 0 {
			n.Sub(n, new(big.Int).Lsh(big.NewInt(1), uint(8*len(b))))
		}
	}
	d, _, err := apd.NewFromString(fmt.Sprintf("%sE-%d", n, scale))
	if err != nil {
		return null, errParquet
	}
	return decimal(d), nil
}

func moment(n int64, unit format.TimeUnit) Value {
	switch unit.Value.(type) {
	case *format.MicroSeconds:
		return stamp(Timestamp{time.UnixMicro(n).UTC(), toSecond + 6})
	case *format.NanoSeconds:
		return stamp(Timestamp{time.Unix(0, n).UTC(), toSecond + 9})
	}
	return stamp(Timestamp{time.UnixMilli(n).UTC(), toSecond + 3})
}

// julian is the older form of timestamps: nanoseconds of the day, and the day.
func julian(v parquet.Value) Value {
	const epoch = 2440588 // the Julian day of 1970-01-01
	x := v.Int96()
	var b [8]byte
	binary.LittleEndian.PutUint32(b[:], x[0])
	binary.LittleEndian.PutUint32(b[4:], x[1])
	nanos := int64(binary.LittleEndian.Uint64(b[:]))
	return stamp(Timestamp{time.Unix((int64(x[2])-epoch)*86400, nanos).UTC(), toSecond + 9})
}
