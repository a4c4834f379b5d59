package vpc

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	apis3 "pileus/api/s3"
	"pileus/cloud"
	"pileus/store"
)

// flowLogController delivers what a flow log has for its bucket.
const flowLogController = "ec2.flowlog"

// deliveryService is who writes to the bucket.
const deliveryService = "delivery.logs.amazonaws.com"

func (s *Room) deliverFlows(c *cloud.Call, key store.Key) error {
	c = c.In(key[0].(string), key[1].(string))
	var l *FlowLog
	var records []flowRecord
	until := c.Now.Add(-flowGrace)
	err := c.View(func(r store.Reader) error {
		l, records = nil, nil
		found, ok := flowLogs.Get(r, c.Account, c.Region, key[2].(string))
		if !ok {
			return nil
		}
		l = found
		until = until.Truncate(l.Interval)
		s.mu.Lock()
		heard := s.flows[l.VPC]
		s.mu.Unlock()
		for from := l.Sent; from.Before(until); from = from.Add(l.Interval) {
			records = append(records, l.records(r, heard, from, from.Add(l.Interval))...)
		}
		return nil
	})
	if err != nil || l == nil {
		return err
	}
	failure := ""
	if len(records) > 0 {
		if err := l.send(c, until, records); err != nil {
			failure = err.Error()
		}
	}
	return c.Update(func(tx store.Tx) error {
		now, ok := flowLogs.Get(tx, c.Account, c.Region, l.ID)
		if !ok {
			return nil
		}
		changed := *now
		changed.Sent, changed.Failure = until, failure
		flowLogs.Put(tx, &changed)
		tx.After(l.next(c.Now), flowLogController, key)
		return nil
	})
}

// records are the lines about an interval: each flow of each interface and, for
// interfaces without any, that there was none or that it is not known.
func (l *FlowLog) records(r store.Reader, w *flowWatch, from, to time.Time) (out []flowRecord) {
	sums, whole := w.between(from, to)
	v, ok := vpcs.Get(r, l.Account, l.Region, l.VPC)
	if !ok {
		return nil
	}
	of := map[string][]flowRecord{}
	for k, sum := range sums {
		of[k.nic] = append(of[k.nic], flowRecord{key: k, sum: sum, from: sum.start, to: sum.end, status: "OK"})
	}
	for i := range l.covers(r) {
		mine := of[i.ID]
		if len(mine) == 0 && whole {
			mine = []flowRecord{{from: from, to: to, status: "NODATA"}}
		}
		if !whole {
			mine = append(mine, flowRecord{from: from, to: to, status: skipReason})
		}
		for _, one := range mine {
			one.nic, one.vpc = i, v
			if l.Traffic == "ALL" || one.status != "OK" || one.action() == l.Traffic {
				out = append(out, one)
			}
		}
	}
	slices.SortFunc(out, func(a, b flowRecord) int {
		return cmp.Or(strings.Compare(a.nic.ID, b.nic.ID), a.from.Compare(b.from), a.key.from.Compare(b.key.from), a.key.to.Compare(b.key.to),
			cmp.Compare(a.key.fromPort, b.key.fromPort), cmp.Compare(a.key.toPort, b.key.toPort))
	})
	return out
}

// send writes a file to the bucket.
func (l *FlowLog) send(c *cloud.Call, at time.Time, records []flowRecord) error {
	names, err := parseFormat(cmp.Or(l.Format, defaultFormat))
	if err != nil {
		return err
	}
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := io.WriteString(z, writeFlows(names, records)); err != nil {
		return err
	}
	if err := z.Close(); err != nil {
		return err
	}
	bucket, folder := l.bucket()
	as := c.AsService(deliveryService, c.In(l.Account, l.Region).ARN("logs", "*"))
	_, err = apis3.PutObject.Call(as, &apis3.PutObjectInput{
		Bucket: bucket, Key: folder + l.fileName(at, serviceDigits(l.ID + at.String())[1:9]), Body: io.NopCloser(&b),
		ContentType: new("application/octet-stream"), ACL: new("bucket-owner-full-control"),
	})
	return err
}

// bucket is where the log goes: a bucket and a folder in it, which ends with a
// slash where there is one.
func (l *FlowLog) bucket() (bucket, folder string) {
	bucket, folder, _ = strings.Cut(strings.TrimPrefix(l.Destination, "arn:aws:s3:::"), "/")
	if folder != "" && !strings.HasSuffix(folder, "/") {
		folder += "/"
	}
	return bucket, folder
}

// fileName is the key of a file below the folder.
// https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs-s3-path.html
func (l *FlowLog) fileName(at time.Time, hash string) string {
	at = at.UTC()
	path := fmt.Sprintf("AWSLogs/%s/vpcflowlogs/%s/%s/", l.Account, l.Region, at.Format("2006/01/02"))
	hour := at.Format("15/")
	if l.Hive {
		path = fmt.Sprintf("AWSLogs/aws-account-id=%s/aws-service=vpcflowlogs/aws-region=%s/%s/", l.Account, l.Region, at.Format("year=2006/month=01/day=02"))
		hour = at.Format("hour=15/")
	}
	if l.PerHour {
		path += hour
	}
	return fmt.Sprintf("%s%s_vpcflowlogs_%s_%s_%s_%s.log.gz", path, l.Account, l.Region, l.ID, at.Format("20060102T1504Z"), hash)
}
