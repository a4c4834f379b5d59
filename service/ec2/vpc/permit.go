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
			checks = append(checks, cloud.Check{Action: "ec2:" + operation, Resource: resource.On(c, r, n.kind, n.id)})
		}
	}
	return checks
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
