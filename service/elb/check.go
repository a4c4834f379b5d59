package elb

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	api "pileus/api/elb"
	"pileus/cloud"
	"pileus/lb"
	"pileus/store"
)

// maxPath is how long the path of a health check can be.
const maxPath = 1024

// target is a health check's target without a path.
func target(protocol string, port int32) string { return fmt.Sprintf("%s:%d", protocol, port) }

func seconds(n int32) time.Duration { return time.Duration(n) * time.Second }

// parseTarget reads TCP:80, SSL:443, HTTP:80/path and HTTPS:443/path.
func parseTarget(text string) (protocol string, port uint16, path string, err error) {
	protocol, rest, ok := strings.Cut(text, ":")
	protocol = strings.ToUpper(protocol)
	web := protocol == "HTTP" || protocol == "HTTPS"
	if !ok || !slices.Contains(protocols, protocol) {
		return "", 0, "", invalid("HealthCheck Target must begin with one of HTTP, HTTPS, TCP, SSL")
	}
	number := rest
	if i := strings.IndexByte(rest, '/'); i >= 0 && web {
		number, path = rest[:i], rest[i:]
	}
	n, err := strconv.ParseUint(number, 10, 16)
	switch {
	case web && (err != nil || path == ""):
		return "", 0, "", invalid("HealthCheck %s Target must specify a port followed by a path that begins with a slash. e.g. %s:80/ping/this/path", protocol, protocol)
	case err != nil || n == 0:
		return "", 0, "", invalid("HealthCheck %s Target must specify a port within 1..65535 inclusively. e.g. %s:80", protocol, protocol)
	case len(path) > maxPath:
		return "", 0, "", invalid("HealthCheck %s Target path must be at most %d characters", protocol, maxPath)
	}
	return protocol, uint16(n), path, nil
}

func configureHealthCheck(c *cloud.Call, tx store.Tx, in *api.ConfigureHealthCheckInput) (*api.ConfigureHealthCheckOutput, error) {
	b, err := find(c, tx, in.LoadBalancerName)
	if err != nil {
		return nil, err
	}
	h := in.HealthCheck
	protocol, _, _, err := parseTarget(h.Target)
	if err != nil {
		return nil, err
	}
	if h.Timeout >= h.Interval {
		return nil, invalid("HealthCheck timeout must be less than interval")
	}
	_, rest, _ := strings.Cut(h.Target, ":")
	b.Check = healthCheck{Target: protocol + ":" + rest, Interval: h.Interval, Timeout: h.Timeout, Unhealthy: h.UnhealthyThreshold, Healthy: h.HealthyThreshold}
	b.put(tx)
	return &api.ConfigureHealthCheckOutput{HealthCheck: b.Check.api()}, nil
}

func (h healthCheck) api() *api.HealthCheck {
	return &api.HealthCheck{Target: h.Target, Interval: h.Interval, Timeout: h.Timeout, UnhealthyThreshold: h.Unhealthy, HealthyThreshold: h.Healthy}
}

// desired is the check as the engine takes it.
func (h healthCheck) desired() (lb.Check, error) {
	protocol, port, path, err := parseTarget(h.Target)
	if err != nil {
		return lb.Check{}, err
	}
	if protocol == "SSL" {
		protocol = "TLS"
	}
	d := lb.Check{Protocol: protocol, Port: port, Path: path, Interval: seconds(h.Interval), Timeout: seconds(h.Timeout), Healthy: int(h.Healthy), Unhealthy: int(h.Unhealthy)}
	if path != "" {
		d.Matcher = "200"
	}
	return d, nil
}
