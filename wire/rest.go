package wire

import (
	"cmp"
	"io"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"pileus/cloud"
)

// restProtocol is REST-XML and REST-JSON: parts of the input in the URI and
// headers, the rest as the body.
type restProtocol struct {
	json bool
	s3   bool // S3's errors have an envelope of their own
	ids  bool // S3's headers name the request, not those of the newer services
}

// StreamsRequest tells whether the operation takes its body as a stream; in is
// its input's type, the struct or a pointer to it.
func StreamsRequest(_ *cloud.OpInfo, in reflect.Type) bool { return streams(in) }

// StreamsResponse tells whether the operation answers with a stream; out is
// its output's type.
func StreamsResponse(_ *cloud.OpInfo, out reflect.Type) bool { return streams(out) }

func streams(t reflect.Type) bool {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	p := planOf(t).payload
	return p != nil && (p.kind == kStream || p.kind == kEvents)
}

var xmlReaders = sync.Pool{New: func() any { return new(xmlReader) }}

func (t restProtocol) Decode(r *Request, op *cloud.OpInfo, in any) error {
	v := reflect.ValueOf(in).Elem()
	p := planOf(v.Type())
	have, err := readBound(r, v, p)
	if err != nil {
		return t.refuse(op, err)
	}
	f := p.payload
	switch {
	case f == nil:
		return t.decodeMembers(r, op, in, v, p, have)
	case f.kind == kStream:
		body := r.Stream
		if body == nil {
			body = http.NoBody
		}
		v.Field(f.index).Set(reflect.ValueOf(body))
	case f.kind == kEvents:
		return readEvents(r, v.Field(f.index), f, t.events())
	case f.kind == kBlob:
		if len(r.Body) > 0 {
			v.Field(f.index).SetBytes(r.Body)
		}
	case f.kind == kString:
		if len(r.Body) > 0 {
			f.into(v.Field(f.index)).SetString(string(r.Body))
		}
	case len(r.Body) > 0:
		return t.decodePayload(r.Body, op, in, v, p, have)
	}
	if len(r.Body) > 0 {
		have |= f.bit
	}
	return t.judge(op, in, p, have)
}

// judge looks whether required members outside of the body came.
func (t restProtocol) judge(op *cloud.OpInfo, in any, p *plan, have uint64) error {
	if p.need&^have == 0 {
		return nil
	}
	if checksItself(op) {
		if f := p.payload; f != nil && f.bit&^have != 0 && f.kind == kStruct {
			return cloud.Errorf(http.StatusBadRequest, "MissingRequestBodyError", "Request Body is empty")
		}
		return nil
	}
	var track tracker
	track.seen(p, have)
	return verdict(op, in, track.missing)
}

// refuse gives an error the service's code.
func (t restProtocol) refuse(op *cloud.OpInfo, err error) error {
	if e, ok := err.(*boundError); ok {
		return t.refuseBound(e)
	}
	if t.json {
		return jsonFailure(err)
	}
	return malformedXML()
}

func (t restProtocol) refuseBound(e *boundError) error {
	if !t.s3 {
		return serialization("invalid value for %s", e.field.facts.locName)
	}
	text := "Invalid value for " + e.field.facts.locName
	if e.field.kind == kInt {
		text = "Provided " + e.field.facts.locName + " not an integer or within integer range"
	}
	return cloud.Errorf(http.StatusBadRequest, "InvalidArgument", "%s", text).
		With("ArgumentName", e.field.facts.locName).With("ArgumentValue", e.value)
}

// decodeMembers reads a body that holds the input's own members.
func (t restProtocol) decodeMembers(r *Request, op *cloud.OpInfo, in any, v reflect.Value, p *plan, have uint64) error {
	if len(r.Body) == 0 {
		return t.judge(op, in, p, have)
	}
	return t.decodeBody(r.Body, op, in, v, p, have, p)
}

// decodePayload reads a body that is one member.
func (t restProtocol) decodePayload(body []byte, op *cloud.OpInfo, in any, v reflect.Value, p *plan, have uint64) error {
	f := p.payload
	return t.decodeBody(body, op, in, f.into(v.Field(f.index)), f.plan, have|f.bit, p)
}

