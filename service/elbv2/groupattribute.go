package elbv2

import (
	"strings"

	api "pileus/api/elbv2"
	"pileus/cloud"
	"pileus/store"
)

// The kinds of target groups that settings tell apart.
const (
	ofHTTP     = "http"   // instances and addresses behind application load balancers
	ofStreams  = "stream" // behind network load balancers
	asLambda   = "lambda"
	asBalancer = "alb"
)

func (g *group) settings() string {
	switch {
	case g.Kind == ofLambda:
		return asLambda
	case g.Kind == ofBalancers:
		return asBalancer
	case g.isHTTP():
		return ofHTTP
	}
	return ofStreams
}

// isHTTP tells whether the group is for application load balancers.
func (g *group) isHTTP() bool {
	return g.Kind == ofLambda || g.Protocol == "HTTP" || g.Protocol == "HTTPS"
}

// groupAttributes are the settings of target groups.
// https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_TargetGroupAttribute.html
var groupAttributes = attributes{"Target group", []attribute{
	{"deregistration_delay.timeout_seconds", "300", number(0, 3600), kinds(ofHTTP, ofStreams)},
	{"stickiness.enabled", "false", boolean, nil},
	{"stickiness.type", "", oneOf("lb_cookie", "app_cookie", "source_ip", "source_ip_dest_ip", "source_ip_dest_ip_proto"), kinds(ofHTTP, ofStreams, asBalancer)},
	{"stickiness.lb_cookie.duration_seconds", "86400", number(1, 604800), kinds(ofHTTP)},
	{"stickiness.app_cookie.cookie_name", "", cookieName, kinds(ofHTTP)},
	{"stickiness.app_cookie.duration_seconds", "86400", number(1, 604800), kinds(ofHTTP)},
	{"load_balancing.algorithm.type", "round_robin", oneOf("round_robin", "least_outstanding_requests", "weighted_random"), kinds(ofHTTP)},
	{"load_balancing.algorithm.anomaly_mitigation", "off", oneOf("on", "off"), kinds(ofHTTP)},
	{"slow_start.duration_seconds", "0", slowStart, kinds(ofHTTP)},
	{"load_balancing.cross_zone.enabled", "use_load_balancer_configuration", oneOf("true", "false", "use_load_balancer_configuration"), kinds(ofHTTP, ofStreams, asLambda)},
	{"target_group_health.dns_failover.minimum_healthy_targets.count", "1", numberOr(1, 1000, "off"), nil},
	{"target_group_health.dns_failover.minimum_healthy_targets.percentage", "off", numberOr(1, 100, "off"), nil},
	{"target_group_health.unhealthy_state_routing.minimum_healthy_targets.count", "1", number(1, 1000), nil},
	{"target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage", "off", numberOr(1, 100, "off"), nil},
	{"lambda.multi_value_headers.enabled", "false", boolean, kinds(asLambda)},
	{"deregistration_delay.connection_termination.enabled", "false", boolean, kinds(ofStreams)},
	{"preserve_client_ip.enabled", "", boolean, kinds(ofStreams, asBalancer)},
	{"proxy_protocol_v2.enabled", "false", boolean, kinds(ofStreams)},
	{"target_health_state.unhealthy.connection_termination.enabled", "true", boolean, kinds(ofStreams)},
	{"target_health_state.unhealthy.draining_interval_seconds", "0", number(0, 360000), kinds(ofStreams)},
}}

func slowStart(key, value string) error {
	if value == "0" {
		return nil
	}
	if err := number(30, 900)(key, value); err != nil {
		return invalid("'%s' must be between '30' and '900' inclusive, or '0' to disable slow start", key)
	}
	return nil
}

// cookieName tells what is wrong with the name of an application's cookie: the
// balancer's own names are reserved.
func cookieName(key, value string) error {
	for _, p := range []string{"AWSALB", "AWSALBAPP", "AWSALBTG"} {
		if value == p || strings.HasPrefix(value, p) {
			return invalid("The cookie name '%s' of '%s' cannot begin with 'AWSALB'", value, key)
		}
	}
	if value == "" || strings.ContainsAny(value, " \t()<>@,;:\\\"/[]?={}") {
		return invalid("The value '%s' is not valid for attribute key '%s'", value, key)
	}
	return atMost(4096)(key, value)
}

