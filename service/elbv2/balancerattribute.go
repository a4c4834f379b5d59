package elbv2

import (
	"strings"

	api "pileus/api/elbv2"
	"pileus/cloud"
	"pileus/lb/attach"
	"pileus/store"
)

// balancerAttributes are the settings of load balancers.
// https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_LoadBalancerAttribute.html
var balancerAttributes = attributes{"Load balancer", []attribute{
	{"deletion_protection.enabled", "false", boolean, nil},
	{"load_balancing.cross_zone.enabled", "", boolean, nil},
	{"access_logs.s3.enabled", "false", boolean, nil},
	{"access_logs.s3.bucket", "", atMost(63), nil},
	{"access_logs.s3.prefix", "", logPrefix, nil},
	{"ipv6.deny_all_igw_traffic", "false", boolean, nil},
	{zonalShift, "false", boolean, nil},
	{"connection_logs.s3.enabled", "false", boolean, kinds(application)},
	{"connection_logs.s3.bucket", "", atMost(63), kinds(application)},
	{"connection_logs.s3.prefix", "", logPrefix, kinds(application)},
	{"client_keep_alive.seconds", "3600", number(60, 604800), kinds(application)},
	{"idle_timeout.timeout_seconds", "60", number(1, 4000), kinds(application)},
	{"routing.http.desync_mitigation_mode", "defensive", oneOf("monitor", "defensive", "strictest"), kinds(application)},
	{"routing.http.drop_invalid_header_fields.enabled", "false", boolean, kinds(application)},
	{"routing.http.preserve_host_header.enabled", "false", boolean, kinds(application)},
	{"routing.http.x_amzn_tls_version_and_cipher_suite.enabled", "false", boolean, kinds(application)},
	{"routing.http.xff_client_port.enabled", "false", boolean, kinds(application)},
	{"routing.http.xff_header_processing.mode", "append", oneOf("append", "preserve", "remove"), kinds(application)},
	{"routing.http2.enabled", "true", boolean, kinds(application)},
	{"waf.fail_open.enabled", "false", boolean, kinds(application)},
	{"dns_record.client_routing_policy", "any_availability_zone", oneOf("any_availability_zone", "availability_zone_affinity", "partial_availability_zone_affinity"), kinds(network)},
	{"secondary_ips.auto_assigned.per_subnet", "0", number(0, 7), kinds(network)},
}}

func logPrefix(key, value string) error {
	if strings.HasPrefix(value, "/") || strings.HasSuffix(value, "/") || strings.Contains(value, "AWSLogs") {
		return invalid("The value '%s' is not valid for attribute key '%s'", value, key)
	}
	return atMost(1024)(key, value)
}

// firstBalancer is the value of a setting that was not set.
func (b *balancer) initial(key, value string) string {
	if key == "load_balancing.cross_zone.enabled" {
		if b.Type == application {
			return "true"
		}
		return "false"
	}
	return value
}

// attribute is the value of a setting.
func (b *balancer) attribute(key string) string {
	if v, ok := b.Attributes[key]; ok {
		return v
	}
	x, _ := balancerAttributes.find(key)
	return b.initial(key, x.initial)
}

func (b *balancer) showAttributes() (list []api.LoadBalancerAttribute) {
	for _, p := range balancerAttributes.show(b.Attributes, b.Type, b.initial) {
		list = append(list, api.LoadBalancerAttribute{Key: p.key, Value: p.value})
	}
	return list
}

func (s *elb) describeLoadBalancerAttributes(c *cloud.Call, r store.Reader, in *api.DescribeLoadBalancerAttributesInput) (*api.DescribeLoadBalancerAttributesOutput, error) {
	b, err := findBalancer(c, r, in.LoadBalancerArn)
	if err != nil {
		return nil, err
	}
	return &api.DescribeLoadBalancerAttributesOutput{Attributes: b.showAttributes()}, nil
}

// modifyLoadBalancerAttributes sets attributes. Logs that are turned on are
// tried out first: with a file in the bucket.
func (s *elb) modifyLoadBalancerAttributes(c *cloud.Call, in *api.ModifyLoadBalancerAttributesInput) (*api.ModifyLoadBalancerAttributesOutput, error) {
	var changed *balancer
	change := func(r store.Reader) error {
		b, err := findBalancer(c, r, in.LoadBalancerArn)
		if err != nil {
			return err
		}
		if changed, err = b.withAttributes(in.Attributes); err != nil {
			return err
		}
		return changed.checkShift(r)
	}
	if err := c.View(change); err != nil {
		return nil, err
	}
	if err := changed.tryLogs(c, in.Attributes); err != nil {
		return nil, err
	}
	err := c.Update(func(tx store.Tx) error {
		if err := change(tx); err != nil {
			return err
		}
		balancers.Put(tx, changed)
		changed.manage(tx)
		touch(tx, changed)
		changed.scheduleLogs(c, tx)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &api.ModifyLoadBalancerAttributesOutput{Attributes: changed.showAttributes()}, nil
}

func (b *balancer) withAttributes(list []api.LoadBalancerAttribute) (*balancer, error) {
	var pairs []pair
	for _, a := range list {
		pairs = append(pairs, pair{a.Key, a.Value})
	}
	set, err := balancerAttributes.set(b.Attributes, pairs, b.Type, "load balancers with type '"+b.Type+"'")
	if err != nil {
		return nil, err
	}
	d := b.clone()
	d.Attributes = set
	for _, logs := range []string{"access_logs", "connection_logs"} {
		if set[logs+".s3.enabled"] == "true" && set[logs+".s3.bucket"] == "" {
			return nil, api.ErrInvalidConfigurationRequest.New("The attribute key '%s.s3.bucket' must be specified when '%s.s3.enabled' is 'true'", logs, logs)
		}
	}
	if b.Type == application && set["load_balancing.cross_zone.enabled"] == "false" {
		return nil, api.ErrInvalidConfigurationRequest.New("Cross-zone load balancing cannot be turned off for Application Load Balancers; turn it off for target groups")
	}
	return d, nil
}

// logs is the bucket of one sort of log; ok is false where it is off.
func (b *balancer) logs(connections bool) (bucket attach.Bucket, ok bool) {
	name := "access_logs"
	if connections {
		name = "connection_logs"
	}
	return attach.Bucket{
		Name: b.attribute(name + ".s3.bucket"), Prefix: b.attribute(name + ".s3.prefix"), Owner: b.ARN,
		Label: strings.ReplaceAll(b.short(), "/", "."), Kind: b.kind(), Connections: connections,
	}, b.attribute(name+".s3.enabled") == "true"
}

// tryLogs writes the test file of logs that a request is about.
func (b *balancer) tryLogs(c *cloud.Call, list []api.LoadBalancerAttribute) error {
	for _, connections := range []bool{false, true} {
		bucket, on := b.logs(connections)
		about := "access_logs."
		if connections {
			about = "connection_logs."
		}
		asked := false
		for _, a := range list {
			asked = asked || strings.HasPrefix(cloud.Or(a.Key, ""), about)
		}
		if !on || !asked {
			continue
		}
		if err := bucket.TestFile(c); err != nil {
			return api.ErrInvalidConfigurationRequest.New("Access Denied for bucket: %s. Please check S3bucket permission", bucket.Name)
		}
	}
	return nil
}
