package elbv2

import (
	"errors"
	"maps"
	"slices"
	"strings"

	apiec2 "pileus/api/ec2"
	api "pileus/api/elbv2"
	"pileus/cloud"
	"pileus/lb/attach"
	"pileus/store"
)

func (s *elb) createTargetGroup(c *cloud.Call, tx store.Tx, in *api.CreateTargetGroupInput) (*api.CreateTargetGroupOutput, error) {
	if err := checkName("Target group", in.Name); err != nil {
		return nil, err
	}
	tags, err := newTags(in.Tags)
	if err != nil {
		return nil, err
	}
	g := &group{
		Account: c.Account, Region: c.Region, Name: in.Name, ID: c.Rand().String(16, hex), Kind: cloud.Or(in.TargetType, ofInstances), Tags: tags, Made: c.Now,
		Protocol: cloud.Or(in.Protocol, ""), Version: cloud.Or(in.ProtocolVersion, ""), Port: cloud.Or(in.Port, 0), VPC: cloud.Or(in.VpcId, ""),
		IPType: cloud.Or(in.IpAddressType, "ipv4"), Control: cloud.Or(in.TargetControlPort, 0),
	}
	if err := g.checkForm(c); err != nil {
		return nil, err
	}
	if g.Check, err = firstCheck(g, in); err != nil {
		return nil, err
	}
	for old := range groups.Index(tx, "name", c.Account, c.Region, in.Name) {
		if old.equals(g) {
			return &api.CreateTargetGroupOutput{TargetGroups: []api.TargetGroup{old.show(tx)}}, nil
		}
		return nil, api.ErrDuplicateTargetGroupName.New("A target group with the same name '%s' exists, but with different settings", in.Name)
	}
	if count(groups.Scan(tx, c.Account, c.Region)) >= maxGroups {
		return nil, api.ErrTooManyTargetGroups.New("The maximum number of target groups has been reached")
	}
	g.ARN = c.ARN(service, "targetgroup/"+g.Name+"/"+g.ID)
	groups.Insert(tx, g)
	return &api.CreateTargetGroupOutput{TargetGroups: []api.TargetGroup{g.show(tx)}}, nil
}

// equals tells whether making o again is no error.
func (g *group) equals(o *group) bool {
	return g.Kind == o.Kind && g.Protocol == o.Protocol && g.Version == o.Version && g.Port == o.Port && g.VPC == o.VPC && g.IPType == o.IPType &&
		g.Check == o.Check && g.Control == o.Control && maps.Equal(g.Tags.Map(), o.Tags.Map())
}

// checkForm tells what is wrong with a new group, and completes it.
func (g *group) checkForm(c *cloud.Call) error {
	if g.Kind == ofLambda {
		switch {
		case g.Protocol != "":
			return invalid("Protocol cannot be specified for target groups with target type 'lambda'")
		case g.Port != 0:
			return invalid("Port cannot be specified for target groups with target type 'lambda'")
		case g.VPC != "":
			return invalid("VPC ID cannot be specified for target groups with target type 'lambda'")
		}
		return nil
	}
	switch {
	case g.Protocol == "":
		return invalid("A protocol must be specified")
	case g.Protocol == "GENEVE":
		return unbuilt("target groups of Gateway Load Balancers (GENEVE)")
	case strings.HasSuffix(g.Protocol, "QUIC"):
		return unbuilt("target groups of the QUIC protocol")
	case g.Port == 0:
		return invalid("A port must be specified")
	case g.VPC == "":
		return invalid("A VPC ID must be specified")
	case g.Kind == ofBalancers && g.Protocol != "TCP":
		return api.ErrInvalidConfigurationRequest.New("Protocol '%s' is not supported for target groups with target type 'alb'", g.Protocol)
	case g.Kind == ofBalancers && g.IPType != "ipv4":
		return api.ErrInvalidConfigurationRequest.New("IP address type '%s' is not supported for target groups with target type 'alb'", g.IPType)
	case !g.isHTTP() && g.Version != "":
		return api.ErrInvalidConfigurationRequest.New("Protocol version cannot be specified for target groups with the %s protocol", g.Protocol)
	}
	if g.isHTTP() {
		if g.Version == "" {
			g.Version = "HTTP1"
		}
		if !slices.Contains([]string{"HTTP1", "HTTP2", "GRPC"}, g.Version) {
			return invalid("Protocol version '%s' must be one of 'HTTP1', 'HTTP2', 'GRPC'", g.Version)
		}
	}
	_, err := apiec2.DescribeVpcs.Call(attach.As(c), &apiec2.DescribeVpcsInput{VpcIds: []string{g.VPC}})
	if attach.IsCode(err, "InvalidVpcID.NotFound", "InvalidVpcID.Malformed", "InvalidVpcId.Malformed") {
		return invalid("The VPC ID '%s' is not found", g.VPC)
	}
	return err
}

func (s *elb) modifyTargetGroup(c *cloud.Call, tx store.Tx, in *api.ModifyTargetGroupInput) (*api.ModifyTargetGroupOutput, error) {
	old, err := findGroup(c, tx, in.TargetGroupArn)
	if err != nil {
		return nil, err
	}
	g := *old
	if err := g.Check.set(&g, checkChange{
		in.HealthCheckEnabled, in.HealthCheckProtocol, in.HealthCheckPort, in.HealthCheckPath, in.HealthCheckIntervalSeconds,
		in.HealthCheckTimeoutSeconds, in.HealthyThresholdCount, in.UnhealthyThresholdCount, in.Matcher,
	}); err != nil {
		return nil, err
	}
	groups.Put(tx, &g)
	touchUsers(tx, &g)
	return &api.ModifyTargetGroupOutput{TargetGroups: []api.TargetGroup{g.show(tx)}}, nil
}

