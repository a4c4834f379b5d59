package wire

import (
	"errors"
	"net/http"
	"reflect"
	"strconv"
	"sync"

	"pileus/cloud"
)

// jsonProtocol is AWS JSON 1.0 and 1.1: the operation in X-Amz-Target, the
// input as the body.
type jsonProtocol struct{ contentType string }

var jsonReaders = sync.Pool{New: func() any { return new(jsonReader) }}

func (jsonProtocol) Decode(r *Request, op *cloud.OpInfo, in any) error {
	v := reflect.ValueOf(in).Elem()
	missing, err := readJSON(r.Body, v, planOf(v.Type()), nil)
	if err != nil {
		return jsonFailure(err)
	}
	return verdict(op, in, missing)
}

// readJSON reads a body into the struct v and returns the paths of required
// members that it lacks; under is the member that v is of the input, nil where
// it is the input.
func readJSON(body []byte, v reflect.Value, p *plan, under *field) ([]string, error) {
	d := jsonReaders.Get().(*jsonReader)
	defer jsonReaders.Put(d)
	d.b, d.i, d.deep = body, 0, 0
	d.track.begin(under)
	err := d.document(v, p)
	d.b = nil
	if cap(d.buf) > keepBuffer {
		d.buf = nil
	}
	return d.track.missing, err
}

func jsonFailure(err error) error {
	if errors.Is(err, errJSON) {
		return serialization("the request body is not well-formed JSON")
	}
	return serialization("%v", err)
}

func (j jsonProtocol) Encode(w *Response, op *cloud.OpInfo, out any) error {
	p := getBuffer()
	b := (*p)[:0]
	if v := reflect.ValueOf(out); out == nil || v.IsNil() {
		b = append(b, "{}"...)
	} else {
		v = v.Elem()
		pl := planOf(v.Type())
		if pl.payload != nil && pl.payload.kind == kEvents {
			putBuffer(p, b)
			w.W.Header()["x-amzn-RequestId"] = []string{w.RequestID}
			return writeEvents(w, v, pl, jsonEvents, j.contentType)
		}
		b = jsonStruct(b, v, pl)
	}
	err := j.send(w, http.StatusOK, b)
	putBuffer(p, b)
	return err
}

func (j jsonProtocol) EncodeError(w *Response, op *cloud.OpInfo, e *cloud.Error) error {
	w.headers(e.Header)
	status := e.Status
	kind := e.Shape
	if kind == "" {
		kind = e.Code
	}
	if op != nil && op.Service.QueryErrorsOK {
		fault := "Sender"
		if e.Server {
			fault = "Receiver"
		}
		w.W.Header()["x-amzn-query-error"] = []string{e.Code + ";" + fault}
		if e.Shape != "" && status < 500 && op.Service.Protocol == "json" {
			status = http.StatusBadRequest // the statuses of the query era stay there
		}
	}
	if op != nil && op.Service.ErrorNamespace != "" && e.Shape != "" {
		kind = op.Service.ErrorNamespace + "#" + kind
	}
	p := getBuffer()
	b := append((*p)[:0], `{"__type":`...)
	b = jsonText(b, kind)
	b = append(jsonErrorBody(b, e), '}')
	err := j.send(w, statusOf(status, e), b)
	putBuffer(p, b)
	return err
}

// jsonErrorBody writes the message and the detail's members, each after a
// comma.
func jsonErrorBody(b []byte, e *cloud.Error) []byte {
	key := "message"
	var detail reflect.Value
	var p *plan
	if v := reflect.ValueOf(e.Detail); e.Detail != nil && v.Kind() == reflect.Pointer && !v.IsNil() {
		detail = v.Elem()
		p = planOf(detail.Type())
		if f := p.messageField(); f != nil {
			key = f.name
		}
	}
	b = append(b, `,"`...)
	b = append(b, key...)
	b = append(b, `":`...)
	b = jsonText(b, e.Message)
	if p != nil {
		for i := range p.fields {
			f := &p.fields[i]
			v, ok := f.from(detail.Field(f.index))
			if !ok || f.facts.loc != inBody || f == p.messageField() {
				continue
			}
			b = append(b, ',')
			b = append(jsonText(b, f.name), ':')
			b = jsonValue(b, v, &f.node)
		}
	}
	return b
}

// messageField is the member of an error struct that holds its message, which
// is the error's own.
func (p *plan) messageField() *field {
	for i := range p.fields {
		if f := &p.fields[i]; f.goName == "Message" && f.kind == kString {
			return f
		}
	}
	return nil
}

func (j jsonProtocol) send(w *Response, status int, b []byte) error {
	h := w.W.Header()
	values := []string{w.RequestID, j.contentType}
	h["x-amzn-RequestId"] = values[:1:1]
	h["Content-Type"] = values[1:]
	return w.send(status, b)
}

// headers sets response headers.
func (w *Response) headers(more http.Header) {
	h := w.W.Header()
	for k, v := range more {
		h[k] = v
	}
}

// send writes status and a whole body.
func (w *Response) send(status int, b []byte) error {
	h := w.W.Header()
	w.headers(w.Header)
	if status == http.StatusNoContent || status == http.StatusNotModified {
		delete(h, "Content-Type")
		w.W.WriteHeader(status)
		return nil
	}
	h["Content-Length"] = []string{strconv.Itoa(len(b))}
	w.W.WriteHeader(status)
	if w.Method == http.MethodHead || len(b) == 0 {
		return nil
	}
	_, err := w.W.Write(b)
	return err
}

// statusOf is an error's HTTP status.
func statusOf(status int, e *cloud.Error) int {
	switch {
	case status >= 300 && status <= 599:
		return status
	case e.Server:
		return http.StatusInternalServerError
	}
	return http.StatusBadRequest
}
