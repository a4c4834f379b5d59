package insight

import (
	"cmp"
	"slices"
	"strings"
	"time"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/plane/reach"
	"pileus/service/ec2/resource"
	"pileus/store"
)

// Path is a question that is kept.
type Path struct {
	Account, Region, ID     string
	Source, Destination     string
	SourceIP, DestinationIP string
	Protocol                string
	Port                    int32   // -1 for any
	Filter                  *Filter // what of the above was asked for as a filter at the source
	Made                    time.Time
}

// Filter is what the packets are that a path is about, as they leave the source.
type Filter struct {
	Source, Destination           string
	SourcePorts, DestinationPorts *api.FilterPortRange
}

var paths = &store.Table[Path]{
	Name: "ec2.insightpath",
	Key:  func(p *Path) store.Key { return store.K(p.Account, p.Region, p.ID) },
}

func noPath(id string) *cloud.Error {
	return resource.Errorf("InvalidNetworkInsightsPathId.NotFound", "The network insights path ID '%s' does not exist", id)
}

func createNetworkInsightsPath(c *cloud.Call, tx store.Tx, in *api.CreateNetworkInsightsPathInput) (*api.CreateNetworkInsightsPathOutput, error) {
	return resource.Once(c, tx, "CreateNetworkInsightsPath", &in.ClientToken, in, func() (*api.CreateNetworkInsightsPathOutput, error) {
		if err := resource.OnlyTags(in.TagSpecifications, pathKind); err != nil {
			return nil, err
		}
		tags, err := resource.SpecifiedTags(in.TagSpecifications, pathKind)
		if err != nil {
			return nil, err
		}
		p := &Path{
			Account: c.Account, Region: c.Region, ID: resource.NewID(c, "nip"), Source: in.Source, Destination: cloud.Or(in.Destination, ""),
			SourceIP: cloud.Or(in.SourceIp, ""), DestinationIP: cloud.Or(in.DestinationIp, ""), Protocol: strings.ToLower(in.Protocol), Port: cloud.Or(in.DestinationPort, -1), Made: c.Now,
		}
		if f := in.FilterAtSource; f != nil {
			p.Filter = newFilter(f)
			p.SourceIP, p.DestinationIP = cmp.Or(p.Filter.Source, p.SourceIP), cmp.Or(p.Filter.Destination, p.DestinationIP)
			if r := p.Filter.DestinationPorts; r != nil {
				p.Port = cloud.Or(r.FromPort, p.Port)
			}
		}
		switch {
		case !slices.Contains([]string{"tcp", "udp"}, p.Protocol):
			return nil, resource.Invalid(p.Protocol, "protocol")
		case p.Destination == "" && p.DestinationIP == "":
			return nil, resource.Errorf("MissingParameter", "The request must contain a destination or a destination IP address.")
		case in.FilterAtDestination != nil:
			return nil, resource.Unsupported("FilterAtDestination is not available in this cloud.")
		}
		if _, err := p.question(c, tx); err != nil {
			return nil, err
		}
		paths.Put(tx, p)
		resource.Register(c, tx, pathKind, p.ID, tags)
		return &api.CreateNetworkInsightsPathOutput{NetworkInsightsPath: p.api(c, tx)}, nil
	})
}

// question is what the path asks now.
func (p *Path) question(c *cloud.Call, r store.Reader) (q reach.Question, err error) {
	from, err := resolve(c, r, p.Source, "source")
	if err != nil {
		return q, err
	}
	to := point{}
	if p.Destination != "" {
		if to, err = resolve(c, r, p.Destination, "destination"); err != nil {
			return q, err
		}
	}
	for _, x := range []struct {
		ip string
		at *point
	}{{p.SourceIP, &from}, {p.DestinationIP, &to}} {
		if x.ip == "" {
			continue
		}
		y, err := resolve(c, r, x.ip, "address")
		if err != nil {
			return q, err
		}
		x.at.addr = y.addr
	}
	return question(from, to, p.Protocol, int(max(p.Port, 0))), nil
}

