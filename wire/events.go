package wire

import (
	"errors"
	"io"
	"net/http"
	"reflect"
	"time"

	"pileus/cloud"
)

// An event stream is a member of type iter.Seq2[*Union, error], where Union is
// a struct with one pointer per kind of event, of which one is set. A handler
// returns a function that yields events; what it yields as error ends the
// stream. A request's stream is read as it is ranged over.

// eventCodec is how events' payloads are written and read.
type eventCodec struct {
	contentType string
	write       func(b []byte, v reflect.Value, n *node) []byte
	read        func(b []byte, v reflect.Value, n *node) error
}

var (
	jsonEvents = eventCodec{"application/json", jsonValue, func(b []byte, v reflect.Value, n *node) error {
		d := &jsonReader{b: b}
		return d.document(n.into(v), n.plan)
	}}
	xmlEvents = eventCodec{"text/xml", func(b []byte, v reflect.Value, n *node) []byte {
		x := xmlWriter{b: b, ts: tsISOMilli}
		x.element(n.plan.typ.Name(), v, n)
		return x.b
	}, func(b []byte, v reflect.Value, n *node) error {
		d := &xmlReader{b: b}
		if _, err := d.root(); err != nil {
			return err
		}
		return d.structure(n.into(v), n.plan)
	}}
	cborEvents = eventCodec{"application/cbor", cborValue, func(b []byte, v reflect.Value, n *node) error {
		d := &cborReader{b: b}
		return d.structure(n.into(v), n.plan)
	}}
)

const eventStreamType = "application/vnd.amazon.eventstream"

// writeEvents answers with the event stream that is a member of out. Members
// beside it go ahead as the initial response.
func writeEvents(w *Response, out reflect.Value, p *plan, codec eventCodec, initialType string) error {
	h := w.W.Header()
	h["Content-Type"] = []string{eventStreamType}
	w.headers(w.Header)
	w.W.WriteHeader(http.StatusOK)
	control := http.NewResponseController(w.W)
	send := func(f *frame) error {
		buf := getBuffer()
		b := f.append((*buf)[:0])
		_, err := w.W.Write(b)
		putBuffer(buf, b)
		if err == nil {
			if ferr := control.Flush(); !errors.Is(ferr, http.ErrNotSupported) {
				err = ferr
			}
		}
		return err
	}
	if codec.contentType != xmlEvents.contentType && p.hasBody() && len(p.fields) > 1 {
		initial := &node{kind: kStruct, typ: p.typ, plan: p}
		if err := send(eventFrame("initial-response", initialType, codec.write(nil, out, initial))); err != nil {
			return err
		}
	}
	seq := out.Field(p.payload.index)
	if seq.IsNil() {
		return nil
	}
	for event, failure := range seq.Seq2() {
		if err, ok := failure.Interface().(error); ok && err != nil {
			return send(errorFrame(err, codec))
		}
		f, ok := encodeEvent(event, p.payload.plan, codec)
		if !ok {
			continue
		}
		if err := send(f); err != nil {
			return err
		}
	}
	return nil
}

func eventFrame(kind, contentType string, payload []byte) *frame {
	f := &frame{payload: payload, headers: []frameHeader{{":message-type", "event"}, {":event-type", kind}}}
	if contentType != "" {
		f.headers = append(f.headers, frameHeader{":content-type", contentType})
	}
	return f
}

// encodeEvent writes the one member of a union that is set.
func encodeEvent(union reflect.Value, p *plan, codec eventCodec) (*frame, bool) {
	if union.IsNil() {
		return nil, false
	}
	for i := range p.fields {
		f := &p.fields[i]
		v, ok := f.from(union.Elem().Field(f.index))
		if !ok || f.kind != kStruct {
			continue
		}
		contentType, payload := codec.payload(v, f)
		out := eventFrame(f.name, contentType, payload)
		for j := range f.plan.fields {
			m := &f.plan.fields[j]
			if hv, ok := m.from(v.Field(m.index)); ok && m.facts.evHeader {
				out.headers = append(out.headers, frameHeader{m.name, headerValue(hv, m)})
			}
		}
		return out, true
	}
	return nil, false
}

// payload writes an event's payload: the member marked so, or all members that
// are no headers.
func (c eventCodec) payload(v reflect.Value, f *field) (contentType string, payload []byte) {
	whole := false
	for i := range f.plan.fields {
		m := &f.plan.fields[i]
		if !m.facts.evPayload {
			whole = whole || !m.facts.evHeader
			continue
		}
		mv, ok := m.from(v.Field(m.index))
		if !ok {
			return "", nil
		}
		switch m.kind {
		case kBlob:
			return "application/octet-stream", mv.Bytes()
		case kString:
			return "text/plain", []byte(mv.String())
		}
		return c.contentType, c.write(nil, mv, &m.node)
	}
	if !whole {
		return "", nil
	}
	return c.contentType, c.write(nil, v, &f.node)
}

