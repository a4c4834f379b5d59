package instance_test

import (
	"bytes"
	"io"
	"net/http"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/ec2"

	api "pileus/api/ec2"
	"pileus/clock"
	"pileus/node/nodetest"
)

// BenchmarkDescribe is DescribeInstances with 1,000 instances, handler alone.
func BenchmarkDescribe(b *testing.B) {
	w := newWorld(b)
	for range 10 {
		w.run(100)
	}
	b.ResetTimer()
	for b.Loop() {
		out := nodetest.Do(w.World, &api.DescribeInstances, &api.DescribeInstancesInput{})
		if len(out.Reservations) != 10 {
			b.Fatalf("%d reservations", len(out.Reservations))
		}
	}
}

// BenchmarkLaunch50 is 50 instances from request to running, on the simulated
// plane: what the cloud itself adds to booting.
func BenchmarkLaunch50(b *testing.B) {
	for b.Loop() {
		w := newWorld(b)
		w.run(50)
	}
}

// timed measures from the request to the last byte of the answer, without what
// the client makes of it.
type timed struct {
	spent time.Duration
	bytes int
}

func (m *timed) Do(r *http.Request) (*http.Response, error) {
	watch := clock.Start()
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(res.Body)
	m.spent += watch.Elapsed()
	m.bytes = len(b)
	res.Body.Close()
	res.Body = io.NopCloser(bytes.NewReader(b))
	return res, err
}

// BenchmarkDescribeHTTP is DescribeInstances with 1,000 instances over HTTP.
func BenchmarkDescribeHTTP(b *testing.B) {
	w := newWorld(b)
	for range 10 {
		w.run(100)
	}
	m := &timed{}
	cfg := w.Config()
	cfg.HTTPClient = m
	client := sdk.NewFromConfig(cfg)
	for b.Loop() {
		if _, err := client.DescribeInstances(b.Context(), &sdk.DescribeInstancesInput{}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(m.spent.Microseconds())/1000/float64(b.N), "ms/answer")
	b.ReportMetric(float64(m.bytes)/1000, "kB")
}
