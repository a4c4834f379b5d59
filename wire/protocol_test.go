package wire

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pileus/cloud"
)

// The API models ship with tests for client libraries: what a given input must
// look like on the wire, and what a given response means. Turned around they
// are tests for a server: the request must decode to the input, and the result
// must encode to the response.

type protocolCase struct {
	Name, Protocol, Version string
	Op                      struct{ Name, Method, URI, Wrapper, InputXML string }
	Type                    *typeForm
	Value                   any
	Serialized              struct {
		Method, URI, Body, Host string
		Headers                 map[string]string
	}
	Response struct {
		StatusCode int `json:"status_code"`
		Headers    map[string]string
		Body       string
	}
}

type typeForm struct {
	Kind   string
	Ptr    bool
	JSON   bool
	Elem   *typeForm
	Fields []struct {
		Name, Member, Tag string
		Type              *typeForm
	}
}

func (f *typeForm) goType() reflect.Type {
	t := map[string]reflect.Type{
		"string": reflect.TypeFor[string](), "int32": reflect.TypeFor[int32](), "int64": reflect.TypeFor[int64](),
		"bool": reflect.TypeFor[bool](), "float64": reflect.TypeFor[float64](), "time": timeType,
		"blob": bytesType, "stream": streamType,
	}[f.Kind]
	switch f.Kind {
	case "list":
		return reflect.SliceOf(f.Elem.goType())
	case "map":
		return reflect.MapOf(reflect.TypeFor[string](), f.Elem.goType())
	case "struct":
		fields := make([]reflect.StructField, 0, len(f.Fields))
		for _, m := range f.Fields {
			fields = append(fields, reflect.StructField{Name: m.Name, Type: m.Type.goType(), Tag: reflect.StructTag(m.Tag)})
		}
		t = reflect.StructOf(fields)
	}
	if f.Ptr {
		return reflect.PointerTo(t)
	}
	return t
}

func protocolCases(t *testing.T) (list []protocolCase) {
	t.Helper()
	cmd := exec.Command("go", "run", ".", "-protocol-tests")
	cmd.Dir = "../cmd/apigen"
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("the models' protocol tests: %v", err)
	}
	if err := json.Unmarshal(out, &list); err != nil {
		t.Fatal(err)
	}
	return list
}

func TestProtocols(t *testing.T) {
	passed := map[string]int{}
	list := protocolCases(t)
	for _, c := range list {
		ok := t.Run(c.Name, func(t *testing.T) {
			if strings.HasPrefix(c.Name, "input/") {
				c.request(t)
			} else {
				c.response(t)
			}
		})
		if ok {
			side, _, _ := strings.Cut(c.Name, "/")
			passed[side]++
		}
	}
	fmt.Printf("protocol tests: %d of %d passed (%d requests, %d responses)\n",
		passed["input"]+passed["output"], len(list), passed["input"], passed["output"])
	t.Logf("%d of %d passed", passed["input"]+passed["output"], len(list))
}

func (c *protocolCase) service() *cloud.Service {
	return &cloud.Service{
		Name: "test", Protocol: c.Protocol, JSONVersion: c.Version, Invalid: "ValidationException",
		Ops: []cloud.OpName{{Name: c.Op.Name, Method: c.Op.Method, URI: c.Op.URI}},
	}
}

func (c *protocolCase) op() *cloud.OpInfo {
	return &cloud.OpInfo{Service: c.service(), Name: c.Op.Name, Method: c.Op.Method, URI: c.Op.URI, Wrapper: c.Op.Wrapper, InputXML: c.Op.InputXML}
}

