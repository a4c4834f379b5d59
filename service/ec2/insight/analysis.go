package insight

import (
	"time"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/plane/reach"
	"pileus/service/ec2/resource"
	"pileus/store"
)

// Analysis is the answer to a path's question at one time.
type Analysis struct {
	Account, Region, ID string
	Path                string
	Status              string // "running", "succeeded", "failed"
	Message             string
	Answer              reach.Answer
	Started             time.Time
}

var analyses = &store.Table[Analysis]{
	Name:    "ec2.insight",
	Key:     func(a *Analysis) store.Key { return store.K(a.Account, a.Region, a.ID) },
	Indexes: map[string]func(*Analysis) store.Key{"path": func(a *Analysis) store.Key { return store.K(a.Account, a.Region, a.Path) }},
}

func noAnalysis(id string) *cloud.Error {
	return resource.Errorf("InvalidNetworkInsightsAnalysisId.NotFound", "The network insights analysis ID '%s' does not exist", id)
}

func startNetworkInsightsAnalysis(c *cloud.Call, tx store.Tx, in *api.StartNetworkInsightsAnalysisInput) (*api.StartNetworkInsightsAnalysisOutput, error) {
	return resource.Once(c, tx, "StartNetworkInsightsAnalysis", &in.ClientToken, in, func() (*api.StartNetworkInsightsAnalysisOutput, error) {
		if err := resource.OnlyTags(in.TagSpecifications, analysisKind); err != nil {
			return nil, err
		}
		tags, err := resource.SpecifiedTags(in.TagSpecifications, analysisKind)
		if err != nil {
			return nil, err
		}
		switch {
		case !paths.Has(tx, c.Account, c.Region, in.NetworkInsightsPathId):
			return nil, noPath(in.NetworkInsightsPathId)
		case len(in.FilterInArns) > 0:
			return nil, resource.Unsupported("FilterInArns is not available in this cloud.")
		case len(in.FilterOutArns) > 0:
			return nil, resource.Unsupported("FilterOutArns is not available in this cloud.")
		}
		a := &Analysis{Account: c.Account, Region: c.Region, ID: resource.NewID(c, "nia"), Path: in.NetworkInsightsPathId, Status: "running", Started: c.Now}
		analyses.Put(tx, a)
		resource.Register(c, tx, analysisKind, a.ID, tags)
		tx.After(time.Time{}, analyseController, store.K(a.Account, a.Region, a.ID))
		return &api.StartNetworkInsightsAnalysisOutput{NetworkInsightsAnalysis: a.api(c, tx)}, nil
	})
}

// analyseController does what was started.
const analyseController = "ec2.insight"

func analyse(c *cloud.Call, key store.Key) error {
	c = c.In(key[0].(string), key[1].(string))
	return c.Update(func(tx store.Tx) error {
		old, ok := analyses.Get(tx, c.Account, c.Region, key[2].(string))
		if !ok || old.Status != "running" {
			return nil
		}
		a := *old
		a.Status, a.Message = "failed", "The path was deleted."
		if p, ok := paths.Get(tx, c.Account, c.Region, a.Path); ok {
			q, err := p.question(c, tx)
			if err != nil {
				a.Message = err.Error()
			} else {
				a.Status, a.Message, a.Answer = "succeeded", "", answer(c, tx, q)
			}
		}
		analyses.Put(tx, &a)
		return nil
	})
}

func deleteNetworkInsightsAnalysis(c *cloud.Call, tx store.Tx, in *api.DeleteNetworkInsightsAnalysisInput) (*api.DeleteNetworkInsightsAnalysisOutput, error) {
	id := in.NetworkInsightsAnalysisId
	if !analyses.Has(tx, c.Account, c.Region, id) {
		return nil, noAnalysis(id)
	}
	analyses.Delete(tx, c.Account, c.Region, id)
	resource.Unregister(c, tx, id)
	return &api.DeleteNetworkInsightsAnalysisOutput{NetworkInsightsAnalysisId: &id}, nil
}

func describeNetworkInsightsAnalyses(c *cloud.Call, r store.Reader, in *api.DescribeNetworkInsightsAnalysesInput) (*api.DescribeNetworkInsightsAnalysesOutput, error) {
	wanted := func(yield func(*Analysis) bool) {
		for a := range analyses.Scan(r, c.Account, c.Region) {
			if (in.NetworkInsightsPathId == nil || a.Path == *in.NetworkInsightsPathId) && !a.Started.Before(cloud.Or(in.AnalysisStartTime, time.Time{})) &&
				(in.AnalysisEndTime == nil || !a.Started.After(*in.AnalysisEndTime)) && !yield(a) {
				return
			}
		}
	}
	list, next, err := resource.List(c, r, resource.Query{IDs: in.NetworkInsightsAnalysisIds, Filters: in.Filters, Max: in.MaxResults, Token: in.NextToken, Least: 1, Most: 100, NotFound: noAnalysis},
		wanted, func(a *Analysis) string { return a.ID },
		resource.Fields[Analysis]{
			"path-found": resource.Flag(func(a *Analysis) bool { return a.Answer.Reached }),
			"status":     resource.One(func(a *Analysis) string { return a.Status }),
		})
	if err != nil {
		return nil, err
	}
	out := &api.DescribeNetworkInsightsAnalysesOutput{NetworkInsightsAnalyses: []api.NetworkInsightsAnalysis{}, NextToken: next}
	for _, a := range list {
		out.NetworkInsightsAnalyses = append(out.NetworkInsightsAnalyses, *a.api(c, r))
	}
	return out, nil
}
