package s3

import (
	"context"
	"iter"
	"net/http"
	"strings"
	"time"

	"pileus/cloud"
	"pileus/store"

	api "pileus/api/s3"
)

// requestCount is what one lane of a metrics configuration has counted in a
// minute: buckets with such a configuration have their requests published.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/metrics-configurations.html
type requestCount struct {
	Minute         int64 // since 1970
	Bucket, Filter string
	Lane           int64
	Counts         map[string]float64 // by metric
	Latency        map[int64]float64  // how many requests took how many ms
}

var requestCounts = &store.Table[requestCount]{
	Name: "s3.requests",
	Key:  func(n *requestCount) store.Key { return store.K(n.Minute, n.Bucket, n.Filter, n.Lane) },
}

// requestLanes keeps requests at one time from meeting in one row.
const requestLanes = 8

// countRequest has a request counted, once it was answered, for the bucket's
// metrics configurations. Like logs, they are best effort.
func countRequest(c *cloud.Call, b *Bucket) {
	if len(b.Metrics) == 0 || c.HTTP == nil || c.HTTP.Request == nil {
		return
	}
	before := c.HTTP.Answered
	c.HTTP.Answered = func(a cloud.Answer) {
		if before != nil {
			before(a)
		}
		_ = c.Cloud.DB().Update(context.WithoutCancel(c), func(tx store.Tx) error {
			if b, ok := buckets.Get(tx, b.Name); ok {
				b.count(c, tx, a)
			}
			return nil
		})
	}
}

func (b *Bucket) count(c *cloud.Call, tx store.Tx, a cloud.Answer) {
	key := addressedKey(c, a.Input)
	for i := range b.Metrics {
		if !counts(tx, b, b.Metrics[i].Filter, key) {
			continue
		}
		n := &requestCount{Minute: c.Now.Unix() / 60, Bucket: b.Name, Filter: b.Metrics[i].Id, Lane: laneOf(c.RequestID) % requestLanes}
		if old, ok := requestCounts.Get(tx, n.Minute, n.Bucket, n.Filter, n.Lane); ok {
			n = old
		} else {
			n.Counts, n.Latency = map[string]float64{}, map[int64]float64{}
		}
		n.add(c.HTTP.Request, a)
		requestCounts.Put(tx, n)
	}
}

// counts tells whether a filter lets a request for a key pass. What came
// through an access point is not told apart.
func counts(r store.Reader, b *Bucket, f *api.MetricsFilter, key string) bool {
	if f == nil {
		return true
	}
	prefix, tags := "", []api.Tag(nil)
	switch {
	case f.And != nil && f.And.AccessPointArn == nil:
		prefix, tags = cloud.Or(f.And.Prefix, ""), f.And.Tags
	case f.Prefix != nil:
		prefix = *f.Prefix
	case f.Tag != nil:
		tags = []api.Tag{*f.Tag}
	default:
		return false
	}
	if !strings.HasPrefix(key, prefix) {
		return false
	}
	if len(tags) == 0 {
		return true
	}
	o, ok := latest(r, b, key)
	if !ok {
		return false
	}
	for _, t := range tags {
		if v, has := o.Tags[t.Key]; !has || v != t.Value {
			return false
		}
	}
	return true
}

// add counts one request.
func (n *requestCount) add(r *http.Request, a cloud.Answer) {
	kind := map[string]string{http.MethodGet: "GetRequests", http.MethodPut: "PutRequests", http.MethodDelete: "DeleteRequests", http.MethodHead: "HeadRequests", http.MethodPost: "PostRequests"}[r.Method]
	switch {
	case strings.HasPrefix(a.Operation, "List"):
		kind = "ListRequests"
	case a.Operation == "SelectObjectContent":
		kind = "SelectRequests"
	case a.Operation == "DeleteObjects":
		kind = "DeleteRequests"
	}
	n.Counts["AllRequests"]++
	if kind != "" {
		n.Counts[kind]++
	}
	switch a.Status / 100 {
	case 4:
		n.Counts["4xxErrors"]++
	case 5:
		n.Counts["5xxErrors"]++
	}
	n.Counts["BytesDownloaded"] += float64(a.BytesOut)
	if r.Method == http.MethodPut || r.Method == http.MethodPost {
		n.Counts["BytesUploaded"] += float64(max(r.ContentLength, 0))
	}
	n.Latency[a.Latency.Milliseconds()]++
}

// requestMetrics yields the requests of the minutes that have ended.
func requestMetrics(c *cloud.Call) iter.Seq[cloud.Metric] {
	return func(yield func(cloud.Metric) bool) {
		list, regions := takeCounts(c)
		for _, n := range list {
			if b := regions[n.Bucket]; b != nil && !n.publish(b, yield) {
				return
			}
		}
	}
}

// takeCounts removes what was counted in minutes that have ended.
func takeCounts(c *cloud.Call) (list []*requestCount, of map[string]*Bucket) {
	collect := func(r store.Reader) {
		list, of = nil, map[string]*Bucket{}
		for n := range requestCounts.Scan(r) {
			if n.Minute >= c.Now.Unix()/60 {
				break
			}
			list = append(list, n)
			if b, ok := buckets.Get(r, n.Bucket); ok {
				of[n.Bucket] = b
			}
		}
	}
	err := c.View(func(r store.Reader) error { collect(r); return nil })
	if err != nil || len(list) == 0 {
		return nil, nil
	}
	err = c.Update(func(tx store.Tx) error {
		collect(tx)
		for _, n := range list {
			requestCounts.Delete(tx, n.Minute, n.Bucket, n.Filter, n.Lane)
		}
		return nil
	})
	if err != nil {
		return nil, nil // they are there in a minute
	}
	return list, of
}

// publish yields what a lane has counted. A request adds to AllRequests and to
// the metric of its kind the value 1, and 0 or 1 to errors: so averages are
// rates, as AWS has them.
func (n *requestCount) publish(b *Bucket, yield func(cloud.Metric) bool) bool {
	m := cloud.Metric{
		Account: b.Account, Region: b.Region, Namespace: "AWS/S3", At: time.Unix(n.Minute*60, 0),
		Dimensions: []cloud.Dimension{{Name: "BucketName", Value: n.Bucket}, {Name: "FilterId", Value: n.Filter}},
	}
	all := n.Counts["AllRequests"]
	for name, v := range n.Counts {
		m.Name, m.Unit, m.Values, m.Counts = name, "Count", []float64{1}, []float64{v}
		switch name {
		case "BytesDownloaded", "BytesUploaded":
			m.Unit, m.Values, m.Counts = "Bytes", []float64{v / all}, []float64{all}
		case "4xxErrors", "5xxErrors":
			m.Values, m.Counts = []float64{1, 0}, []float64{v, all - v}
		}
		if !yield(m) {
			return false
		}
	}
	for _, name := range []string{"4xxErrors", "5xxErrors"} {
		if n.Counts[name] == 0 {
			if m.Name, m.Unit, m.Values, m.Counts = name, "Count", []float64{0}, []float64{all}; !yield(m) {
				return false
			}
		}
	}
	m.Name, m.Unit, m.Values, m.Counts = "TotalRequestLatency", "Milliseconds", nil, nil
	for ms, n := range n.Latency {
		m.Values, m.Counts = append(m.Values, float64(ms)), append(m.Counts, n)
	}
	return yield(m)
}