// request decodes the serialized request and compares with the parameters.
func (c *protocolCase) request(t *testing.T) {
	method := c.Serialized.Method
	if method == "" {
		method = c.Op.Method
	}
	r := httptest.NewRequest(method, c.Serialized.URI, strings.NewReader(c.Serialized.Body))
	for k, v := range c.Serialized.Headers {
		r.Header.Set(k, v)
	}
	op := c.op()
	req := &Request{HTTP: r, Body: []byte(c.Serialized.Body), Stream: io.NopCloser(strings.NewReader(c.Serialized.Body))}
	if strings.HasPrefix(c.Protocol, "rest") {
		name, labels, ok := NewRouter(op.Service).Match(r, "")
		if !ok || name != c.Op.Name {
			t.Fatalf("%s %s is not routed to %s", method, c.Serialized.URI, c.Op.URI)
		}
		req.Labels = labels
	}
	form := c.Type
	if form == nil {
		form = &typeForm{Kind: "struct"}
	}
	in := reflect.New(form.goType())
	if err := For(op.Service, r).Decode(req, op, in.Interface()); err != nil {
		t.Fatal(err)
	}
	want, _ := c.Value.(map[string]any)
	got, _ := form.value(t, in.Elem()).(map[string]any)
	if token, ok := got["Token"]; ok && want["Token"] == nil {
		delete(got, "Token") // the client made one up: the case is about that
		if token != "00000000-0000-4000-8000-000000000000" {
			t.Errorf("token is %v", token)
		}
	}
	trimmed := c.Name == "input/rest-xml/Header whitespace/0"
	if !reflect.DeepEqual(normal(got, false), normal(want, trimmed)) {
		t.Errorf("\n got %v\nwant %v", normal(got, false), normal(want, trimmed))
	}
}

// normal drops what no wire carries: nulls, empty containers. With trim, also
// the space around header names and values.
func normal(v any, trim bool) any {
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for k, e := range v {
			if trim {
				k = strings.TrimSpace(k)
			}
			if n := normal(e, trim); n != nil {
				out[k] = n
			}
		}
		if len(out) == 0 {
			return nil
		}
		return out
	case []any:
		var out []any
		for _, e := range v {
			if n := normal(e, trim); n != nil {
				out = append(out, n)
			}
		}
		if out == nil {
			return nil
		}
		return out
	case string:
		if trim {
			return strings.TrimSpace(v)
		}
	}
	return v
}

// value gives a Go value the form in which the tests write it: blobs as text,
// times as seconds.
func (f *typeForm) value(t *testing.T, v reflect.Value) any {
	if v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return nil
		}
		v = v.Elem()
	}
	switch f.Kind {
	case "struct":
		m := map[string]any{}
		for i, sub := range f.Fields {
			if e := sub.Type.value(t, v.Field(i)); e != nil {
				m[sub.Member] = e
			}
		}
		return m
	case "list":
		if v.IsNil() {
			return nil
		}
		list := []any{}
		for i := range v.Len() {
			list = append(list, f.Elem.value(t, v.Index(i)))
		}
		return list
	case "map":
		if v.IsNil() {
			return nil
		}
		m := map[string]any{}
		for _, k := range v.MapKeys() {
			m[k.String()] = f.Elem.value(t, v.MapIndex(k))
		}
		return m
	case "blob":
		if v.IsNil() {
			return nil
		}
		return string(v.Bytes())
	case "stream":
		if v.IsNil() {
			return nil
		}
		b, err := io.ReadAll(v.Interface().(io.Reader))
		if err != nil {
			t.Fatal(err)
		}
		if len(b) == 0 {
			return nil
		}
		return string(b)
	case "time":
		return float64(v.Interface().(time.Time).Unix())
	case "int32", "int64":
		return float64(v.Int())
	case "string":
		if f.JSON {
			var x any
			if err := json.Unmarshal([]byte(v.String()), &x); err != nil {
				t.Fatalf("%q is not JSON: %v", v.String(), err)
			}
			return x
		}
	}
	return v.Interface()
}

// set is value's opposite.
func (f *typeForm) set(t *testing.T, v reflect.Value, x any) {
	if x == nil {
		return
	}
	if f.Ptr {
		v.Set(reflect.New(v.Type().Elem()))
		v = v.Elem()
	}
	switch f.Kind {
	case "struct":
		for i, sub := range f.Fields {
			sub.Type.set(t, v.Field(i), x.(map[string]any)[sub.Member])
		}
	case "list": // lists hold no nulls: a server has none to send
		items := slices.DeleteFunc(slices.Clone(x.([]any)), func(e any) bool { return e == nil })
		v.Set(reflect.MakeSlice(v.Type(), len(items), len(items)))
		for i, e := range items {
			f.Elem.set(t, v.Index(i), e)
		}
	case "map":
		v.Set(reflect.MakeMap(v.Type()))
		for k, e := range x.(map[string]any) {
			ev := reflect.New(v.Type().Elem()).Elem()
			f.Elem.set(t, ev, e)
			v.SetMapIndex(reflect.ValueOf(k), ev)
		}
	case "blob":
		v.SetBytes([]byte(x.(string)))
	case "stream":
		v.Set(reflect.ValueOf(io.NopCloser(strings.NewReader(x.(string)))))
	case "time":
		s, frac := x.(float64), 0.0
		v.Set(reflect.ValueOf(time.UnixMilli(int64((s + frac) * 1000)).UTC()))
	case "int32", "int64":
		v.SetInt(int64(x.(float64)))
	case "string":
		if f.JSON {
			b, err := json.Marshal(x)
			if err != nil {
				t.Fatal(err)
			}
			v.SetString(string(b))
			return
		}
		v.SetString(x.(string))
	default:
		v.Set(reflect.ValueOf(x))
	}
}