// decodeBody reads the struct v of plan p; outer is the plan of the whole
// input, of whose required members those in have already came.
func (t restProtocol) decodeBody(body []byte, op *cloud.OpInfo, in any, v reflect.Value, p *plan, have uint64, outer *plan) error {
	var under *field
	root := op.InputXML
	if p != outer {
		under = outer.payload
		root = under.name
	}
	if !t.s3 {
		root = "" // only S3 looks at it
	}
	var missing []string
	var err error
	if t.json {
		missing, err = readJSON(body, v, p, under)
	} else {
		missing, err = readXML(body, v, p, under, root)
	}
	if err != nil {
		return t.refuse(op, err)
	}
	if under == nil { // the reader judged every member, also those outside of the body
		missing = slices.DeleteFunc(missing, func(path string) bool {
			return slices.ContainsFunc(outer.needs, func(f *field) bool { return have&f.bit != 0 && f.shownAs == path })
		})
	}
	if checksItself(op) {
		if len(missing) > 0 {
			return malformedXML()
		}
		return nil
	}
	if under != nil {
		var track tracker
		track.seen(outer, have)
		missing = append(track.missing, missing...)
	}
	return verdict(op, in, missing)
}

// checksItself tells whether the service leaves nothing of its input's
// constraints to the model.
func checksItself(op *cloud.OpInfo) bool {
	return op.Service.Invalid == "" && op.Service.Missing == ""
}

// readXML is readJSON for XML; root is the name that the root element must
// have, "" for any.
func readXML(body []byte, v reflect.Value, p *plan, under *field, root string) ([]string, error) {
	d := xmlReaders.Get().(*xmlReader)
	defer xmlReaders.Put(d)
	d.b, d.i, d.deep, d.self = body, 0, 0, false
	d.track.begin(under)
	name, err := d.root()
	if err == nil && root != "" && name != root {
		err = errType
	}
	if err == nil {
		err = d.structure(v, p)
	}
	if err == nil {
		err = d.finish()
	}
	d.b = nil
	return d.track.missing, err
}

func (t restProtocol) Encode(w *Response, op *cloud.OpInfo, out any) error {
	status := cmp.Or(w.Status, op.Status)
	if status == 0 {
		status = http.StatusOK
	}
	v := reflect.ValueOf(out)
	if out == nil || v.IsNil() {
		return t.send(w, status, "", nil)
	}
	v = v.Elem()
	p := planOf(v.Type())
	status = writeBound(w, v, p, status)
	if t.s3 && status == http.StatusOK && len(w.W.Header()["Content-Range"]) > 0 {
		status = http.StatusPartialContent // the model has no member that says so
	}
	if f := p.payload; f != nil {
		return t.encodePayload(w, op, status, v, f)
	}
	if !p.hasBody() && (!t.json || p.typ == emptyType) {
		return t.send(w, status, "", nil)
	}
	buf := getBuffer()
	b := (*buf)[:0]
	var kind string
	if t.json {
		b, kind = jsonStruct(b, v, p), "application/json"
	} else {
		b, kind = t.xmlBody(b, op, v, p), "application/xml"
	}
	err := t.send(w, status, kind, b)
	putBuffer(buf, b)
	return err
}

func (p *plan) hasBody() bool {
	for i := range p.fields {
		if p.fields[i].facts.loc == inBody {
			return true
		}
	}
	return false
}

// xmlBody writes the output's own members under the operation's root element.
func (t restProtocol) xmlBody(b []byte, op *cloud.OpInfo, v reflect.Value, p *plan) []byte {
	x := xmlWriter{b: append(b, xmlHeader...), ts: tsISOMilli}
	root := op.OutputXML
	if root == "" {
		root = op.Name + "Response"
	}
	x.openNS(root, op.Service.Namespace, "")
	if f := p.byName[root]; f != nil && f.kind == kString { // GetBucketLocation is only its root
		if s, ok := f.from(v.Field(f.index)); ok {
			x.b = escapeXML(x.b, s.String())
		}
	} else {
		x.members(v, p)
	}
	x.shut(root)
	return x.b
}

