package elbv2

import (
	"slices"
	"strconv"
	"strings"

	api "pileus/api/elbv2"
	"pileus/cloud"
)

// trafficPort says that targets are checked at the port of their traffic.
const trafficPort = "traffic-port"

// checkChange is what a request says about health checks; nil for nothing.
type checkChange struct {
	enabled              *bool
	protocol, port, path *string
	interval, timeout    *int32
	healthy, failing     *int32
	matcher              *api.Matcher
}

// firstCheck is how a new group's targets are checked.
// https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateTargetGroup.html
func firstCheck(g *group, in *api.CreateTargetGroupInput) (check, error) {
	k := check{Enabled: true, Port: trafficPort, Interval: 30, Timeout: 5, Healthy: 5, Failing: 2, Protocol: "HTTP"}
	switch {
	case g.Kind == ofLambda:
		k.Enabled, k.Interval, k.Timeout, k.Port, k.Protocol = false, 35, 30, "", ""
	case !g.isHTTP() && g.Kind != ofBalancers:
		k.Protocol = "TCP"
	}
	if in.HealthCheckProtocol != nil && g.Kind != ofLambda {
		k.Protocol = *in.HealthCheckProtocol
	}
	if !g.isHTTP() {
		k.Timeout = 10
		if k.Protocol == "HTTP" {
			k.Timeout = 6
		}
	}
	k.fill(g)
	return k, k.set(g, checkChange{
		in.HealthCheckEnabled, in.HealthCheckProtocol, in.HealthCheckPort, in.HealthCheckPath, in.HealthCheckIntervalSeconds,
		in.HealthCheckTimeoutSeconds, in.HealthyThresholdCount, in.UnhealthyThresholdCount, in.Matcher,
	})
}

// fill sets what goes with the protocol of the checks and is not there.
func (k *check) fill(g *group) {
	web := k.Protocol == "HTTP" || k.Protocol == "HTTPS" || g.Kind == ofLambda
	switch {
	case !web:
		k.Path, k.HTTP, k.GRPC = "", "", ""
	case g.Version == "GRPC":
		if k.Path == "" {
			k.Path = "/AWS.ALB/healthcheck"
		}
		if k.GRPC == "" {
			k.GRPC = "12"
		}
	default:
		if k.Path == "" {
			k.Path = "/"
		}
		if k.HTTP == "" && g.isHTTP() {
			k.HTTP = "200"
		} else if k.HTTP == "" {
			k.HTTP = "200-399"
		}
	}
}

// set changes how targets are checked, if that makes sense for the group.
func (k *check) set(g *group, in checkChange) error {
	k.Enabled = cloud.Or(in.enabled, k.Enabled)
	if !k.Enabled && g.Kind != ofLambda {
		return api.ErrInvalidConfigurationRequest.New("Health check enabled must be true for target groups with target type '%s'", g.Kind)
	}
	if in.protocol != nil {
		if err := k.setProtocol(g, *in.protocol); err != nil {
			return err
		}
	}
	if in.port != nil {
		if n, err := strconv.Atoi(*in.port); *in.port != trafficPort && (err != nil || n < 1 || n > 65535) {
			return invalid("Health check port '%s' must be an integer between 1 and 65535 or '%s'", *in.port, trafficPort)
		}
		k.Port = *in.port
	}
	k.fill(g)
	if in.path != nil {
		switch {
		case k.Path == "":
			return api.ErrInvalidConfigurationRequest.New("Health check path cannot be specified for health checks with the %s protocol", k.Protocol)
		case !strings.HasPrefix(*in.path, "/"):
			return invalid("Health check path '%s' must begin with a '/' character", *in.path)
		}
		k.Path = *in.path
	}
	k.Interval, k.Timeout = cloud.Or(in.interval, k.Interval), cloud.Or(in.timeout, k.Timeout)
	k.Healthy, k.Failing = cloud.Or(in.healthy, k.Healthy), cloud.Or(in.failing, k.Failing)
	if k.Timeout >= k.Interval && g.isHTTP() || k.Timeout > k.Interval {
		return invalid("Health check timeout '%d' must be smaller than the interval '%d'", k.Timeout, k.Interval)
	}
	if in.matcher != nil {
		return k.setMatcher(g, in.matcher)
	}
	return nil
}

func (k *check) setProtocol(g *group, protocol string) error {
	allowed := []string{"HTTP", "HTTPS"}
	if !g.isHTTP() && g.Kind != ofBalancers {
		allowed = append(allowed, "TCP")
	}
	if g.Kind == ofLambda {
		return invalid("Health check protocol cannot be specified for target groups with target type 'lambda'")
	}
	if !slices.Contains(allowed, protocol) {
		return api.ErrInvalidConfigurationRequest.New("Health check protocol '%s' is not supported for target groups with the %s protocol", protocol, g.Protocol)
	}
	k.Protocol = protocol
	return nil
}

func (k *check) setMatcher(g *group, m *api.Matcher) error {
	switch {
	case k.Path == "":
		return api.ErrInvalidConfigurationRequest.New("Health check matcher cannot be specified for health checks with the %s protocol", k.Protocol)
	case m.HttpCode != nil && m.GrpcCode != nil, m.GrpcCode != nil && g.Version != "GRPC", m.HttpCode != nil && g.Version == "GRPC":
		return invalid("Health check matcher must have the codes of protocol version '%s'", g.Version)
	case m.GrpcCode != nil:
		if !codes(*m.GrpcCode, 0, 99) {
			return invalid("Health check matcher GRPC code '%s' must be within '0-99' inclusive", *m.GrpcCode)
		}
		k.GRPC = *m.GrpcCode
	case m.HttpCode != nil:
		top := 499
		if !g.isHTTP() {
			top = 599
		}
		if !codes(*m.HttpCode, 200, top) {
			return invalid("Health check matcher HTTP code '%s' must be within '200-%d' inclusive", *m.HttpCode, top)
		}
		k.HTTP = *m.HttpCode
	}
	return nil
}

// codes tells whether s is a list of codes and ranges of them: "200,202", "200-299".
func codes(s string, least, most int) bool {
	for part := range strings.SplitSeq(s, ",") {
		from, to, ranged := strings.Cut(part, "-")
		if !ranged {
			to = from
		}
		a, err := strconv.Atoi(from)
		b, err2 := strconv.Atoi(to)
		if err != nil || err2 != nil || a < least || b > most || a > b {
			return false
		}
	}
	return true
}
