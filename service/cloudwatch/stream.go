package cloudwatch

import (
	"regexp"
	"strings"
	"time"

	api "pileus/api/cloudwatch"
	"pileus/cloud"
	"pileus/service/cloudwatch/series"
	"pileus/store"
)

// metricStream sends metrics to a Firehose delivery stream.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch-Metric-Streams.html
type metricStream struct {
	Account, Region, Name string
	Include, Exclude      []api.MetricStreamFilter
	Firehose, Role        string
	Format                string
	Statistics            []api.MetricStreamStatisticsConfiguration
	Linked                bool
	Stopped               bool
	Created, Updated      time.Time
	Tags                  map[string]string
}

var streams = &store.Table[metricStream]{Name: "cloudwatch.stream", Key: func(s *metricStream) store.Key { return store.K(s.Account, s.Region, s.Name) }}

func streamARN(c *cloud.Call, name string) string { return c.ARN("cloudwatch", "metric-stream/"+name) }

const (
	streamRunning = "running"
	streamStopped = "stopped"

	maxStreams          = 50
	maxStreamFilters    = 1000
	maxStreamStatistics = 100
)

var (
	firehoseForm = regexp.MustCompile(`^arn:[a-z-]+:firehose:[a-z0-9-]+:[0-9]{12}:deliverystream/[a-zA-Z0-9._-]{1,64}$`)
	roleForm     = regexp.MustCompile(`^arn:[a-z-]+:iam::[0-9]{12}:role/.+$`)
)

// https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricStream.html
func putMetricStream(c *cloud.Call, tx store.Tx, in *api.PutMetricStreamInput) (*api.PutMetricStreamOutput, error) {
	if err := checkStream(in); err != nil {
		return nil, err
	}
	s := &metricStream{
		Account: c.Account, Region: c.Region, Name: in.Name, Include: in.IncludeFilters, Exclude: in.ExcludeFilters, Firehose: in.FirehoseArn, Role: in.RoleArn,
		Format: in.OutputFormat, Statistics: in.StatisticsConfigurations, Linked: cloud.Or(in.IncludeLinkedAccountsMetrics, false), Created: c.Now, Updated: c.Now, Tags: tagMap(in.Tags),
	}
	if old, ok := streams.Get(tx, c.Account, c.Region, in.Name); ok {
		s.Created, s.Tags, s.Stopped = old.Created, old.Tags, old.Stopped
	} else if streams.Count(tx, c.Account, c.Region) >= maxStreams {
		return nil, invalid("The maximum limit of %d metric streams is exceeded.", maxStreams)
	}
	streams.Put(tx, s)
	return &api.PutMetricStreamOutput{Arn: new(streamARN(c, in.Name))}, nil
}

func checkStream(in *api.PutMetricStreamInput) error {
	switch {
	case len(in.IncludeFilters) > 0 && len(in.ExcludeFilters) > 0:
		return combination("The parameters IncludeFilters and ExcludeFilters are mutually exclusive and you have specified both.")
	case !firehoseForm.MatchString(in.FirehoseArn):
		return badValue(in.FirehoseArn, "FirehoseArn")
	case !roleForm.MatchString(in.RoleArn):
		return badValue(in.RoleArn, "RoleArn")
	case len(in.StatisticsConfigurations) > maxStreamStatistics:
		return invalid("The collection StatisticsConfigurations must not have a size greater than %d.", maxStreamStatistics)
	}
	for _, list := range [][]api.MetricStreamFilter{in.IncludeFilters, in.ExcludeFilters} {
		if len(list) > maxStreamFilters {
			return invalid("The number of filters must not be greater than %d.", maxStreamFilters)
		}
		for _, f := range list {
			if f.Namespace == nil {
				return missing("Namespace")
			}
		}
	}
	for _, k := range in.StatisticsConfigurations {
		if len(k.IncludeMetrics) == 0 || len(k.IncludeMetrics) > maxStreamStatistics {
			return invalid("The collection IncludeMetrics must have a size of 1 to %d.", maxStreamStatistics)
		}
		for _, stat := range k.AdditionalStatistics {
			_, full, ok := series.ParseStat(stat)
			if !ok || !full || in.OutputFormat != api.MetricStreamOutputFormatJson && !strings.HasPrefix(stat, "p") {
				return badValue(stat, "AdditionalStatistics")
			}
		}
	}
	return nil
}

func (s *metricStream) state() string {
	if s.Stopped {
		return streamStopped
	}
	return streamRunning
}

func deleteMetricStream(c *cloud.Call, tx store.Tx, in *api.DeleteMetricStreamInput) (*api.DeleteMetricStreamOutput, error) {
	streams.Delete(tx, c.Account, c.Region, in.Name)
	return &api.DeleteMetricStreamOutput{}, nil
}

func getMetricStream(c *cloud.Call, r store.Reader, in *api.GetMetricStreamInput) (*api.GetMetricStreamOutput, error) {
	s, ok := streams.Get(r, c.Account, c.Region, in.Name)
	if !ok {
		return nil, api.ErrResourceNotFoundException.New("Metric stream %s does not exist", in.Name)
	}
	return &api.GetMetricStreamOutput{
		Arn: new(streamARN(c, s.Name)), Name: &s.Name, IncludeFilters: s.Include, ExcludeFilters: s.Exclude, FirehoseArn: &s.Firehose, RoleArn: &s.Role, State: new(s.state()),
		CreationDate: &s.Created, LastUpdateDate: &s.Updated, OutputFormat: &s.Format, StatisticsConfigurations: s.Statistics, IncludeLinkedAccountsMetrics: &s.Linked,
	}, nil
}

func listMetricStreams(c *cloud.Call, r store.Reader, in *api.ListMetricStreamsInput) (*api.ListMetricStreamsOutput, error) {
	page, next, ok := streams.Page(r, store.K(c.Account, c.Region), cloud.Or(in.NextToken, ""), int(cloud.Or(in.MaxResults, 500)), func(*metricStream) bool { return true })
	if !ok {
		return nil, errToken
	}
	out := &api.ListMetricStreamsOutput{Entries: []api.MetricStreamEntry{}}
	for _, s := range page {
		out.Entries = append(out.Entries, api.MetricStreamEntry{
			Arn: new(streamARN(c, s.Name)), CreationDate: &s.Created, LastUpdateDate: &s.Updated, Name: &s.Name, FirehoseArn: &s.Firehose, State: new(s.state()), OutputFormat: &s.Format,
		})
	}
	if next != "" {
		out.NextToken = &next
	}
	return out, nil
}

func startMetricStreams(c *cloud.Call, tx store.Tx, in *api.StartMetricStreamsInput) (*api.StartMetricStreamsOutput, error) {
	return &api.StartMetricStreamsOutput{}, switchStreams(c, tx, in.Names, false)
}

func stopMetricStreams(c *cloud.Call, tx store.Tx, in *api.StopMetricStreamsInput) (*api.StopMetricStreamsOutput, error) {
	return &api.StopMetricStreamsOutput{}, switchStreams(c, tx, in.Names, true)
}

func switchStreams(c *cloud.Call, tx store.Tx, names []string, stopped bool) error {
	for _, name := range names {
		s, ok := streams.Get(tx, c.Account, c.Region, name)
		if !ok {
			return invalid("Metric stream %s does not exist", name)
		}
		if s.Stopped != stopped {
			s.Stopped, s.Updated = stopped, c.Now
			streams.Put(tx, s)
		}
	}
	return nil
}