// initial is the value of a setting that was not set.
func (g *group) initial(key, value string) string {
	switch key {
	case "stickiness.type":
		if g.isHTTP() {
			return "lb_cookie"
		}
		return "source_ip"
	case "preserve_client_ip.enabled":
		if g.Kind == ofAddresses && (g.Protocol == "TCP" || g.Protocol == "TLS") {
			return "false"
		}
		return "true"
	}
	return value
}

// attribute is the value of a setting.
func (g *group) attribute(key string) string {
	if v, ok := g.Attributes[key]; ok {
		return v
	}
	x, _ := groupAttributes.find(key)
	return g.initial(key, x.initial)
}

func (g *group) showAttributes() (list []api.TargetGroupAttribute) {
	for _, p := range groupAttributes.show(g.Attributes, g.settings(), g.initial) {
		list = append(list, api.TargetGroupAttribute{Key: p.key, Value: p.value})
	}
	return list
}

func (s *elb) describeTargetGroupAttributes(c *cloud.Call, r store.Reader, in *api.DescribeTargetGroupAttributesInput) (*api.DescribeTargetGroupAttributesOutput, error) {
	g, err := findGroup(c, r, in.TargetGroupArn)
	if err != nil {
		return nil, err
	}
	return &api.DescribeTargetGroupAttributesOutput{Attributes: g.showAttributes()}, nil
}

func (s *elb) modifyTargetGroupAttributes(c *cloud.Call, tx store.Tx, in *api.ModifyTargetGroupAttributesInput) (*api.ModifyTargetGroupAttributesOutput, error) {
	g, err := findGroup(c, tx, in.TargetGroupArn)
	if err != nil {
		return nil, err
	}
	var pairs []pair
	for _, a := range in.Attributes {
		pairs = append(pairs, pair{a.Key, a.Value})
	}
	changed := *g
	if changed.Attributes, err = groupAttributes.set(g.Attributes, pairs, g.settings(), "target groups with protocol '"+g.Protocol+"' and target type '"+g.Kind+"'"); err != nil {
		return nil, err
	}
	if err := changed.checkTogether(); err != nil {
		return nil, err
	}
	groups.Put(tx, &changed)
	touchUsers(tx, &changed)
	return &api.ModifyTargetGroupAttributesOutput{Attributes: changed.showAttributes()}, nil
}

// checkTogether tells which settings do not go together.
func (g *group) checkTogether() error {
	cookie, sticky := g.attribute("stickiness.type"), g.attribute("stickiness.enabled") == "true"
	algorithm := g.attribute("load_balancing.algorithm.type")
	switch {
	case g.isHTTP() && g.Kind != ofLambda && strings.HasPrefix(cookie, "source_ip"), !g.isHTTP() && strings.HasSuffix(cookie, "_cookie"):
		return api.ErrInvalidConfigurationRequest.New("Stickiness type '%s' is not supported for target groups with the %s protocol", cookie, g.Protocol)
	case sticky && g.Protocol == "TLS":
		return api.ErrInvalidConfigurationRequest.New("Stickiness is not supported for target groups with the TLS protocol")
	case sticky && cookie == "app_cookie" && g.attribute("stickiness.app_cookie.cookie_name") == "":
		return api.ErrInvalidConfigurationRequest.New("The attribute key 'stickiness.app_cookie.cookie_name' must be specified when the stickiness type is 'app_cookie'")
	case g.attribute("slow_start.duration_seconds") != "0" && algorithm != "round_robin":
		return api.ErrInvalidConfigurationRequest.New("Slow start mode cannot be enabled when the load balancing algorithm is '%s'", algorithm)
	case g.attribute("load_balancing.algorithm.anomaly_mitigation") == "on" && algorithm != "weighted_random":
		return api.ErrInvalidConfigurationRequest.New("Anomaly mitigation can only be turned on with the load balancing algorithm 'weighted_random'")
	case (g.Protocol == "UDP" || g.Protocol == "TCP_UDP") && g.attribute("preserve_client_ip.enabled") == "false":
		return api.ErrInvalidConfigurationRequest.New("Client IP preservation cannot be disabled for target groups with the %s protocol", g.Protocol)
	}
	return nil
}
