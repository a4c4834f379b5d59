package cloudwatch

import (
	"regexp"
	"strings"
	"time"

	api "pileus/api/cloudwatch"
	"pileus/cloud"
	"pileus/store"
)

// dashboard is a page of widgets. It belongs to an account, in all regions.
type dashboard struct {
	Account, Name, Body string
	Modified            time.Time
	Tags                map[string]string
}

var dashboards = &store.Table[dashboard]{Name: "cloudwatch.dashboard", Key: func(d *dashboard) store.Key { return store.K(d.Account, d.Name) }}

var dashboardName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,255}$`)

// dashboardPage is how many dashboards ListDashboards gives at once.
const dashboardPage = 1000

func dashboardARN(c *cloud.Call, name string) string {
	return cloud.ARN{Partition: c.Partition, Service: "cloudwatch", Account: c.Account, Resource: "dashboard/" + name}.String()
}

func putDashboard(c *cloud.Call, tx store.Tx, in *api.PutDashboardInput) (*api.PutDashboardOutput, error) {
	if !dashboardName.MatchString(in.DashboardName) {
		return nil, api.ErrDashboardInvalidInputError.New("The value %s for field DashboardName contains invalid characters. It can only contain alphanumerics, dash (-) and underscore (_).", in.DashboardName)
	}
	warnings, err := checkDashboard(in.DashboardBody)
	if err != nil {
		return nil, err
	}
	d := &dashboard{Account: c.Account, Name: in.DashboardName, Body: in.DashboardBody, Modified: c.Now, Tags: tagMap(in.Tags)}
	if old, ok := dashboards.Get(tx, c.Account, in.DashboardName); ok {
		d.Tags = old.Tags
	}
	dashboards.Put(tx, d)
	return &api.PutDashboardOutput{DashboardValidationMessages: append([]api.DashboardValidationMessage{}, warnings...)}, nil
}

func noDashboard(name string) error {
	return api.ErrDashboardNotFoundError.New("Dashboard %s does not exist", name)
}

func getDashboard(c *cloud.Call, r store.Reader, in *api.GetDashboardInput) (*api.GetDashboardOutput, error) {
	d, ok := dashboards.Get(r, c.Account, in.DashboardName)
	if !ok {
		return nil, noDashboard(in.DashboardName)
	}
	return &api.GetDashboardOutput{DashboardArn: new(dashboardARN(c, d.Name)), DashboardBody: &d.Body, DashboardName: &d.Name}, nil
}

// deleteDashboards deletes all of them or, where one is not there, none.
func deleteDashboards(c *cloud.Call, tx store.Tx, in *api.DeleteDashboardsInput) (*api.DeleteDashboardsOutput, error) {
	for _, name := range in.DashboardNames {
		if !dashboards.Has(tx, c.Account, name) {
			return nil, noDashboard(name)
		}
		dashboards.Delete(tx, c.Account, name)
	}
	return &api.DeleteDashboardsOutput{}, nil
}

func listDashboards(c *cloud.Call, r store.Reader, in *api.ListDashboardsInput) (*api.ListDashboardsOutput, error) {
	after := ""
	if in.NextToken != nil {
		at, err := readToken(*in.NextToken)
		if err != nil || len(at) != 1 {
			return nil, errToken
		}
		after = at[0]
	}
	out := &api.ListDashboardsOutput{DashboardEntries: []api.DashboardEntry{}}
	for d := range dashboards.ScanFrom(r, store.K(c.Account), store.K(c.Account, after)) {
		if d.Name <= after || !strings.HasPrefix(d.Name, cloud.Or(in.DashboardNamePrefix, "")) {
			continue
		}
		if len(out.DashboardEntries) == dashboardPage {
			out.NextToken = new(writeToken(*out.DashboardEntries[dashboardPage-1].DashboardName))
			break
		}
		out.DashboardEntries = append(out.DashboardEntries, api.DashboardEntry{
			DashboardArn: new(dashboardARN(c, d.Name)), DashboardName: &d.Name, LastModified: &d.Modified, Size: new(int64(len(d.Body))),
		})
	}
	return out, nil
}
