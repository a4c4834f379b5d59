package s3

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"io"
	"strconv"
	"strings"
	"time"

	"pileus/cloud"
	"pileus/store"

	api "pileus/api/s3"
)

const (
	analyticsController = "s3.analytics"
	analyticsBatch      = 2000 // keys read on one snapshot
	megabyte            = 1 << 20
)

// ages are the age groups of storage class analysis, by the days from which on
// an object belongs to each.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/analytics-storage-class.html
var ages = [...]struct {
	from int
	name string
}{
	{0, "000-014"}, {15, "015-029"}, {30, "030-044"}, {45, "045-059"}, {60, "060-074"}, {75, "075-089"}, {90, "090-119"},
	{120, "120-149"}, {150, "150-179"}, {180, "180-364"}, {365, "365-729"}, {730, "730+"},
}

// ageOf is the number of the age group of an object at a time.
func ageOf(o *Object, now time.Time) int {
	days, group := int(now.Sub(o.Modified)/(24*time.Hour)), 0
	for i, a := range ages {
		if days >= a.from {
			group = i
		}
	}
	return group
}

// analysed tells whether an analysis looks at the object: it is about moving
// objects from STANDARD to STANDARD_IA.
func analysed(a *api.AnalyticsConfiguration, o *Object) bool {
	if o.Marker || !oneOf(o.Class, "", "STANDARD_IA") {
		return false
	}
	var f filter
	if q := a.Filter; q != nil {
		f.prefix = cloud.Or(q.Prefix, "")
		if q.Tag != nil {
			f.tags = []api.Tag{*q.Tag}
		}
		if q.And != nil {
			f.prefix, f.tags = cloud.Or(q.And.Prefix, ""), q.And.Tags
		}
	}
	return f.match(o)
}

// reads is what was read in a day of the objects of one age group and class.
type reads struct {
	Bucket, Config string
	Day            time.Time
	Class          string
	Age            int64
	Requests       int64
	Bytes          int64
}

var readCounts = &store.Table[reads]{
	Name: "s3.reads",
	Key:  func(x *reads) store.Key { return store.K(x.Bucket, x.Config, x.Day, x.Class, x.Age) },
}

// noteRead counts a read for the analyses that look at the object, once it has
// been answered.
func noteRead(c *cloud.Call, b *Bucket, o *Object) {
	var ids []string
	for i := range b.Analytics {
		if b.Analytics[i].StorageClassAnalysis.DataExport != nil && analysed(&b.Analytics[i], o) {
			ids = append(ids, b.Analytics[i].Id)
		}
	}
	if len(ids) == 0 || c.HTTP == nil {
		return
	}
	x := reads{Bucket: b.Name, Day: c.Now.UTC().Truncate(24 * time.Hour), Class: o.StorageClass(), Age: int64(ageOf(o, c.Now))}
	before := c.HTTP.Answered
	c.HTTP.Answered = func(a cloud.Answer) {
		if before != nil {
			before(a)
		}
		if a.Status >= 300 {
			return
		}
		// A count that is lost makes the analysis a little less exact.
		_ = c.Cloud.DB().Update(context.WithoutCancel(c), func(tx store.Tx) error {
			for _, id := range ids {
				n := x
				n.Config = id
				if old, ok := readCounts.Get(tx, n.Bucket, n.Config, n.Day, n.Class, n.Age); ok {
					n.Requests, n.Bytes = old.Requests, old.Bytes
				}
				n.Requests++
				n.Bytes += a.BytesOut
				readCounts.Put(tx, &n)
			}
			return nil
		})
	}
}

// exportAnalytics is the controller of one analytics configuration: after each
// day it writes the day's analysis.
func exportAnalytics(c *cloud.Call, key store.Key) error {
	name, _ := key[0].(string)
	id, _ := key[1].(string)
	var b *Bucket
	var config *api.AnalyticsConfiguration
	err := c.View(func(r store.Reader) error {
		if found, ok := buckets.Get(r, name); ok {
			b = found
			config, _ = findID(b.Analytics, id, analyticsID)
		}
		return nil
	})
	if err != nil || config == nil || config.StorageClassAnalysis.DataExport == nil {
		return err
	}
	day := nextMidnight(c.Now.Add(time.Nanosecond)).AddDate(0, 0, -2) // the one that is over
	a := &analysis{c: c.In(b.Account, b.Region), b: b, config: config, day: day, rows: map[analysisKey]*analysisRow{}}
	if err := a.collect(); err != nil {
		return err
	}
	err = a.export()
	var e *cloud.Error
	if err != nil && !(errors.As(err, &e) && e.Status < 500) {
		return err // a destination that refuses it gets no analysis, as on AWS
	}
	return c.Update(func(tx store.Tx) error {
		readCounts.DeleteAll(tx, name, id, day)
		tx.After(nextMidnight(c.Now.Add(time.Nanosecond)), analyticsController, key)
		return nil
	})
}

