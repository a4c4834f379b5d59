package wire

import (
	"encoding/binary"
	"math"
	"net/http"
	"reflect"

	"pileus/cloud"
)

// cborProtocol is Smithy's RPC v2 with CBOR bodies: the operation in the path
// /service/NAME/operation/NAME.
type cborProtocol struct{}

func (cborProtocol) Decode(r *Request, op *cloud.OpInfo, in any) error {
	v := reflect.ValueOf(in).Elem()
	p := planOf(v.Type())
	d := &cborReader{b: r.Body}
	if len(r.Body) == 0 {
		d.track.seen(p, 0)
	} else if err := d.structure(v, p); err != nil {
		return serialization("the request body is not what the operation expects: %v", err)
	} else if d.i != len(d.b) {
		return serialization("bytes follow the request")
	}
	return verdict(op, in, d.track.missing)
}

func (c cborProtocol) Encode(w *Response, op *cloud.OpInfo, out any) error {
	buf := getBuffer()
	b := (*buf)[:0]
	if v := reflect.ValueOf(out); out == nil || v.IsNil() {
		b = append(b, cborMap<<5)
	} else {
		v = v.Elem()
		p := planOf(v.Type())
		if p.payload != nil && p.payload.kind == kEvents {
			putBuffer(buf, b)
			h := w.W.Header()
			h["x-amzn-RequestId"], h["Smithy-Protocol"] = []string{w.RequestID}, []string{"rpc-v2-cbor"}
			return writeEvents(w, v, p, cborEvents, "application/cbor")
		}
		b = cborStruct(b, v, p)
	}
	err := c.send(w, http.StatusOK, b)
	putBuffer(buf, b)
	return err
}

func (c cborProtocol) EncodeError(w *Response, op *cloud.OpInfo, e *cloud.Error) error {
	w.headers(e.Header)
	kind := e.Shape
	if kind == "" {
		kind = e.Code
	}
	if op != nil && op.Service.ErrorNamespace != "" {
		kind = op.Service.ErrorNamespace + "#" + kind
	}
	if op != nil && op.Service.QueryErrorsOK {
		fault := ";Sender"
		if e.Server {
			fault = ";Receiver"
		}
		w.W.Header()["x-amzn-query-error"] = []string{e.Code + fault}
	}
	buf := getBuffer()
	b := append((*buf)[:0], cborMap<<5|31)
	b = cborString(cborString(b, "__type"), kind)
	var detail reflect.Value
	var p *plan
	key := "message"
	if v := reflect.ValueOf(e.Detail); e.Detail != nil && v.Kind() == reflect.Pointer && !v.IsNil() {
		detail = v.Elem()
		p = planOf(detail.Type())
		if f := p.messageField(); f != nil {
			key = f.name
		}
	}
	b = cborString(cborString(b, key), e.Message)
	if p != nil {
		b = cborMembers(b, detail, p, p.messageField())
	}
	b = append(b, cborBreak)
	err := c.send(w, statusOf(e.Status, e), b)
	putBuffer(buf, b)
	return err
}

func (cborProtocol) send(w *Response, status int, b []byte) error {
	h := w.W.Header()
	h["x-amzn-RequestId"] = []string{w.RequestID}
	h["Smithy-Protocol"] = []string{"rpc-v2-cbor"}
	h["Content-Type"] = []string{"application/cbor"}
	return w.send(status, b)
}

func cborStruct(b []byte, v reflect.Value, p *plan) []byte {
	b = append(b, cborMap<<5|31)
	return append(cborMembers(b, v, p, nil), cborBreak)
}

func cborMembers(b []byte, v reflect.Value, p *plan, without *field) []byte {
	for i := range p.fields {
		f := &p.fields[i]
		fv, ok := f.from(v.Field(f.index))
		if ok && f != without && f.kind != kStream && f.kind != kEvents {
			b = cborValue(cborString(b, f.name), fv, &f.node)
		}
	}
	return b
}

func cborValue(b []byte, v reflect.Value, n *node) []byte {
	switch n.kind {
	case kStruct:
		return cborStruct(b, v, n.plan)
	case kList:
		b = cborHead(b, cborArray, uint64(v.Len()))
		for i := range v.Len() {
			if e, ok := n.elem.from(v.Index(i)); ok {
				b = cborValue(b, e, n.elem)
			} else {
				b = append(b, cborNull)
			}
		}
		return b
	case kMap:
		keys := sortedKeys(v)
		b = append(b, cborMap<<5|31)
		for _, k := range keys {
			if e, ok := n.elem.from(v.MapIndex(k)); ok {
				b = cborValue(cborString(b, k.String()), e, n.elem)
			}
		}
		return append(b, cborBreak)
	case kBlob:
		b = cborHead(b, cborBytes, uint64(v.Len()))
		return append(b, v.Bytes()...)
	case kBool:
		if v.Bool() {
			return append(b, 0xf5)
		}
		return append(b, 0xf4)
	case kInt:
		if i := v.Int(); i < 0 {
			return cborHead(b, cborNegative, uint64(-1-i))
		}
		return cborHead(b, cborUint, uint64(v.Int()))
	case kFloat:
		return cborFloat(b, v.Float())
	case kTime:
		t := timeOf(v)
		b = append(b, cborTag<<5|1)
		if ms := t.Nanosecond() / 1e6; ms != 0 {
			return cborFloat(b, float64(t.Unix())+float64(ms)/1e3)
		}
		if s := t.Unix(); s < 0 {
			return cborHead(b, cborNegative, uint64(-1-s))
		}
		return cborHead(b, cborUint, uint64(t.Unix()))
	}
	return cborString(b, v.String())
}

func cborFloat(b []byte, f float64) []byte {
	return binary.BigEndian.AppendUint64(append(b, 0xfb), math.Float64bits(f))
}

func cborString(b []byte, s string) []byte {
	return append(cborHead(b, cborText, uint64(len(s))), s...)
}

func cborHead(b []byte, major byte, n uint64) []byte {
	switch {
	case n < 24:
		return append(b, major<<5|byte(n))
	case n <= math.MaxUint8:
		return append(b, major<<5|24, byte(n))
	case n <= math.MaxUint16:
		return binary.BigEndian.AppendUint16(append(b, major<<5|25), uint16(n))
	case n <= math.MaxUint32:
		return binary.BigEndian.AppendUint32(append(b, major<<5|26), uint32(n))
	}
	return binary.BigEndian.AppendUint64(append(b, major<<5|27), n)
}