func headerValue(v reflect.Value, f *field) any {
	switch f.kind {
	case kBool:
		return v.Bool()
	case kInt:
		if f.bits == 32 {
			return int32(v.Int())
		}
		return v.Int()
	case kBlob:
		return v.Bytes()
	case kTime:
		return timeOf(v)
	}
	return string(f.appendText(nil, v, tsISO))
}

// errorFrame ends a stream with an error: a modelled exception, or code and
// message.
func errorFrame(err error, codec eventCodec) *frame {
	var e *cloud.Error
	if !errors.As(err, &e) {
		e = cloud.Errorf(http.StatusInternalServerError, "InternalError", "We encountered an internal error. Please try again.")
	}
	if e.Shape == "" || codec.contentType == xmlEvents.contentType {
		return &frame{headers: []frameHeader{{":message-type", "error"}, {":error-code", e.Code}, {":error-message", e.Message}}}
	}
	f := &frame{headers: []frameHeader{{":message-type", "exception"}, {":exception-type", e.Shape}, {":content-type", codec.contentType}}}
	if codec.contentType == cborEvents.contentType {
		f.payload = cborString(cborString([]byte{cborMap<<5 | 1}, "message"), e.Message)
		return f
	}
	f.payload = append(append(append(f.payload, '{'), jsonErrorBody(nil, e)[1:]...), '}')
	return f
}

// readEvents sets an input's event stream to a function that reads it. Signed
// messages must have been checked and unwrapped below r.Stream.
func readEvents(r *Request, v reflect.Value, f *field, codec eventCodec) error {
	stream := r.Stream
	if stream == nil {
		stream = http.NoBody
	}
	union := f.typ.In(0).In(0)
	noError := reflect.Zero(reflect.TypeFor[error]())
	v.Set(reflect.MakeFunc(f.typ, func(args []reflect.Value) []reflect.Value {
		yield := args[0]
		for {
			event, err := readEvent(stream, union, f.plan, codec)
			if err == io.EOF {
				return nil
			}
			if err != nil {
				yield.Call([]reflect.Value{reflect.Zero(union), reflect.ValueOf(&err).Elem()})
				return nil
			}
			if event.IsValid() && !yield.Call([]reflect.Value{event, noError})[0].Bool() {
				return nil
			}
		}
	}))
	return nil
}

// readEvent reads one event; it is not valid where its kind is unknown, and
// io.EOF where the stream ends, which an empty message says too.
func readEvent(r io.Reader, union reflect.Type, p *plan, codec eventCodec) (none reflect.Value, err error) {
	m, err := readFrame(r)
	if err != nil {
		if err == errFrame {
			err = serialization("%v", err)
		}
		return none, err
	}
	if len(m.headers) == 0 && len(m.payload) == 0 {
		return none, io.EOF
	}
	f := p.byName[m.get(":event-type")]
	if f == nil || f.kind != kStruct {
		return none, nil
	}
	event := reflect.New(union.Elem())
	v := f.into(event.Elem().Field(f.index))
	if err := codec.decode(m, v, f); err != nil {
		return none, serialization("an event cannot be read: %v", err)
	}
	return event, nil
}

func (c eventCodec) decode(m *frame, v reflect.Value, f *field) error {
	whole := len(m.payload) > 0
	for i := range f.plan.fields {
		member := &f.plan.fields[i]
		mv := v.Field(member.index)
		switch {
		case member.facts.evHeader:
			if err := member.fromFrame(mv, m); err != nil {
				return err
			}
		case member.facts.evPayload:
			whole = false
			switch member.kind {
			case kBlob:
				mv.SetBytes(m.payload)
			case kString:
				member.into(mv).SetString(string(m.payload))
			case kStruct:
				if err := c.read(m.payload, mv, &member.node); err != nil {
					return err
				}
			}
		}
	}
	if !whole {
		return nil
	}
	n := f.node
	n.ptr = false
	return c.read(m.payload, v, &n)
}

func (f *field) fromFrame(v reflect.Value, m *frame) error {
	for _, h := range m.headers {
		if h.name != f.name {
			continue
		}
		v = f.into(v)
		switch x := h.value.(type) {
		case bool:
			if f.kind == kBool {
				v.SetBool(x)
				return nil
			}
		case int64:
			if f.kind == kInt && !v.OverflowInt(x) {
				v.SetInt(x)
				return nil
			}
		case []byte:
			if f.kind == kBlob {
				v.SetBytes(x)
				return nil
			}
		case string:
			if f.kind == kString {
				v.SetString(x)
				return nil
			}
		case time.Time:
			if f.kind == kTime {
				v.Set(reflect.ValueOf(x))
				return nil
			}
		}
		return errType
	}
	return nil
}
