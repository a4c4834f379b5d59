package vpc

import (
	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/service/ec2/resource"
	"pileus/store"
)

// named is a resource that a request names; "" for one that it does not.
type named struct{ kind, id string }

// acts declares an operation on the resources that a request names.
func acts[In, Out any](op *cloud.Op[In, Out], on func(In) []named) cloud.Access {
	return actsOn(op, func(_ *cloud.Call, _ store.Reader, in In) []named { return on(in) })
}

// actsOn is acts where the resources have to be looked up.
func actsOn[In, Out any](op *cloud.Op[In, Out], on func(*cloud.Call, store.Reader, In) []named) cloud.Access {
	return op.Decides([]string{"ec2:" + op.Name}, func(c *cloud.Call, r store.Reader, in In) ([]cloud.Check, error) {
		checks := checksOn(c, r, op.Name, on(c, r, in))
		if len(checks) == 0 { // of nothing that exists
			checks = append(checks, cloud.Check{Action: "ec2:" + op.Name, Resource: cloud.Resource{ARN: "*"}})
		}
		return checks, nil
	})
}

// creates declares an operation that makes a resource of a kind with the tags
// of the request, beside others that it names.
func creates[In, Out any](op *cloud.Op[In, Out], kind string, specs func(In) []api.TagSpecification, on func(In) []named) cloud.Access {
	return op.Decides([]string{"ec2:" + op.Name}, func(c *cloud.Call, r store.Reader, in In) ([]cloud.Check, error) {
		checks := resource.CreateChecks(c, op.Name, kind, specs(in))
		if on != nil {
			checks = append(checks, checksOn(c, r, op.Name, on(in))...)
		}
		return checks, nil
	})
}

func checksOn(c *cloud.Call, r store.Reader, operation string, list []named) (checks []cloud.Check) {
	for _, n := range list {
		if n.id != "" {
			checks = append(checks, cloud.Check{Action: "ec2:" + operation, Resource: resource.On(c, r, n.kind, n.id), Keys: places(c, r, n)})
		}
	}
	return checks
}

// places are the condition keys that say where a resource is: ec2:Vpc, and
// ec2:Subnet and ec2:AvailabilityZone where it has them.
func places(c *cloud.Call, r store.Reader, n named) cloud.Keys {
	var vpc, subnet, zone string
	switch n.kind {
	case "subnet":
		if s, ok := subnets.Get(r, c.Account, c.Region, n.id); ok {
			vpc, zone = s.VPC, s.Zone
		}
	case "network-interface":
		if i, ok := interfaces.Get(r, c.Account, c.Region, n.id); ok {
			vpc, subnet, zone = i.VPC, i.Subnet, i.Zone
		}
	case "security-group":
		if g, ok := groups.Get(r, c.Account, c.Region, n.id); ok {
			vpc = g.VPC
		}
	case "route-table":
		if t, ok := routeTables.Get(r, c.Account, c.Region, n.id); ok {
			vpc = t.VPC
		}
	case "network-acl":
		if a, ok := acls.Get(r, c.Account, c.Region, n.id); ok {
			vpc = a.VPC
		}
	}
	keys := cloud.Keys{}
	for name, value := range map[string]string{"ec2:vpc": arnOf(c, "vpc", vpc), "ec2:subnet": arnOf(c, "subnet", subnet), "ec2:availabilityzone": zone} {
		if value != "" {
			keys[name] = []string{value}
		}
	}
	return keys
}

// arnOf is the ARN of an id; "" for none.
func arnOf(c *cloud.Call, kind, id string) string {
	if id == "" {
		return ""
	}
	return c.ARN("ec2", kind+"/"+id)
}

// one names a resource of a kind.
func one[In any](kind string, id func(In) string) func(In) []named {
	return func(in In) []named { return []named{{kind, id(in)}} }
}

// several names resources of a kind.
func several(kind string, ids []string) (list []named) {
	for _, id := range ids {
		list = append(list, named{kind, id})
	}
	return list
}

// val is what a request sent, or "".
func val(p *string) string { return cloud.Or(p, "") }
