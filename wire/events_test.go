package wire

import (
	"bytes"
	"encoding/hex"
	"errors"
	"io"
	"iter"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"pileus/api/s3"
	"pileus/cloud"
)

// The messages that AWS publishes as test vectors of the format.
func TestFrameVectors(t *testing.T) {
	for _, c := range []struct {
		hex  string
		want frame
	}{
		{"000000100000000005c248eb7d98c8ff", frame{payload: []byte{}}},
		{"0000001d00000000fd528c5a7b27666f6f273a27626172277dc3653936", frame{payload: []byte("{'foo':'bar'}")}},
		{"0000003d0000002007fd83960c636f6e74656e742d747970650700106170706c69636174696f6e2f6a736f6e7b27666f6f273a27626172277d8d9c08b1",
			frame{headers: []frameHeader{{"content-type", "application/json"}}, payload: []byte("{'foo':'bar'}")}},
	} {
		b, err := hex.DecodeString(c.hex)
		if err != nil {
			t.Fatal(err)
		}
		got, err := readFrame(bytes.NewReader(b))
		if err != nil || !reflect.DeepEqual(*got, c.want) {
			t.Errorf("%s: %+v %v", c.hex, got, err)
		}
		if out := c.want.append(nil); !bytes.Equal(out, b) {
			t.Errorf("%s is written as %x", c.hex, out)
		}
		for i := range b { // no byte may change unnoticed
			bad := bytes.Clone(b)
			bad[i] ^= 0x10
			if _, err := readFrame(bytes.NewReader(bad)); err == nil {
				t.Errorf("byte %d may change", i)
			}
		}
	}
}

func TestFrameHeaders(t *testing.T) {
	f := frame{payload: []byte("p"), headers: []frameHeader{
		{"t", true}, {"f", false}, {"i", int32(-7)}, {"l", int64(1) << 40}, {"b", []byte{1, 2}}, {"s", "é"},
		{"at", time.UnixMilli(1767355200250).UTC()}, {"u", [16]byte{1, 2, 3}},
	}}
	got, err := readFrame(bytes.NewReader(f.append(nil)))
	if err != nil {
		t.Fatal(err)
	}
	f.headers[2].value = int64(-7) // integers come back in one width
	if !reflect.DeepEqual(got, &f) {
		t.Errorf("%+v", got)
	}
}

func selected(fail error) iter.Seq2[*s3.SelectObjectContentEventStream, error] {
	return func(yield func(*s3.SelectObjectContentEventStream, error) bool) {
		_ = yield(&s3.SelectObjectContentEventStream{Records: &s3.RecordsEvent{Payload: []byte("a,b\n")}}, nil) &&
			yield(&s3.SelectObjectContentEventStream{Stats: &s3.StatsEvent{Details: &s3.Stats{BytesScanned: new(int64(4))}}}, nil) &&
			(fail == nil || yield(nil, fail)) &&
			yield(&s3.SelectObjectContentEventStream{End: &s3.EndEvent{}}, nil)
	}
}

func TestWriteEvents(t *testing.T) {
	w := httptest.NewRecorder()
	out := &s3.SelectObjectContentOutput{Payload: selected(nil)}
	if err := For(&s3.Service, nil).Encode(&Response{W: w, RequestID: "id"}, &s3.SelectObjectContent.OpInfo, out); err != nil {
		t.Fatal(err)
	}
	if w.Header().Get("Content-Type") != eventStreamType || !w.Flushed {
		t.Errorf("%v", w.Header())
	}
	var got []string
	for {
		f, err := readFrame(w.Body)
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, f.get(":message-type")+" "+f.get(":event-type")+" "+f.get(":content-type")+" "+string(f.payload))
	}
	want := []string{
		"event Records application/octet-stream a,b\n",
		"event Stats text/xml <Stats><BytesScanned>4</BytesScanned></Stats>",
		"event End  ",
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("\n got %q\nwant %q", got, want)
	}
}

func TestWriteEventsError(t *testing.T) {
	for _, c := range []struct {
		err  error
		want string
	}{
		{cloud.Errorf(400, "OverMaxRecordSize", "too long"), "error OverMaxRecordSize too long"},
		{errors.New("disk"), "error InternalError We encountered an internal error. Please try again."},
	} {
		w := httptest.NewRecorder()
		out := &s3.SelectObjectContentOutput{Payload: selected(c.err)}
		if err := For(&s3.Service, nil).Encode(&Response{W: w}, &s3.SelectObjectContent.OpInfo, out); err != nil {
			t.Fatal(err)
		}
		var last *frame
		for n := 0; ; n++ {
			f, err := readFrame(w.Body)
			if err != nil {
				if n != 3 {
					t.Errorf("%d messages", n)
				}
				break
			}
			last = f
		}
		if got := last.get(":message-type") + " " + last.get(":error-code") + " " + last.get(":error-message"); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}

// talk is an operation that streams both ways, as speech services have them.
type talk struct {
	Name   *string                   `aws:"header=x-name"`
	Stream iter.Seq2[*speech, error] `aws:"payload"`
}

type speech struct {
	Audio *audio
	Words *words
}

type audio struct {
	Chunk []byte     `aws:"evpayload"`
	Seq   int64      `aws:"evheader"`
	At    *time.Time `aws:"evheader"`
}

type words struct {
	Text  *string
	Final *bool
}

func TestEventsBothWays(t *testing.T) {
	for _, protocol := range []string{"rest-json", "rest-xml", "json"} {
		svc := &cloud.Service{Name: "talk", Protocol: protocol}
		op := &cloud.OpInfo{Service: svc, Name: "Talk"}
		sent := []*speech{{Audio: &audio{Chunk: []byte{0, 255}, Seq: 7, At: &noon}}, {Words: &words{Text: new("hé"), Final: new(true)}}}
		w := httptest.NewRecorder()
		err := For(svc, nil).Encode(&Response{W: w}, op, &talk{Stream: func(yield func(*speech, error) bool) {
			for _, s := range sent {
				if !yield(s, nil) {
					return
				}
			}
		}})
		if err != nil {
			t.Fatal(err)
		}
		if protocol == "json" {
			continue // requests of JSON services begin with another frame, and no service has them
		}
		in := &talk{}
		if err := For(svc, nil).Decode(&Request{HTTP: httptest.NewRequest("POST", "/", nil), Stream: io.NopCloser(w.Body)}, op, in); err != nil {
			t.Fatal(err)
		}
		var got []*speech
		for s, err := range in.Stream {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, s)
		}
		if !reflect.DeepEqual(got, sent) {
			t.Errorf("%s: %+v", protocol, got)
		}
	}
}

func TestReadEventsStops(t *testing.T) {
	svc := &cloud.Service{Name: "talk", Protocol: "rest-json"}
	in := &talk{}
	req := &Request{HTTP: httptest.NewRequest("POST", "/", nil), Stream: io.NopCloser(strings.NewReader("no frame at all, and long enough"))}
	if err := For(svc, nil).Decode(req, &cloud.OpInfo{Service: svc}, in); err != nil {
		t.Fatal(err)
	}
	n := 0
	for s, err := range in.Stream {
		n++
		var e *cloud.Error
		if s != nil || !errors.As(err, &e) || e.Code != "SerializationException" {
			t.Errorf("%v %v", s, err)
		}
	}
	if n != 1 {
		t.Errorf("%d events", n)
	}
}
