package gate

import (
	"time"
	"unique"

	"pileus/cloud"
	"pileus/trail"
)

// once is s, held in memory once however often it is recorded. What comes from
// a header would keep all of the request's headers as long as the trail does.
func once(s string) string { return unique.Make(s).Value() }

// record notes the call in the trail and the metrics, after it was answered.
func (x *exchange) record(err error, took time.Duration) {
	c := x.call
	e := &trail.Event{
		Time: c.Now, RequestID: c.RequestID, Principal: c.Principal.ARN, PrincipalType: c.Principal.Kind.String(),
		Account: c.Account, AccessKey: once(x.http.AccessKey), SourceIP: x.http.SourceIP, UserAgent: once(x.r.Header.Get("User-Agent")),
		Region: once(c.Region), Operation: once(x.opName), Resources: arns(x.checks), ReadOnly: trail.ReadOnly(x.opName),
		Status: x.w.status, Latency: took, BytesIn: max(x.r.ContentLength, 0), BytesOut: x.w.bytes,
	}
	if x.svc != nil {
		e.Service = x.svc.api.Name
	}
	if err != nil {
		seen := x.gate.visible(err, c)
		e.Code, e.Message, e.Trace = seen.Code, seen.Message, seen.Trace
	}
	x.gate.Trail.Record(e)
	x.gate.metrics.observe(e)
	if x.http.Answered != nil {
		x.http.Answered(cloud.Answer{Operation: x.opName, Input: x.in, Status: e.Status, Code: e.Code, BytesOut: e.BytesOut, Latency: took})
	}
}
