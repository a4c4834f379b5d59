package wire

import (
	"math"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"

	"pileus/api/cloudwatch"
	"pileus/cloud"
)

var metric = &cloudwatch.PutMetricDataInput{Namespace: "App", MetricData: []cloudwatch.MetricDatum{{
	MetricName: "latency", Timestamp: new(noon.Add(500 * time.Millisecond)), Value: new(1.5), StorageResolution: new(int32(1)),
	Dimensions: []cloudwatch.Dimension{{Name: "host", Value: "é"}},
	Values:     []float64{1, -2.25, math.Inf(1)},
}}}

// What we write, another implementation reads, and the other way round.
func TestCBORAgainstLibrary(t *testing.T) {
	v := reflect.ValueOf(metric).Elem()
	b := cborStruct(nil, v, planOf(v.Type()))
	var generic map[string]any
	if err := cbor.Unmarshal(b, &generic); err != nil {
		t.Fatal(err)
	}
	if generic["Namespace"] != "App" {
		t.Errorf("%v", generic)
	}
	for name, mode := range map[string]cbor.EncOptions{
		"core":    cbor.CoreDetEncOptions(), // shortest floats, halves among them
		"default": {},
	} {
		mode.Time, mode.TimeTag = cbor.TimeUnixDynamic, cbor.EncTagRequired
		enc, err := mode.EncMode()
		if err != nil {
			t.Fatal(err)
		}
		body, err := enc.Marshal(generic)
		if err != nil {
			t.Fatal(err)
		}
		got := &cloudwatch.PutMetricDataInput{}
		r := httptest.NewRequest("POST", "/service/GraniteServiceVersion20100801/operation/PutMetricData", nil)
		r.Header.Set("smithy-protocol", "rpc-v2-cbor")
		if err := For(&cloudwatch.Service, r).Decode(&Request{HTTP: r, Body: body}, &cloudwatch.PutMetricData.OpInfo, got); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if !reflect.DeepEqual(got, metric) {
			t.Errorf("%s:\n got %+v\nwant %+v", name, got, metric)
		}
	}
}

func TestCBORRefuses(t *testing.T) {
	for name, body := range map[string]string{
		"truncated":           "\xbf\x69Namespace",
		"endless":             "\xbf",
		"a length too large":  "\xa1\x69Namespace\x7b\x7f\xff\xff\xff\xff\xff\xff\xff",
		"too many elements":   "\xa1\x6aMetricData\x9b\x7f\xff\xff\xff\xff\xff\xff\xff",
		"the wrong type":      "\xa1\x69Namespace\x01",
		"text that is no UTF": "\xa1\x69Namespace\x61\xff",
		"a tail":              "\xa0\x00",
		"a list of lists":     "\xa1\x61x" + strings.Repeat("\x81", 100) + "\x00",
		"missing members":     "\xa0",
	} {
		err := For(&cloudwatch.Service, request("Smithy-Protocol", "rpc-v2-cbor")).
			Decode(&Request{Body: []byte(body)}, &cloudwatch.PutMetricData.OpInfo, &cloudwatch.PutMetricDataInput{})
		e, ok := err.(*cloud.Error)
		if want := map[bool]string{true: "ValidationError", false: "SerializationException"}[name == "missing members"]; !ok || e.Code != want {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestHalfFloats(t *testing.T) {
	for bits, want := range map[uint16]float64{0x3c00: 1, 0xc000: -2, 0x7bff: 65504, 0x0001: 5.960464477539063e-8, 0x7c00: math.Inf(1), 0x8000: 0} {
		if got := halfFloat(bits); got != want {
			t.Errorf("%#x: %v, want %v", bits, got, want)
		}
	}
	if !math.IsNaN(halfFloat(0x7e00)) {
		t.Error("not a NaN")
	}
}
