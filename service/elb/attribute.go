package elb

import (
	"cmp"
	"slices"

	api "pileus/api/elb"
	"pileus/cloud"
	"pileus/lb"
	"pileus/lb/attach"
	"pileus/store"
)

// desyncKey is the one additional attribute that there is.
const desyncKey = "elb.http.desyncmitigationmode"

var desyncModes = []string{"monitor", "defensive", "strictest"}

func describeAttributes(c *cloud.Call, r store.Reader, in *api.DescribeLoadBalancerAttributesInput) (*api.DescribeLoadBalancerAttributesOutput, error) {
	b, err := find(c, r, in.LoadBalancerName)
	if err != nil {
		return nil, err
	}
	return &api.DescribeLoadBalancerAttributesOutput{LoadBalancerAttributes: b.attributes.api()}, nil
}

func (a attributes) api() *api.LoadBalancerAttributes {
	out := &api.LoadBalancerAttributes{
		CrossZoneLoadBalancing: &api.CrossZoneLoadBalancing{Enabled: a.CrossZone},
		AccessLog:              &api.AccessLog{Enabled: a.Log != nil},
		ConnectionDraining:     &api.ConnectionDraining{Enabled: a.Drain, Timeout: &a.DrainTimeout},
		ConnectionSettings:     &api.ConnectionSettings{IdleTimeout: a.IdleTimeout},
		AdditionalAttributes:   []api.AdditionalAttribute{{Key: new(desyncKey), Value: &a.Desync}},
	}
	if l := cmp.Or(a.Log, a.LogOff); l != nil {
		out.AccessLog.S3BucketName, out.AccessLog.S3BucketPrefix, out.AccessLog.EmitInterval = &l.Bucket, &l.Prefix, &l.Interval
	}
	return out
}

// modifyAttributes changes those attributes that are given. Before a bucket is
// taken for logs, a file is written to it, as AWS does.
func modifyAttributes(c *cloud.Call, in *api.ModifyLoadBalancerAttributesInput) (*api.ModifyLoadBalancerAttributesOutput, error) {
	var b *balancer
	err := c.View(func(r store.Reader) (err error) {
		b, err = find(c, r, in.LoadBalancerName)
		return err
	})
	if err != nil {
		return nil, err
	}
	before := b.Log
	if err := b.attributes.change(in.LoadBalancerAttributes); err != nil {
		return nil, err
	}
	if b.Log != nil && (before == nil || *before != *b.Log) {
		if err := b.bucket().TestFile(c); err != nil {
			return nil, unfit("Access Denied for bucket: %s. Please check S3bucket permission", b.Log.Bucket)
		}
	}
	err = c.Update(func(tx store.Tx) error {
		b, err := find(c, tx, in.LoadBalancerName)
		if err != nil {
			return err
		}
		if err := b.attributes.change(in.LoadBalancerAttributes); err != nil {
			return err
		}
		if b.Log != nil {
			tx.After(attach.NextFile(c.Now, minutes(b.Log.Interval)), logController, b.key())
		}
		b.put(tx)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &api.ModifyLoadBalancerAttributesOutput{LoadBalancerName: &in.LoadBalancerName, LoadBalancerAttributes: given(b.attributes.api(), in.LoadBalancerAttributes)}, nil
}

// given is what an answer shows: those attributes that the request had.
func given(all *api.LoadBalancerAttributes, in api.LoadBalancerAttributes) *api.LoadBalancerAttributes {
	out := &api.LoadBalancerAttributes{}
	if in.CrossZoneLoadBalancing != nil {
		out.CrossZoneLoadBalancing = all.CrossZoneLoadBalancing
	}
	if in.AccessLog != nil {
		out.AccessLog = all.AccessLog
	}
	if in.ConnectionDraining != nil {
		out.ConnectionDraining = all.ConnectionDraining
	}
	if in.ConnectionSettings != nil {
		out.ConnectionSettings = all.ConnectionSettings
	}
	if in.AdditionalAttributes != nil {
		out.AdditionalAttributes = all.AdditionalAttributes
	}
	return out
}

// change sets those attributes that are given.
func (a *attributes) change(in api.LoadBalancerAttributes) error {
	if x := in.CrossZoneLoadBalancing; x != nil {
		a.CrossZone = x.Enabled
	}
	if x := in.AccessLog; x != nil {
		if err := a.setLog(x); err != nil {
			return err
		}
	}
	if x := in.ConnectionDraining; x != nil {
		a.Drain, a.DrainTimeout = x.Enabled, cloud.Or(x.Timeout, a.DrainTimeout)
		if a.DrainTimeout < 1 || a.DrainTimeout > 3600 {
			return unfit("ConnectionDraining timeout must be within 1..3600 inclusively")
		}
	}
	if x := in.ConnectionSettings; x != nil {
		a.IdleTimeout = x.IdleTimeout
	}
	for _, x := range in.AdditionalAttributes {
		key, value := cloud.Or(x.Key, ""), cloud.Or(x.Value, "")
		switch {
		case key != desyncKey:
			return api.ErrLoadBalancerAttributeNotFound.New("Load balancer attribute '%s' does not exist", key)
		case !slices.Contains(desyncModes, value):
			return unfit("Load balancer attribute '%s' must be one of monitor, defensive, strictest", key)
		}
		a.Desync = value
	}
	return nil
}

func (a *attributes) setLog(x *api.AccessLog) error {
	if !x.Enabled { // what was set is shown still
		last := cmp.Or(a.Log, a.LogOff, &accessLog{Interval: 60})
		a.Log, a.LogOff = nil, &accessLog{cloud.Or(x.S3BucketName, last.Bucket), cloud.Or(x.S3BucketPrefix, last.Prefix), cloud.Or(x.EmitInterval, last.Interval)}
		if a.LogOff.Bucket == "" {
			a.LogOff = nil
		}
		return nil
	}
	l := &accessLog{Bucket: cloud.Or(x.S3BucketName, ""), Prefix: cloud.Or(x.S3BucketPrefix, ""), Interval: cloud.Or(x.EmitInterval, 60)}
	switch {
	case l.Bucket == "":
		return unfit("S3BucketName cannot be empty when access logs are enabled")
	case l.Interval != 5 && l.Interval != 60:
		return unfit("EmitInterval must be 5 or 60 minutes")
	}
	a.Log, a.LogOff = l, nil
	return nil
}

// bucket is where the access log goes.
func (b *balancer) bucket() attach.Bucket {
	return attach.Bucket{Name: b.Log.Bucket, Prefix: b.Log.Prefix, Owner: b.arn(), Label: b.Name, Kind: lb.Classic}
}