// analysis is that of one day.
type analysis struct {
	c      *cloud.Call
	b      *Bucket
	config *api.AnalyticsConfiguration
	day    time.Time
	rows   map[analysisKey]*analysisRow
}

type analysisKey struct {
	class string
	age   int // -1: all
}

type analysisRow struct{ objects, stored, uploaded, read, requests int64 }

// add counts in an age group and in all of them.
func (a *analysis) add(class string, age int, n analysisRow) {
	for _, k := range [...]analysisKey{{class, age}, {class, -1}} {
		row := a.rows[k]
		if row == nil {
			row = new(analysisRow)
			a.rows[k] = row
		}
		row.objects, row.stored, row.uploaded = row.objects+n.objects, row.stored+n.stored, row.uploaded+n.uploaded
		row.read, row.requests = row.read+n.read, row.requests+n.requests
	}
}

// collect looks at the objects, a page at a time, and at what was read.
func (a *analysis) collect() error {
	from, more := store.K(a.b.Name), true
	for more {
		more = false
		err := a.c.View(func(r store.Reader) error {
			seen := 0
			for o := range objects.Glance(r, store.K(a.b.Name), from) {
				if seen == analyticsBatch {
					from, more = store.K(a.b.Name, o.Key), true
					break
				}
				seen++
				if !analysed(a.config, o) {
					continue
				}
				n := analysisRow{objects: 1, stored: o.Size}
				if o.Modified.UTC().Truncate(24 * time.Hour).Equal(a.day) {
					n.uploaded = o.Size
				}
				a.add(o.StorageClass(), ageOf(o, a.c.Now), n)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return a.c.View(func(r store.Reader) error {
		for x := range readCounts.Scan(r, a.b.Name, a.config.Id, a.day) {
			a.add(x.Class, int(x.Age), analysisRow{read: x.Bytes, requests: x.Requests})
		}
		return nil
	})
}

// analysisColumns are those of the export. The last three are S3's own
// recommendation, which is not made here.
var analysisColumns = []string{"Date", "ConfigId", "Filter", "StorageClass", "ObjectAge", "ObjectCount", "DataUploaded_MB", "Storage_MB",
	"DataRetrieved_MB", "GetRequestCount", "CumulativeAccessRatio", "ObjectAgeForSIATransition", "RecommendedObjectAgeForSIATransition"}

// export writes the analysis where the configuration wants it.
func (a *analysis) export() error {
	var out bytes.Buffer
	w := csv.NewWriter(&out)
	lines := [][]string{analysisColumns}
	for _, class := range []string{"STANDARD", "STANDARD_IA"} {
		for age := -1; age < len(ages); age++ {
			if row := a.rows[analysisKey{class, age}]; row != nil {
				lines = append(lines, a.line(class, age, row))
			}
		}
	}
	if err := w.WriteAll(lines); err != nil {
		return err
	}
	to := a.config.StorageClassAnalysis.DataExport.Destination.S3BucketDestination
	key := a.b.Name + "/" + a.config.Id + "/" + a.day.Format(time.DateOnly) + ".csv"
	if prefix := strings.TrimSuffix(cloud.Or(to.Prefix, ""), "/"); prefix != "" {
		key = prefix + "/" + key
	}
	_, err := api.PutObject.Call(a.c.AsService(service, a.b.ARN()), &api.PutObjectInput{
		Bucket: strings.TrimPrefix(to.Bucket, "arn:aws:s3:::"), Key: key, Body: io.NopCloser(&out), ContentType: new("text/csv"),
	})
	return err
}

func (a *analysis) line(class string, age int, n *analysisRow) []string {
	group := "ALL"
	if age >= 0 {
		group = ages[age].name
	}
	mb := func(bytes int64) string { return strconv.FormatFloat(float64(bytes)/megabyte, 'f', 4, 64) }
	return []string{a.day.Format(time.DateOnly), a.config.Id, a.filter(), class, group, strconv.FormatInt(n.objects, 10), mb(n.uploaded), mb(n.stored),
		mb(n.read), strconv.FormatInt(n.requests, 10), "", "", ""}
}

// filter is the configuration's filter in words.
func (a *analysis) filter() string {
	q := a.config.Filter
	if q == nil {
		return "ENTIRE_BUCKET"
	}
	prefix, tags := cloud.Or(q.Prefix, ""), []api.Tag(nil)
	if q.Tag != nil {
		tags = []api.Tag{*q.Tag}
	}
	if q.And != nil {
		prefix, tags = cloud.Or(q.And.Prefix, ""), q.And.Tags
	}
	var parts []string
	if prefix != "" {
		parts = append(parts, "prefix="+prefix)
	}
	for _, t := range tags {
		parts = append(parts, "tag="+t.Key+"="+t.Value)
	}
	return strings.Join(parts, ";")
}