func newFilter(in *api.PathRequestFilter) *Filter {
	ports := func(r *api.RequestFilterPortRange) *api.FilterPortRange {
		if r == nil {
			return nil
		}
		return &api.FilterPortRange{FromPort: r.FromPort, ToPort: r.ToPort}
	}
	return &Filter{
		Source: cloud.Or(in.SourceAddress, ""), Destination: cloud.Or(in.DestinationAddress, ""),
		SourcePorts: ports(in.SourcePortRange), DestinationPorts: ports(in.DestinationPortRange),
	}
}

func (f *Filter) api() *api.PathFilter {
	o := &api.PathFilter{SourcePortRange: f.SourcePorts, DestinationPortRange: f.DestinationPorts}
	if f.Source != "" {
		o.SourceAddress = &f.Source
	}
	if f.Destination != "" {
		o.DestinationAddress = &f.Destination
	}
	return o
}

func deleteNetworkInsightsPath(c *cloud.Call, tx store.Tx, in *api.DeleteNetworkInsightsPathInput) (*api.DeleteNetworkInsightsPathOutput, error) {
	id := in.NetworkInsightsPathId
	if !paths.Has(tx, c.Account, c.Region, id) {
		return nil, noPath(id)
	}
	for range analyses.Index(tx, "path", c.Account, c.Region, id) {
		return nil, resource.Errorf("AnalysisExistsForNetworkInsightsPath", "The network insights path '%s' has analyses. Delete them first.", id)
	}
	paths.Delete(tx, c.Account, c.Region, id)
	resource.Unregister(c, tx, id)
	return &api.DeleteNetworkInsightsPathOutput{NetworkInsightsPathId: &id}, nil
}

func (p *Path) api(c *cloud.Call, r store.Reader) *api.NetworkInsightsPath {
	o := &api.NetworkInsightsPath{
		NetworkInsightsPathId: &p.ID, NetworkInsightsPathArn: new(c.ARN("ec2", pathKind+"/"+p.ID)), CreatedDate: &p.Made, Source: &p.Source,
		Protocol: &p.Protocol, Tags: resource.APITags(resource.Tags(c, r, p.ID)),
	}
	given := map[**string]string{&o.Destination: p.Destination}
	if p.Filter != nil {
		o.FilterAtSource = p.Filter.api()
	} else {
		given[&o.SourceIp], given[&o.DestinationIp] = p.SourceIP, p.DestinationIP
		if p.Port >= 0 {
			o.DestinationPort = &p.Port
		}
	}
	for to, s := range given {
		if s != "" {
			*to = new(s)
		}
	}
	o.SourceArn, o.DestinationArn = component(c, p.Source).Arn, component(c, p.Destination).Arn
	return o
}

func describeNetworkInsightsPaths(c *cloud.Call, r store.Reader, in *api.DescribeNetworkInsightsPathsInput) (*api.DescribeNetworkInsightsPathsOutput, error) {
	list, next, err := resource.List(c, r, resource.Query{IDs: in.NetworkInsightsPathIds, Filters: in.Filters, Max: in.MaxResults, Token: in.NextToken, Least: 1, Most: 100, NotFound: noPath},
		paths.Scan(r, c.Account, c.Region), func(p *Path) string { return p.ID },
		resource.Fields[Path]{
			"destination": resource.One(func(p *Path) string { return p.Destination }),
			"protocol":    resource.One(func(p *Path) string { return p.Protocol }),
			"source":      resource.One(func(p *Path) string { return p.Source }),
		})
	if err != nil {
		return nil, err
	}
	out := &api.DescribeNetworkInsightsPathsOutput{NetworkInsightsPaths: []api.NetworkInsightsPath{}, NextToken: next}
	for _, p := range list {
		out.NetworkInsightsPaths = append(out.NetworkInsightsPaths, *p.api(c, r))
	}
	return out, nil
}