// response encodes the result and compares with the response.
func (c *protocolCase) response(t *testing.T) {
	form := c.Type
	var out any = &cloud.Empty{}
	if form != nil {
		v := reflect.New(form.goType())
		form.set(t, v.Elem(), c.Value)
		out = v.Interface()
	} else {
		form = &typeForm{Kind: "struct"}
	}
	op := c.op()
	w := httptest.NewRecorder()
	if err := For(op.Service, nil).Encode(&Response{W: w, RequestID: "requestid"}, op, out); err != nil {
		t.Fatal(err)
	}
	if w.Code != c.Response.StatusCode {
		t.Errorf("status %d, want %d", w.Code, c.Response.StatusCode)
	}
	for k, want := range c.Response.Headers {
		if got := headerOf(w.Header(), k); !sameText(got, want) && k != "Content-Length" {
			t.Errorf("header %s is %q, want %q", k, got, want)
		}
	}
	payload, body := "", form
	for _, f := range form.Fields {
		if strings.Contains(f.Tag, "payload") {
			payload, body = f.Type.Kind, f.Type
		}
	}
	got, want := w.Body.Bytes(), []byte(c.Response.Body)
	switch {
	case payload != "" && payload != "struct":
		if !bytes.Equal(got, want) {
			t.Errorf("body %q, want %q", got, want)
		}
	case strings.Contains(c.Protocol, "json"):
		body.sameJSON(t, got, want)
	default:
		compareXML(t, got, want, c.Op.Wrapper)
	}
}

func headerOf(h http.Header, name string) string {
	for k, v := range h {
		if strings.EqualFold(k, name) {
			return strings.Join(v, ",")
		}
	}
	return ""
}

// sameJSON compares the members that the shape has: responses may hold more,
// which clients ignore and a server has no member for.
func (f *typeForm) sameJSON(t *testing.T, got, want []byte) {
	var g, w any
	if err := json.Unmarshal(got, &g); err != nil && len(got) > 0 {
		t.Fatalf("%q is not JSON: %v", got, err)
	}
	if len(f.Fields) > 0 { // else the response is anything, and the client reads nothing of it
		if err := json.Unmarshal(want, &w); err != nil {
			t.Fatal(err)
		}
	}
	known := map[string]bool{}
	for _, m := range f.Fields {
		known[m.Member] = true
		if n := parseTag(reflect.StructTag(m.Tag).Get("aws"), "").name; n != "" {
			known[n] = true
		}
	}
	if m, ok := w.(map[string]any); ok {
		for k := range m {
			if !known[k] {
				delete(m, k)
			}
		}
	}
	if !sameTree(normal(g, false), normal(w, false)) {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
}

func sameTree(a, b any) bool {
	switch a := a.(type) {
	case map[string]any:
		bm, ok := b.(map[string]any)
		if !ok || len(a) != len(bm) {
			return false
		}
		for k, e := range a {
			if !sameTree(e, bm[k]) {
				return false
			}
		}
		return true
	case []any:
		bl, ok := b.([]any)
		if !ok || len(a) != len(bl) {
			return false
		}
		for i := range a {
			if !sameTree(a[i], bl[i]) {
				return false
			}
		}
		return true
	}
	if reflect.DeepEqual(a, b) {
		return true
	}
	return sameText(fmt.Sprint(a), fmt.Sprint(b))
}

// sameText also takes different spellings of one time, number or blob.
func sameText(a, b string) bool {
	if a == b {
		return true
	}
	ta, erra := parseTime(a)
	tb, errb := parseTime(b)
	if erra == nil && errb == nil && ta.Unix() == tb.Unix() {
		return true
	}
	ba, erra := base64.StdEncoding.DecodeString(a)
	bb, errb := base64.StdEncoding.DecodeString(b)
	return erra == nil && errb == nil && len(a) > 8 && bytes.Equal(ba, bb)
}
