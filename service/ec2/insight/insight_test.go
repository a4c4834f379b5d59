package insight_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/node/nodetest"
	"pileus/plane/sim"
	"pileus/service/ec2/insight"
	"pileus/service/ec2/resource"
	"pileus/service/ec2/vpc"
)

// world is a VPC with two subnets: a web server and a database.
type world struct {
	*nodetest.World
	vpc, web, db, acl, table, gateway string
}

func newWorld(t testing.TB) *world {
	t.Helper()
	room := vpc.New(sim.New(""))
	w := &world{World: nodetest.New(t, resource.Module(resource.Room{
		Operations: room.Bindings(), Access: room.Access(), Controllers: room.Controllers(), Start: room.Start, Reset: room.Reset,
	}, insight.Room()))}
	w.vpc = *nodetest.Do(w.World, &api.CreateVpc, &api.CreateVpcInput{CidrBlock: new("10.0.0.0/16")}).Vpc.VpcId
	nic := func(cidr, at string) (subnet, id string) {
		subnet = *nodetest.Do(w.World, &api.CreateSubnet, &api.CreateSubnetInput{VpcId: w.vpc, CidrBlock: &cidr}).Subnet.SubnetId
		return subnet, *nodetest.Do(w.World, &api.CreateNetworkInterface, &api.CreateNetworkInterfaceInput{SubnetId: subnet, PrivateIpAddress: &at}).NetworkInterface.NetworkInterfaceId
	}
	_, w.web = nic("10.0.1.0/24", "10.0.1.10")
	_, w.db = nic("10.0.2.0/24", "10.0.2.10")
	vpc := []api.Filter{{Name: new("vpc-id"), Values: []string{w.vpc}}}
	w.acl = *nodetest.Do(w.World, &api.DescribeNetworkAcls, &api.DescribeNetworkAclsInput{Filters: vpc}).NetworkAcls[0].NetworkAclId
	w.table = *nodetest.Do(w.World, &api.DescribeRouteTables, &api.DescribeRouteTablesInput{Filters: vpc}).RouteTables[0].RouteTableId
	w.gateway = *nodetest.Do(w.World, &api.CreateInternetGateway, &api.CreateInternetGatewayInput{}).InternetGateway.InternetGatewayId
	return w
}

// analyse asks whether source reaches destination.
func (w *world) analyse(source, destination string, port int32) api.NetworkInsightsAnalysis {
	w.T.Helper()
	path := nodetest.Do(w.World, &api.CreateNetworkInsightsPath, &api.CreateNetworkInsightsPathInput{
		Source: source, Destination: &destination, Protocol: "tcp", DestinationPort: &port, ClientToken: w.Gate().Rand().UUID()}).NetworkInsightsPath.NetworkInsightsPathId
	started := nodetest.Do(w.World, &api.StartNetworkInsightsAnalysis, &api.StartNetworkInsightsAnalysisInput{NetworkInsightsPathId: *path, ClientToken: w.Gate().Rand().UUID()})
	if *started.NetworkInsightsAnalysis.Status != "running" {
		w.T.Errorf("started: %s", *started.NetworkInsightsAnalysis.Status)
	}
	w.Drain()
	return nodetest.Do(w.World, &api.DescribeNetworkInsightsAnalyses, &api.DescribeNetworkInsightsAnalysesInput{NetworkInsightsPathId: path}).NetworkInsightsAnalyses[0]
}

func TestAnalyses(t *testing.T) {
	w := newWorld(t)
	entry := func(number int32, action string) {
		nodetest.Do(w.World, &api.CreateNetworkAclEntry, &api.CreateNetworkAclEntryInput{
			NetworkAclId: w.acl, RuleNumber: number, RuleAction: action, Protocol: "6", CidrBlock: new("0.0.0.0/0"), PortRange: &api.PortRange{From: new(int32(5432)), To: new(int32(5432))}})
	}
	for _, step := range []struct {
		name                string
		do                  func()
		source, destination string
		port                int32
		code, component     string
	}{
		{"members of the default group", nil, w.web, w.db, 5432, "", ""},
		{"an ACL that denies", func() { entry(50, "deny") }, w.web, w.db, 5432, "SUBNET_ACL_RESTRICTION", w.acl},
		{"a lower number that allows", func() { entry(40, "allow") }, w.web, w.db, 5432, "", ""},
		{"to the internet without a route", nil, w.web, w.gateway, 80, "NO_ROUTE_TO_DESTINATION", w.table},
		{"without a public address", func() {
			nodetest.Do(w.World, &api.AttachInternetGateway, &api.AttachInternetGatewayInput{InternetGatewayId: w.gateway, VpcId: w.vpc})
			nodetest.Do(w.World, &api.CreateRoute, &api.CreateRouteInput{RouteTableId: w.table, DestinationCidrBlock: new("0.0.0.0/0"), GatewayId: &w.gateway})
		}, w.web, w.gateway, 80, "IGW_PUBLIC_IP_ASSOCIATION_FOR_EGRESS", w.gateway},
		{"with a public address", func() {
			e := nodetest.Do(w.World, &api.AllocateAddress, &api.AllocateAddressInput{})
			nodetest.Do(w.World, &api.AssociateAddress, &api.AssociateAddressInput{AllocationId: e.AllocationId, NetworkInterfaceId: &w.web})
		}, w.web, w.gateway, 80, "", ""},
		{"from the internet, past no rule", nil, w.gateway, w.web, 80, "ENI_SG_RULES_MISMATCH", w.web},
	} {
		if step.do != nil {
			step.do()
		}
		a := w.analyse(step.source, step.destination, step.port)
		if *a.Status != "succeeded" || *a.NetworkPathFound != (step.code == "") {
			t.Errorf("%s: %+v", step.name, a)
			continue
		}
		if step.code == "" {
			if len(a.ForwardPathComponents) == 0 || len(a.ReturnPathComponents) == 0 {
				t.Errorf("%s: no components", step.name)
			}
			continue
		}
		if e := a.Explanations[0]; *e.ExplanationCode != step.code || *e.Component.Id != step.component {
			t.Errorf("%s: %s at %s, want %s at %s", step.name, *e.ExplanationCode, *e.Component.Id, step.code, step.component)
		}
	}
}

