package cloudwatch

import (
	"time"

	api "pileus/api/cloudwatch"
	"pileus/cloud"
	"pileus/store"
)

// enrichment is whether metrics of an account and region are enriched with
// tags and attributes of resources, as OpenTelemetry names them, and which.
type enrichment struct {
	Account, Region  string
	Running          bool
	Include, Exclude []api.OTelEnrichmentMetricSelector
	Began, Stored    time.Time
}

var enrichments = &store.Table[enrichment]{Name: "cloudwatch.enrichment", Key: func(e *enrichment) store.Key { return store.K(e.Account, e.Region) }}

// mostSelectors is how many filters there can be of both kinds together.
const mostSelectors = 100

// enrich keeps the filters of an enrichment.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_StartOTelEnrichment.html
func enrich(c *cloud.Call, tx store.Tx, began time.Time, include, exclude []api.OTelEnrichmentMetricSelector) (*enrichment, error) {
	if len(include)+len(exclude) > mostSelectors {
		return nil, validation("IncludeFilters and ExcludeFilters must not have more than %d filters together.", mostSelectors)
	}
	e := &enrichment{c.Account, c.Region, true, include, exclude, began, c.Now}
	enrichments.Put(tx, e)
	return e, nil
}

// began is when the enrichment that runs began.
func began(c *cloud.Call, r store.Reader) (at time.Time, running bool) {
	if e, ok := enrichments.Get(r, c.Account, c.Region); ok && e.Running {
		return e.Began, true
	}
	return c.Now, false
}

func getOTelEnrichment(c *cloud.Call, r store.Reader, _ *api.GetOTelEnrichmentInput) (*api.GetOTelEnrichmentOutput, error) {
	e, ok := enrichments.Get(r, c.Account, c.Region)
	if !ok || !e.Running {
		return &api.GetOTelEnrichmentOutput{Status: api.OTelEnrichmentStatusStopped}, nil
	}
	return &api.GetOTelEnrichmentOutput{Status: api.OTelEnrichmentStatusRunning, IncludeFilters: e.Include, ExcludeFilters: e.Exclude, CreatedAt: &e.Began, UpdatedAt: &e.Stored}, nil
}

func startOTelEnrichment(c *cloud.Call, tx store.Tx, in *api.StartOTelEnrichmentInput) (*api.StartOTelEnrichmentOutput, error) {
	at, _ := began(c, tx)
	e, err := enrich(c, tx, at, in.IncludeFilters, in.ExcludeFilters)
	if err != nil {
		return nil, err
	}
	return &api.StartOTelEnrichmentOutput{IncludeFilters: e.Include, ExcludeFilters: e.Exclude, CreatedAt: &e.Began, UpdatedAt: &e.Stored}, nil
}

func updateOTelEnrichment(c *cloud.Call, tx store.Tx, in *api.UpdateOTelEnrichmentInput) (*api.UpdateOTelEnrichmentOutput, error) {
	at, running := began(c, tx)
	if !running {
		return nil, api.ErrResourceNotFoundException.New("OTel enrichment is not running for this account.")
	}
	e, err := enrich(c, tx, at, in.IncludeFilters, in.ExcludeFilters)
	if err != nil {
		return nil, err
	}
	return &api.UpdateOTelEnrichmentOutput{IncludeFilters: e.Include, ExcludeFilters: e.Exclude, CreatedAt: &e.Began, UpdatedAt: &e.Stored}, nil
}

func stopOTelEnrichment(c *cloud.Call, tx store.Tx, _ *api.StopOTelEnrichmentInput) (*api.StopOTelEnrichmentOutput, error) {
	enrichments.Put(tx, &enrichment{Account: c.Account, Region: c.Region})
	return &api.StopOTelEnrichmentOutput{}, nil
}
