package market

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	api "pileus/api/ec2"
	apis3 "pileus/api/s3"
	"pileus/cloud"
	"pileus/identity"
	"pileus/price"
	"pileus/service/ec2/instance"
	"pileus/service/ec2/resource"
	"pileus/store"
)

// feedController writes the file of each hour.
const feedController = "ec2.spot.feed"

// feed is an account's subscription to the files of its spot usage.
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/spot-data-feeds.html
type feed struct {
	Account, Region string
	Bucket, Prefix  string
	Fault           string // why the last file could not be written
	Since           time.Time
}

var feeds = &store.Table[feed]{
	Name: "ec2.spot.feed",
	Key:  func(f *feed) store.Key { return store.K(f.Account, f.Region) },
}

func (f *feed) key() store.Key { return store.K(f.Account, f.Region) }

func (f *feed) api() *api.SpotDatafeedSubscription {
	out := &api.SpotDatafeedSubscription{OwnerId: &f.Account, Bucket: &f.Bucket, Prefix: optional(f.Prefix), State: new("Active")}
	if f.Fault != "" {
		out.State, out.Fault = new("Inactive"), &api.SpotInstanceStateFault{Code: &f.Fault, Message: new("The data feed could not write to the bucket " + f.Bucket + ".")}
	}
	return out
}

var errNoFeed = resource.Errorf("InvalidSpotDatafeed.NotFound", "Spot datafeed subscription does not exist.")

func createSpotDatafeedSubscription(c *cloud.Call, tx store.Tx, in *api.CreateSpotDatafeedSubscriptionInput) (*api.CreateSpotDatafeedSubscriptionOutput, error) {
	prefix := strings.Trim(cloud.Or(in.Prefix, ""), "/")
	if in.Bucket == "" {
		return nil, resource.Missing("Bucket")
	}
	if _, err := apis3.HeadBucket.Call(identity.AsAccount(c), &apis3.HeadBucketInput{Bucket: in.Bucket}); err != nil {
		return nil, resource.Errorf("InaccessibleStorageLocation", "The specified Amazon S3 URL cannot be accessed. Check the access permissions for the URL.")
	}
	f := &feed{Account: c.Account, Region: c.Region, Bucket: in.Bucket, Prefix: prefix, Since: c.Now}
	feeds.Put(tx, f)
	tx.After(c.Now.Truncate(time.Hour).Add(time.Hour), feedController, f.key())
	return &api.CreateSpotDatafeedSubscriptionOutput{SpotDatafeedSubscription: f.api()}, nil
}

func deleteSpotDatafeedSubscription(c *cloud.Call, tx store.Tx, _ *api.DeleteSpotDatafeedSubscriptionInput) (*cloud.Empty, error) {
	feeds.Delete(tx, c.Account, c.Region)
	return &cloud.Empty{}, nil
}

func describeSpotDatafeedSubscription(c *cloud.Call, r store.Reader, _ *api.DescribeSpotDatafeedSubscriptionInput) (*api.DescribeSpotDatafeedSubscriptionOutput, error) {
	f, ok := feeds.Get(r, c.Account, c.Region)
	if !ok {
		return nil, errNoFeed
	}
	return &api.DescribeSpotDatafeedSubscriptionOutput{SpotDatafeedSubscription: f.api()}, nil
}

// writeFeed writes the file of the hour that is over, where there was any
// usage, and asks for the next.
func writeFeed(c *cloud.Call, key store.Key) error {
	var f *feed
	var lines []string
	hour := c.Now.Truncate(time.Hour).Add(-time.Hour)
	err := c.View(func(r store.Reader) error {
		f, _ = feeds.Get(r, key...)
		if f != nil {
			lines = feedLines(c, r, hour)
		}
		return nil
	})
	if err != nil || f == nil {
		return err
	}
	fault := ""
	if len(lines) > 0 {
		if fault, err = f.write(c, hour, lines); err != nil {
			return err
		}
	}
	return c.Update(func(tx store.Tx) error {
		now, ok := feeds.Get(tx, key...)
		if !ok {
			return nil
		}
		if now.Fault != fault {
			d := new(*now)
			d.Fault = fault
			feeds.Put(tx, d)
		}
		tx.After(c.Now.Truncate(time.Hour).Add(time.Hour), feedController, key)
		return nil
	})
}

// write puts a file into the bucket; fault is the code of an error that is the
// bucket's.
func (f *feed) write(c *cloud.Call, hour time.Time, lines []string) (fault string, err error) {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	text := "#Version: 1.0\n#Fields: Timestamp UsageType Operation InstanceID MyBidID MyMaxPrice MarketPrice Charge Version\n" + strings.Join(lines, "\n") + "\n"
	if _, err := z.Write([]byte(text)); err != nil {
		return "", err
	}
	if err := z.Close(); err != nil {
		return "", err
	}
	name := fmt.Sprintf("%s.%s.001.%s.gz", f.Account, hour.UTC().Format("2006-01-02-15"), c.Rand().String(8, requestDigits))
	if f.Prefix != "" {
		name = f.Prefix + "/" + name
	}
	in := &apis3.PutObjectInput{Bucket: f.Bucket, Key: name, Body: io.NopCloser(&b), ContentLength: new(int64(b.Len())), ContentType: new("application/x-gzip")}
	_, err = apis3.PutObject.Call(identity.AsAccount(c), in)
	var e *cloud.Error
	if errors.As(err, &e) && !e.Server {
		return e.Code, nil
	}
	return "", err
}

// feedLines are the usage of the spot instances that ran in an hour.
func feedLines(c *cloud.Call, r store.Reader, hour time.Time) (lines []string) {
	for i := range instance.All(r, c.Account, c.Region) {
		if i.LifeCycle != "spot" || i.Since.IsZero() || i.Since.After(hour.Add(time.Hour)) {
			continue
		}
		from := hour
		if i.Since.After(from) {
			from = i.Since
		}
		q, ok := requests.Get(r, c.Account, c.Region, i.SpotRequest)
		if !ok {
			continue
		}
		limit, _ := q.limit()
		asked, _ := price.Spot(i.Type, platformOf(q.Platform), i.Zone, from)
		hours := hour.Add(time.Hour).Sub(from).Hours()
		lines = append(lines, strings.Join([]string{
			from.UTC().Format("2006-01-02 15:04:05 UTC"), "SpotUsage:" + i.Type, price.SpotOperation("RunInstances", i.Zone), i.ID, q.ID,
			price.Text(limit) + " USD", price.Text(asked.USD) + " USD", price.Text(asked.USD*hours) + " USD", "1",
		}, "\t"))
	}
	return lines
}