func (s *elb) deleteTargetGroup(c *cloud.Call, tx store.Tx, in *api.DeleteTargetGroupInput) (*api.DeleteTargetGroupOutput, error) {
	out := &api.DeleteTargetGroupOutput{}
	g, err := findGroup(c, tx, in.TargetGroupArn)
	if errors.Is(err, api.ErrTargetGroupNotFound.New("")) { // one that is gone is no error
		return out, nil
	}
	if err != nil {
		return nil, err
	}
	if len(usersOf(tx, g)) > 0 {
		return nil, api.ErrResourceInUse.New("Target group '%s' is currently in use by a listener or a rule", g.ARN)
	}
	for _, t := range slices.Collect(targetsOf(tx, g)) {
		targets.Delete(tx, t.Account, t.Region, t.Group, t.ID, t.Port)
	}
	groups.Delete(tx, g.Account, g.Region, g.ARN)
	return out, nil
}

func (s *elb) describeTargetGroups(c *cloud.Call, r store.Reader, in *api.DescribeTargetGroupsInput) (*api.DescribeTargetGroupsOutput, error) {
	list, err := groupsAsked(c, r, in)
	if err != nil {
		return nil, err
	}
	list, next, err := page(list, in.Marker, in.PageSize, func(g *group) string { return g.ARN })
	if err != nil {
		return nil, err
	}
	out := &api.DescribeTargetGroupsOutput{TargetGroups: []api.TargetGroup{}, NextMarker: next}
	used := usage(c, r)
	for _, g := range list {
		out.TargetGroups = append(out.TargetGroups, g.api(used[g.ARN]))
	}
	return out, nil
}

func groupsAsked(c *cloud.Call, r store.Reader, in *api.DescribeTargetGroupsInput) (list []*group, err error) {
	ways := 0
	for _, asked := range []bool{in.LoadBalancerArn != nil, len(in.TargetGroupArns) > 0, len(in.Names) > 0} {
		if asked {
			ways++
		}
	}
	switch {
	case ways > 1:
		return nil, invalid("Target group names, target group ARNs, and a load balancer ARN cannot be specified at the same time")
	case in.LoadBalancerArn != nil:
		b, err := findBalancer(c, r, *in.LoadBalancerArn)
		if err != nil {
			return nil, err
		}
		for _, arn := range slices.Sorted(maps.Keys(uses(r, b))) {
			if g, ok := groups.Get(r, c.Account, c.Region, arn); ok {
				list = append(list, g)
			}
		}
	case len(in.TargetGroupArns) > 0:
		for _, arn := range in.TargetGroupArns {
			g, err := findGroup(c, r, arn)
			if err != nil {
				return nil, err
			}
			list = append(list, g)
		}
	case len(in.Names) > 0:
		for _, name := range in.Names {
			found := slices.Collect(groups.Index(r, "name", c.Account, c.Region, name))
			if len(found) == 0 {
				return nil, api.ErrTargetGroupNotFound.New("One or more target groups not found")
			}
			list = append(list, found...)
		}
	default:
		list = slices.Collect(groups.Scan(r, c.Account, c.Region))
	}
	return list, nil
}

// usage are the load balancers that lead to each group of the account and region.
func usage(c *cloud.Call, r store.Reader) map[string][]string {
	out := map[string][]string{}
	for b := range balancers.Scan(r, c.Account, c.Region) {
		for arn := range uses(r, b) {
			out[arn] = append(out[arn], b.ARN)
		}
	}
	return out
}

// show is the group as the API has it.
func (g *group) show(r store.Reader) api.TargetGroup {
	var users []string
	for _, b := range usersOf(r, g) {
		users = append(users, b.ARN)
	}
	return g.api(users)
}

func (g *group) api(users []string) api.TargetGroup {
	if users == nil {
		users = []string{}
	}
	o := api.TargetGroup{
		TargetGroupArn: &g.ARN, TargetGroupName: &g.Name, TargetType: &g.Kind, LoadBalancerArns: users, IpAddressType: &g.IPType,
		Protocol: some(g.Protocol), ProtocolVersion: some(g.Version), VpcId: some(g.VPC),
		HealthCheckEnabled: &g.Check.Enabled, HealthCheckIntervalSeconds: &g.Check.Interval, HealthCheckTimeoutSeconds: &g.Check.Timeout,
		HealthyThresholdCount: &g.Check.Healthy, UnhealthyThresholdCount: &g.Check.Failing,
		HealthCheckProtocol: some(g.Check.Protocol), HealthCheckPort: some(g.Check.Port), HealthCheckPath: some(g.Check.Path),
	}
	if g.Port != 0 {
		o.Port = &g.Port
	}
	if g.Control != 0 {
		o.TargetControlPort = &g.Control
	}
	if g.Check.HTTP != "" || g.Check.GRPC != "" {
		o.Matcher = &api.Matcher{HttpCode: some(g.Check.HTTP), GrpcCode: some(g.Check.GRPC)}
	}
	return o
}
