package gate

import (
	"time"

	"pileus/cloud"
	"pileus/trail"
)

// record notes the call in the trail and the metrics, after it was answered.
func (x *exchange) record(err error, took time.Duration) {
	c := x.call
	e := &trail.Event{
		Time: c.Now, RequestID: c.RequestID, Principal: c.Principal.ARN, PrincipalType: c.Principal.Kind.String(),
		Account: c.Account, AccessKey: x.http.AccessKey, SourceIP: x.http.SourceIP, UserAgent: x.r.Header.Get("User-Agent"),
		Region: c.Region, Operation: x.opName, Resources: arns(x.checks), ReadOnly: trail.ReadOnly(x.opName),
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
	if x.w.cut {
		panic(errAbort) // net/http cuts the connection
	}
}
