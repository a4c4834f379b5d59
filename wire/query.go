package wire

import (
	"net/http"
	"reflect"
	"strings"
	"sync"
	"unicode/utf8"

	"pileus/cloud"
)

// queryProtocol is the query protocol and its variant ec2: the input as form
// parameters, the output as XML.
type queryProtocol struct{ ec2 bool }

// Action reads the operation and API version that a query request asks for,
// from its body or, for GET, its query string.
func Action(r *http.Request, body []byte) (action, version string) {
	s := text(body)
	if len(body) == 0 {
		s = r.URL.RawQuery
	}
	f, err := parseForm(s)
	if err != nil {
		return "", ""
	}
	defer f.release()
	get := func(name string) string {
		if c := f.find(0, name); c != 0 {
			return string([]byte(f.nodes[c].value))
		}
		return ""
	}
	return get("Action"), get("Version")
}

var queryReaders = sync.Pool{New: func() any { return new(queryReader) }}

func (q queryProtocol) Decode(r *Request, op *cloud.OpInfo, in any) error {
	s := text(r.Body)
	if len(r.Body) == 0 && r.HTTP != nil {
		s = r.HTTP.URL.RawQuery
	}
	f, err := parseForm(s)
	if err != nil {
		return err
	}
	defer f.release()
	if op.Service.Name == "sqs" && r.HTTP != nil {
		f.queueURL(r.HTTP)
	}
	d := queryReaders.Get().(*queryReader)
	defer queryReaders.Put(d)
	d.form, d.ec2 = f, q.ec2
	d.track.begin(nil)
	f.order = f.order[:0]
	v := reflect.ValueOf(in).Elem()
	if err := d.structure(v, planOf(v.Type()), 0); err != nil {
		return err
	}
	d.form = nil
	return verdict(op, in, d.track.missing)
}

// queueURL gives SQS the parameter that clients of the query era leave out,
// because they send the request to the queue's URL itself.
func (f *form) queueURL(r *http.Request) {
	if len(r.URL.Path) < 2 || f.find(0, "QueueUrl") != 0 {
		return
	}
	scheme := "http://"
	if r.TLS != nil {
		scheme = "https://"
	}
	f.add("QueueUrl", scheme+r.Host+r.URL.Path)
}

// queryReader sets a struct from a form's tree.
type queryReader struct {
	form  *form
	ec2   bool
	track tracker
}

func (d *queryReader) structure(v reflect.Value, p *plan, at int32) error {
	names := p.byQuery
	if d.ec2 {
		names = p.byEC2
	}
	var have uint64
	for c := d.form.nodes[at].first; c != 0; c = d.form.nodes[c].next {
		f := names[d.form.nodes[c].name]
		if f == nil {
			if d.ec2 && d.form.asks(c) && !(at == 0 && aboutRequest(d.form.nodes[c].name)) {
				return unknownParameter(d.form.nodes[c].name)
			}
			continue
		}
		have |= f.bit
		d.track.push(step{field: f})
		err := d.value(v.Field(f.index), &f.node, c)
		d.track.pop()
		if err != nil {
			return err
		}
	}
	d.track.seen(p, have)
	return nil
}

// asks tells whether a parameter asks for anything: clients that are newer than
// our models send some of theirs switched off.
func (f *form) asks(at int32) bool {
	n := &f.nodes[at]
	return n.first != 0 || n.value != "" && n.value != "false"
}

// aboutRequest tells whether a parameter is no input, but says what operation a
// request is for, or signs it (versions 2 and 4, in a query string).
func aboutRequest(name string) bool {
	switch name {
	case "Action", "Version", "AWSAccessKeyId", "Expires", "SecurityToken", "Signature", "SignatureMethod", "SignatureVersion", "Timestamp":
		return true
	}
	return len(name) > 6 && strings.EqualFold(name[:6], "X-Amz-")
}

func (d *queryReader) value(v reflect.Value, n *node, at int32) error {
	switch n.kind {
	case kStruct:
		return d.structure(n.into(v), n.plan, at)
	case kList:
		return d.list(v, n, at)
	case kMap:
		return d.mapping(v, n, at)
	case kStream, kEvents:
		return nil
	}
	t := &d.form.nodes[at]
	if !t.set {
		return malformedInput("Unexpected complex element termination")
	}
	if n.kind == kString && !utf8.ValidString(t.value) {
		return malformedInput("A value is not valid UTF-8")
	}
	if err := n.setText(v, t.value); err != nil {
		return malformedInput("Invalid value for %s: %s", d.path(), t.value)
	}
	return nil
}

func (d *queryReader) path() string {
	if d.track.depth == 0 {
		return ""
	}
	last := d.track.at[d.track.depth-1]
	if last.field != nil {
		return last.field.goName
	}
	return "element"
}

func (d *queryReader) list(v reflect.Value, n *node, at int32) error {
	if d.form.nodes[at].set && d.form.nodes[at].first == 0 {
		if d.form.nodes[at].value == "" {
			v.Set(reflect.MakeSlice(v.Type(), 0, 0)) // "Tags=" is the empty list
			return nil
		}
		return malformedInput("Invalid value for %s", d.path())
	}
	if !d.ec2 && !n.facts.flat {
		if c := d.form.find(at, n.listElem()); c != 0 {
			at = c
		}
	}
	mark := len(d.form.order)
	items, ok := d.form.elements(at)
	if !ok {
		return malformedInput("Invalid list index of %s", d.path())
	}
	v.Set(reflect.MakeSlice(v.Type(), len(items), len(items)))
	for i, c := range items {
		d.track.push(step{index: i + 1})
		err := d.value(v.Index(i), n.elem, c)
		d.track.pop()
		if err != nil {
			return err
		}
	}
	d.form.order = d.form.order[:mark]
	return nil
}