func TestPaths(t *testing.T) {
	w := newWorld(t)
	_, err := nodetest.Try(w.World, &api.CreateNetworkInsightsPath, &api.CreateNetworkInsightsPathInput{Source: "eni-00000000000000000", Destination: &w.db, Protocol: "tcp", ClientToken: "a"})
	var e *cloud.Error
	if !errors.As(err, &e) || e.Code != "InvalidNetworkInterfaceID.NotFound" {
		t.Errorf("from nowhere: %v", err)
	}
	a := w.analyse(w.web, w.db, 80)
	_, err = nodetest.Try(w.World, &api.DeleteNetworkInsightsPath, &api.DeleteNetworkInsightsPathInput{NetworkInsightsPathId: *a.NetworkInsightsPathId})
	if !errors.As(err, &e) || e.Code != "AnalysisExistsForNetworkInsightsPath" {
		t.Errorf("a path with an analysis: %v", err)
	}
	nodetest.Do(w.World, &api.DeleteNetworkInsightsAnalysis, &api.DeleteNetworkInsightsAnalysisInput{NetworkInsightsAnalysisId: *a.NetworkInsightsAnalysisId})
	nodetest.Do(w.World, &api.DeleteNetworkInsightsPath, &api.DeleteNetworkInsightsPathInput{NetworkInsightsPathId: *a.NetworkInsightsPathId})
	if left := nodetest.Do(w.World, &api.DescribeNetworkInsightsPaths, &api.DescribeNetworkInsightsPathsInput{}).NetworkInsightsPaths; len(left) != 0 {
		t.Errorf("left: %+v", left)
	}
}

// TestWhy asks as `pileus why net` does.
func TestWhy(t *testing.T) {
	w := newWorld(t)
	ask := func(from, to, port string) (told insight.Told, status int) {
		q := url.Values{"from": {from}, "to": {to}, "protocol": {"tcp"}, "port": {port}, "account": {nodetest.Account}, "region": {nodetest.Region}}
		res, err := http.Get(w.Endpoint + insight.WhyPath + "?" + q.Encode())
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		if err := json.NewDecoder(res.Body).Decode(&told); err != nil {
			t.Fatal(err)
		}
		return told, res.StatusCode
	}
	told, _ := ask(w.web, "internet", "443")
	if last := told.Text[len(told.Text)-1]; told.Answer.Reached || !strings.Contains(last, "has no route to") {
		t.Errorf("to the internet: %q", told.Text)
	}
	if told, _ := ask("10.0.1.10", "10.0.2.10", "5432"); !told.Answer.Reached {
		t.Errorf("inside: %q", told.Text)
	}
	if _, status := ask("i-00000000000000000", w.db, "22"); status != http.StatusBadRequest {
		t.Errorf("from nowhere: %d", status)
	}
}

// TestFilteredPath shows a path as it was asked for: by a filter, and not by
// the older members that mean the same.
func TestFilteredPath(t *testing.T) {
	w := newWorld(t)
	ports := &api.RequestFilterPortRange{FromPort: new(int32(22)), ToPort: new(int32(23))}
	p := nodetest.Do(w.World, &api.CreateNetworkInsightsPath, &api.CreateNetworkInsightsPathInput{
		Source: w.web, Destination: &w.db, Protocol: "tcp", ClientToken: "f", FilterAtSource: &api.PathRequestFilter{DestinationPortRange: ports, SourceAddress: new("10.0.1.10")},
	}).NetworkInsightsPath
	f := p.FilterAtSource
	if p.DestinationPort != nil || p.SourceIp != nil || f == nil || *f.SourceAddress != "10.0.1.10" || *f.DestinationPortRange.FromPort != 22 || *f.DestinationPortRange.ToPort != 23 {
		t.Errorf("the path is %+v, its filter %+v", p, f)
	}
}

// TestProtocolInCapitals asks for a path over TCP as AWS's own examples do.
func TestProtocolInCapitals(t *testing.T) {
	w := newWorld(t)
	p := nodetest.Do(w.World, &api.CreateNetworkInsightsPath, &api.CreateNetworkInsightsPathInput{Source: w.web, Destination: &w.db, Protocol: "TCP", ClientToken: "c"}).NetworkInsightsPath
	if *p.Protocol != "tcp" {
		t.Errorf("the path is over %s", *p.Protocol)
	}
}
