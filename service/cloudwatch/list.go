package cloudwatch

import (
	"encoding/base64"
	"slices"
	"strings"

	"github.com/fxamacker/cbor/v2"

	api "pileus/api/cloudwatch"
	"pileus/cloud"
	"pileus/store"
)

// metricPage is how many metrics ListMetrics gives at once.
const metricPage = 500

func listMetrics(c *cloud.Call, r store.Reader, in *api.ListMetricsInput) (*api.ListMetricsOutput, error) {
	prefix := store.K(c.Account, c.Region)
	if in.Namespace != nil {
		if prefix = append(prefix, *in.Namespace); in.MetricName != nil {
			prefix = append(prefix, *in.MetricName)
		}
	}
	start := prefix
	if in.NextToken != nil {
		after, err := readToken(*in.NextToken)
		if err != nil || len(after) != 3 {
			return nil, errToken
		}
		start = store.K(c.Account, c.Region, after[0], after[1], after[2])
	}
	keep := listedFor
	if in.RecentlyActive != nil {
		keep = recent
	}
	out := &api.ListMetricsOutput{Metrics: []api.Metric{}}
	if cloud.Or(in.OwningAccount, c.Account) != c.Account {
		return out, nil // no other account shares its metrics with this one
	}
	var last *metric
	for m := range metrics.ScanFrom(r, prefix, start) {
		if in.NextToken != nil && string(m.key().Append(nil)) == string(start.Append(nil)) || c.Now.Sub(m.Heard) > keep {
			continue
		}
		if in.MetricName != nil && m.Name != *in.MetricName || !m.has(in.Dimensions) {
			continue
		}
		if len(out.Metrics) == metricPage {
			k := last.key()
			out.NextToken = new(writeToken(k[2].(string), k[3].(string), k[4].(string)))
			break
		}
		out.Metrics = append(out.Metrics, m.describe())
		if cloud.Or(in.IncludeLinkedAccounts, false) {
			out.OwningAccounts = append(out.OwningAccounts, m.Account)
		}
		last = m
	}
	return out, nil
}

// has tells whether the metric has all of the dimensions.
func (m *metric) has(filters []api.DimensionFilter) bool {
	for _, f := range filters {
		if !slices.ContainsFunc(m.Dimensions, func(d api.Dimension) bool {
			return d.Name == f.Name && (f.Value == nil || d.Value == *f.Value)
		}) {
			return false
		}
	}
	return true
}

// writeToken says where the next page goes on.
func writeToken(parts ...string) string {
	b, err := cbor.Marshal(parts)
	if err != nil {
		panic(err) // strings always encode
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

func readToken(token string) (parts []string, err error) {
	b, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(token, "="))
	if err != nil {
		return nil, err
	}
	return parts, cbor.Unmarshal(b, &parts)
}
