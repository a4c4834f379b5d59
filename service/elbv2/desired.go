package elbv2

import (
	"strconv"
	"time"

	"pileus/cloud"
	"pileus/lb"
	"pileus/store"
)

// desired is a load balancer as the data path takes it: the whole of it.
func (s *elb) desired(c *cloud.Call, r store.Reader, b *balancer) (*lb.Balancer, error) {
	d := &lb.Balancer{
		ID: b.ARN, Name: b.short(), Kind: b.kind(), VPC: b.VPC, Groups: map[string]*lb.Group{}, Away: b.away(r),
		CrossZone:   b.attribute("load_balancing.cross_zone.enabled") == "true",
		IdleTimeout: seconds(b.attribute("idle_timeout.timeout_seconds")), KeepAlive: seconds(b.attribute("client_keep_alive.seconds")),
		HTTP: lb.HTTPAttributes{
			HTTP2:        b.attribute("routing.http2.enabled") == "true",
			DropInvalid:  b.attribute("routing.http.drop_invalid_header_fields.enabled") == "true",
			Desync:       b.attribute("routing.http.desync_mitigation_mode"),
			PreserveHost: b.attribute("routing.http.preserve_host_header.enabled") == "true",
			ForwardedFor: b.attribute("routing.http.xff_header_processing.mode"),
			ClientPort:   b.attribute("routing.http.xff_client_port.enabled") == "true",
			TLSHeaders:   b.attribute("routing.http.x_amzn_tls_version_and_cipher_suite.enabled") == "true",
			FailOpen:     b.attribute("waf.fail_open.enabled") == "true",
		},
	}
	_, d.AccessLog = b.logs(false)
	_, d.ConnectionLog = b.logs(true)
	for _, n := range b.Nodes {
		d.Nodes = append(d.Nodes, n.Desired(r))
	}
	if err := addDoors(c, b, doors(r, b), d); err != nil {
		return nil, err
	}
	for l := range listenersOf(r, b) {
		x, err := s.desiredListener(c, r, b, l, d.HTTP)
		if err != nil {
			return nil, err
		}
		d.Listeners = append(d.Listeners, x)
	}
	var err error
	if d.Signer, err = b.signer(r); err != nil {
		return nil, err
	}
	world, err := lookAround(c, r, b)
	if err != nil {
		return nil, err
	}
	for arn := range uses(r, b) {
		if g, ok := groups.Get(r, b.Account, b.Region, arn); ok {
			d.Groups[arn] = world.group(r, b, g)
		}
	}
	return d, nil
}

// seconds is a setting that is a time; it was checked when it was set.
func seconds(s string) time.Duration {
	n, _ := strconv.Atoi(s)
	return time.Duration(n) * time.Second
}

// amount is a setting that is a number or "off", which is 0.
func amount(s string) int {
	n, _ := strconv.Atoi(s)
	return n
}
