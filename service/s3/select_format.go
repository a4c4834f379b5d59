package s3

import (
	"unicode/utf8"

	"pileus/cloud"
	"pileus/service/s3/sql"

	api "pileus/api/s3"
)

// formats is how a query's object is read and its result written.
type formats struct {
	csv         *sql.CSVFormat // nil: JSON, or
	parquet     bool
	writer      sql.Writer
	compression string // "NONE", "GZIP" or "BZIP2"
	delimiter   int    // bytes between records
	splittable  bool   // records can be found without reading from the beginning
}

// readFormats checks what a request says of formats.
func readFormats(in *api.SelectObjectContentInput) (*formats, error) {
	if in.ExpressionType != api.ExpressionTypeSql {
		return nil, errExpressionType
	}
	f := &formats{compression: cloud.Or(in.InputSerialization.CompressionType, "NONE"), delimiter: 1}
	if !oneOf(f.compression, "NONE", "GZIP", "BZIP2") {
		return nil, errCompression
	}
	input := &in.InputSerialization
	switch {
	case input.CSV != nil && input.JSON == nil && input.Parquet == nil:
		if err := f.readCSV(input.CSV); err != nil {
			return nil, err
		}
	case input.JSON != nil && input.CSV == nil && input.Parquet == nil:
		kind := cloud.Or(input.JSON.Type, "")
		if !oneOf(kind, api.JSONTypeDocument, api.JSONTypeLines) {
			return nil, errJSONType
		}
		f.splittable = kind == api.JSONTypeLines
	case input.Parquet != nil && input.CSV == nil && input.JSON == nil:
		if f.compression != "NONE" { // its pages are compressed, not the whole
			return nil, errCompression
		}
		f.parquet, f.splittable, f.delimiter = true, true, 0
	case input.CSV == nil && input.JSON == nil && input.Parquet == nil:
		return nil, errDataSource
	default:
		return nil, errFormats
	}
	f.splittable = f.splittable && f.compression == "NONE"
	return f, f.readOutput(&in.OutputSerialization)
}

func (f *formats) readCSV(in *api.CSVInput) error {
	header, ok := map[string]sql.Header{"NONE": sql.NoHeader, "IGNORE": sql.SkipHeader, "USE": sql.UseHeader}[cloud.Or(in.FileHeaderInfo, "NONE")]
	if !ok {
		return errHeaderInfo
	}
	p := parameters{}
	c := &sql.CSVFormat{Header: header, QuotedDelimiter: cloud.Or(in.AllowQuotedRecordDelimiter, false)}
	c.Field, c.Record = p.delimiter("FieldDelimiter", in.FieldDelimiter, ","), p.delimiter("RecordDelimiter", in.RecordDelimiter, "\n")
	c.Quote = p.character("QuoteCharacter", in.QuoteCharacter, '"')
	c.Escape = p.character("QuoteEscapeCharacter", in.QuoteEscapeCharacter, c.Quote)
	c.Comment = p.character("Comments", in.Comments, '#')
	if c.Field == c.Record {
		p.reject("FieldDelimiter")
	}
	f.csv, f.delimiter, f.splittable = c, len(c.Record), !c.QuotedDelimiter
	return p.err
}

func (f *formats) readOutput(out *api.OutputSerialization) error {
	p := parameters{}
	switch {
	case out.CSV != nil && out.JSON != nil:
		return errFormats
	case out.JSON != nil:
		f.writer = &sql.JSONWriter{Record: p.delimiter("RecordDelimiter", out.JSON.RecordDelimiter, "\n")}
	case out.CSV != nil:
		quote := cloud.Or(out.CSV.QuoteFields, api.QuoteFieldsAsneeded)
		if !oneOf(quote, api.QuoteFieldsAlways, api.QuoteFieldsAsneeded) {
			return errQuoteFields
		}
		w := &sql.CSVWriter{Always: quote == api.QuoteFieldsAlways, Quote: p.character("QuoteCharacter", out.CSV.QuoteCharacter, '"')}
		w.Escape = p.character("QuoteEscapeCharacter", out.CSV.QuoteEscapeCharacter, w.Quote)
		w.Field, w.Record = p.delimiter("FieldDelimiter", out.CSV.FieldDelimiter, ","), p.delimiter("RecordDelimiter", out.CSV.RecordDelimiter, "\n")
		if w.Quote == 0 || w.Escape == 0 {
			p.reject("QuoteCharacter")
		}
		f.writer = w
	default:
		return errMissingParameter
	}
	return p.err
}

// parameters reads the characters that formats are made of, and keeps the
// first error.
type parameters struct{ err error }

func (p *parameters) reject(name string) {
	if p.err == nil {
		p.err = errSelectParameter(name)
	}
}

// delimiter is one or two characters.
func (p *parameters) delimiter(name string, given *string, otherwise string) string {
	if given == nil {
		return otherwise
	}
	if n := utf8.RuneCountInString(*given); n < 1 || n > 2 {
		p.reject(name)
		return otherwise
	}
	return *given
}

// character is one of ASCII, or none where it is given as empty.
func (p *parameters) character(name string, given *string, otherwise byte) byte {
	switch {
	case given == nil:
		return otherwise
	case *given == "":
		return 0
	case len(*given) > 1 || (*given)[0] >= utf8.RuneSelf:
		p.reject(name)
	}
	return (*given)[0]
}
