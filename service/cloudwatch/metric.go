package cloudwatch

import (
	"cmp"
	"crypto/sha256"
	"slices"
	"strings"
	"time"

	api "pileus/api/cloudwatch"
	"pileus/cloud"
	"pileus/service/cloudwatch/series"
	"pileus/store"
)

// metric is that somebody published a metric. Its points lie in series.
type metric struct {
	Account, Region, Namespace, Name string
	Dimensions                       []api.Dimension // in order of name
	Heard                            time.Time       // of the last points, to within heardStep
}

var metrics = &store.Table[metric]{Name: "cloudwatch.metric", Key: (*metric).key, Memo: 32768}

// heardStep is how far a metric's Heard may lag behind, so that most points
// need not write it.
const heardStep = 10 * time.Minute

// A metric is listed for two weeks after its last points.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_ListMetrics.html
const (
	listedFor = 14 * 24 * time.Hour
	recent    = 3 * time.Hour
)

func newMetric(c *cloud.Call, namespace, name string, dims []api.Dimension) *metric {
	dims = slices.Clone(dims)
	slices.SortFunc(dims, func(a, b api.Dimension) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Value, b.Value))
	})
	return &metric{Account: c.Account, Region: c.Region, Namespace: namespace, Name: name, Dimensions: dims}
}

func (m *metric) key() store.Key {
	var b strings.Builder
	for _, d := range m.Dimensions {
		b.WriteString(d.Name + "\x00" + d.Value + "\x00")
	}
	return store.K(m.Account, m.Region, m.Namespace, m.Name, b.String())
}

// id names the metric's points.
func (m *metric) id() series.ID {
	sum := sha256.Sum256(m.key().Append(nil))
	return series.ID(sum[:16])
}

func (m *metric) describe() api.Metric {
	return api.Metric{Namespace: &m.Namespace, MetricName: &m.Name, Dimensions: shownList(m.Dimensions)}
}

// shownList is a list as answers show it: empty, where others leave it out.
func shownList[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