func (t restProtocol) encodePayload(w *Response, op *cloud.OpInfo, status int, v reflect.Value, f *field) error {
	fv, ok := f.from(v.Field(f.index))
	if f.kind == kEvents {
		t.name(w)
		return writeEvents(w, v, planOf(v.Type()), t.events(), "application/xml")
	}
	if !ok {
		return t.send(w, status, "", nil)
	}
	switch f.kind {
	case kStream:
		t.name(w)
		return w.stream(status, fv.Interface().(io.ReadCloser))
	case kBlob:
		return t.send(w, status, "application/octet-stream", fv.Bytes())
	case kString:
		return t.send(w, status, "text/plain", []byte(fv.String()))
	}
	buf := getBuffer()
	b := (*buf)[:0]
	kind := "application/xml"
	if t.json {
		b, kind = jsonValue(b, fv, &f.node), "application/json"
	} else {
		x := xmlWriter{b: append(b, xmlHeader...), ts: tsISOMilli}
		ns := f.facts.ns
		if ns == "" {
			ns = op.Service.Namespace
		}
		x.openNS(f.name, ns, "")
		x.content(fv, &f.node)
		x.shut(f.name)
		b = x.b
	}
	err := t.send(w, status, kind, b)
	putBuffer(buf, b)
	return err
}

// stream copies a body and closes it. Bodies that implement io.WriterTo, or
// are files, reach the socket without passing through here.
func (w *Response) stream(status int, body io.ReadCloser) error {
	defer body.Close()
	h := w.W.Header()
	w.headers(w.Header)
	if len(h["Content-Type"]) == 0 {
		h["Content-Type"] = []string{"application/octet-stream"}
	}
	w.W.WriteHeader(status)
	if w.Method == http.MethodHead {
		return nil
	}
	_, err := io.Copy(w.W, body)
	return err
}

// name sets the headers that name the request.
func (t restProtocol) name(w *Response) {
	h := w.W.Header()
	if t.ids {
		h["x-amz-request-id"] = []string{w.RequestID}
		h["x-amz-id-2"] = []string{w.HostID}
		return
	}
	h["x-amzn-RequestId"] = []string{w.RequestID}
}

func (t restProtocol) send(w *Response, status int, contentType string, b []byte) error {
	h := w.W.Header()
	t.name(w)
	if contentType != "" && len(h["Content-Type"]) == 0 {
		h["Content-Type"] = []string{contentType}
	}
	if b == nil && w.Method == http.MethodHead && len(h["Content-Length"]) > 0 {
		w.headers(w.Header)
		w.W.WriteHeader(status)
		return nil
	}
	return w.send(status, b)
}

func (t restProtocol) EncodeError(w *Response, op *cloud.OpInfo, e *cloud.Error) error {
	w.headers(e.Header)
	buf := getBuffer()
	b := (*buf)[:0]
	kind := "application/xml"
	switch {
	case t.json:
		shape := e.Shape
		if shape == "" {
			shape = e.Code
		}
		w.W.Header()["x-amzn-ErrorType"] = []string{shape}
		b = append(b, '{')
		b = append(jsonErrorBody(b, e), '}')
		b = append(b[:1], b[2:]...) // the first member follows no comma
		kind = "application/json"
	case t.s3:
		x := xmlWriter{b: append(b, xmlHeader...), ts: tsISOMilli}
		x.open("Error")
		x.errorBody(e)
		x.text("RequestId", w.RequestID)
		x.text("HostId", w.HostID)
		x.shut("Error")
		b = x.b
	default:
		x := xmlWriter{b: append(b, xmlHeader...), ts: tsISOMilli}
		ns := ""
		if op != nil {
			ns = op.Service.Namespace
		}
		x.wrappedError(e, ns, w.RequestID)
		b = x.b
	}
	err := t.send(w, statusOf(e.Status, e), kind, b)
	putBuffer(buf, b)
	return err
}

func (t restProtocol) events() eventCodec {
	if t.json {
		return jsonEvents
	}
	return xmlEvents
}

// plain tells whether s can stand in a header as it is.
func plain(s string) bool {
	return utf8.ValidString(s) && strings.IndexFunc(s, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }) < 0
}
