package vpc

import (
	"iter"
	"slices"
	"time"

	"pileus/cloud"
	"pileus/plane"
	"pileus/store"
)

// FlowLog has records of the traffic of a VPC, a subnet or an interface written
// to a bucket.
// https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs-s3.html
type FlowLog struct {
	Account, Region, ID string
	Resource, Kind      string // Kind is "VPC", "Subnet" or "NetworkInterface"
	VPC                 string // that the resource is in
	Traffic             string // "ACCEPT", "REJECT", "ALL"
	Destination         string // "arn:aws:s3:::bucket/folder/"
	Format              string // "" for the default one
	Interval            time.Duration
	Hive, PerHour       bool
	Made                time.Time
	Sent                time.Time // everything before it is delivered
	Failure             string    // why the last delivery failed; "" where it did not
}

const flowLogActive = "ACTIVE"

var flowLogs = &store.Table[FlowLog]{
	Name:    "ec2.flowlog",
	Key:     func(l *FlowLog) store.Key { return keyOf(l.Account, l.Region, l.ID) },
	Indexes: map[string]func(*FlowLog) store.Key{"vpc": func(l *FlowLog) store.Key { return keyOf(l.Account, l.Region, l.VPC) }},
	Memo:    1000,
}

// desiredFlowLogs has the flows of a VPC recorded where anybody wants to know.
func desiredFlowLogs(c *cloud.Call, r store.Reader, v *plane.VPC) {
	v.FlowLogs = count(flowLogs.Index(r, "vpc", c.Account, c.Region, v.ID)) > 0
}

// covers yields the interfaces whose traffic the log has records of.
func (l *FlowLog) covers(r store.Reader) iter.Seq[*Interface] {
	switch l.Kind {
	case "VPC":
		return interfaces.Index(r, "vpc", l.Account, l.Region, l.Resource)
	case "Subnet":
		return interfaces.Index(r, "subnet", l.Account, l.Region, l.Resource)
	}
	return func(yield func(*Interface) bool) {
		if i, ok := interfaces.Get(r, l.Account, l.Region, l.Resource); ok {
			yield(i)
		}
	}
}

// every is how often the log delivers: files hold whole aggregation intervals,
// and at least five minutes of them.
func (l *FlowLog) every() time.Duration { return max(l.Interval, flowFile) }

const (
	flowFile = 5 * time.Minute
	// flowGrace is how long after the end of an interval its last packets may
	// be told by the data plane.
	flowGrace = 10 * time.Second
)

// next is when the log delivers after t.
func (l *FlowLog) next(t time.Time) time.Time {
	at := t.Truncate(l.every()).Add(flowGrace)
	for !at.After(t) {
		at = at.Add(l.every())
	}
	return at
}

// dropFlowLogs deletes the flow logs of a resource that is deleted.
func dropFlowLogs(c *cloud.Call, tx store.Tx, vpc string, of func(*FlowLog) bool) {
	for _, l := range slices.Collect(flowLogs.Index(tx, "vpc", c.Account, c.Region, vpc)) {
		if of(l) {
			removeFlowLog(c, tx, l)
		}
	}
}