func (d *queryReader) mapping(v reflect.Value, n *node, at int32) error {
	if !n.facts.flat {
		if c := d.form.find(at, "entry"); c != 0 {
			at = c
		}
	}
	mark := len(d.form.order)
	items, ok := d.form.elements(at)
	if !ok {
		return malformedInput("Invalid map index of %s", d.path())
	}
	m := reflect.MakeMapWithSize(v.Type(), len(items))
	v.Set(m)
	keyName, valueName := n.entryNames()
	for _, c := range items {
		kc, vc := d.form.find(c, keyName), d.form.find(c, valueName)
		if kc == 0 || !d.form.nodes[kc].set {
			return malformedInput("A map entry of %s has no key", d.path())
		}
		key := reflect.New(n.key.typ).Elem()
		key.SetString(string([]byte(d.form.nodes[kc].value)))
		elem := reflect.New(n.elem.typ).Elem()
		if vc != 0 {
			d.track.push(step{key: key.String()})
			err := d.value(elem, n.elem, vc)
			d.track.pop()
			if err != nil {
				return err
			}
		}
		m.SetMapIndex(key, elem)
	}
	d.form.order = d.form.order[:mark]
	return nil
}

func (q queryProtocol) Encode(w *Response, op *cloud.OpInfo, out any) error {
	p := getBuffer()
	x := xmlWriter{b: (*p)[:0], query: !q.ec2, ts: tsISO}
	if q.ec2 {
		x.ts = tsISOMilli
		x.b = append(x.b, xmlHeader...)
	}
	root := op.Name + "Response"
	x.openNS(root, op.Service.Namespace, "")
	if q.ec2 {
		x.text("requestId", w.RequestID)
	}
	if v := reflect.ValueOf(out); out != nil && !v.IsNil() {
		if op.Wrapper != "" {
			x.open(op.Wrapper)
		}
		x.members(v.Elem(), planOf(v.Elem().Type()))
		if op.Wrapper != "" {
			x.shut(op.Wrapper)
		}
	} else if op.Wrapper != "" {
		x.open(op.Wrapper)
		x.shut(op.Wrapper)
	}
	if !q.ec2 {
		x.open("ResponseMetadata")
		x.text("RequestId", w.RequestID)
		x.shut("ResponseMetadata")
	}
	x.shut(root)
	err := q.send(w, http.StatusOK, x.b)
	putBuffer(p, x.b)
	return err
}

func (q queryProtocol) EncodeError(w *Response, op *cloud.OpInfo, e *cloud.Error) error {
	w.headers(e.Header)
	p := getBuffer()
	x := xmlWriter{b: (*p)[:0], query: !q.ec2, ts: tsISO}
	if q.ec2 {
		x.ts = tsISOMilli
		x.b = append(x.b, xmlHeader...)
		x.open("Response")
		x.open("Errors")
		x.open("Error")
		x.text("Code", e.Code)
		x.text("Message", e.Message)
		x.shut("Error")
		x.shut("Errors")
		x.text("RequestID", w.RequestID)
		x.shut("Response")
	} else {
		ns := ""
		if op != nil {
			ns = op.Service.Namespace
		}
		x.wrappedError(e, ns, w.RequestID)
	}
	err := q.send(w, statusOf(e.Status, e), x.b)
	putBuffer(p, x.b)
	return err
}

// wrappedError is the envelope of the query and most REST-XML services.
func (x *xmlWriter) wrappedError(e *cloud.Error, ns, requestID string) {
	x.openNS("ErrorResponse", ns, "")
	x.open("Error")
	fault := "Sender"
	if e.Server {
		fault = "Receiver"
	}
	x.text("Type", fault)
	x.errorBody(e)
	x.shut("Error")
	x.text("RequestId", requestID)
	x.shut("ErrorResponse")
}

// errorBody writes code, message, further fields and the detail's members.
func (x *xmlWriter) errorBody(e *cloud.Error) {
	x.text("Code", e.Code)
	x.text("Message", e.Message)
	for _, f := range e.Fields {
		x.text(f[0], f[1])
	}
	v := reflect.ValueOf(e.Detail)
	if e.Detail == nil || v.Kind() != reflect.Pointer || v.IsNil() {
		return
	}
	v = v.Elem()
	p := planOf(v.Type())
	for i := range p.fields {
		if f := &p.fields[i]; f != p.messageField() && f.facts.loc == inBody {
			x.member(v.Field(f.index), f)
		}
	}
}

func (q queryProtocol) send(w *Response, status int, b []byte) error {
	h := w.W.Header()
	h["x-amzn-RequestId"] = []string{w.RequestID}
	h["Content-Type"] = []string{"text/xml;charset=UTF-8"}
	if !q.ec2 {
		h["Content-Type"] = []string{"text/xml"}
	}
	return w.send(status, b)
}
