package vpc

import (
	"slices"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/plane"
	"pileus/service/ec2/resource"
	"pileus/store"
)

// enableVgwRoutePropagation has a virtual private gateway write the routes that
// it learns into a table.
func enableVgwRoutePropagation(c *cloud.Call, tx store.Tx, in *api.EnableVgwRoutePropagationInput) (*cloud.Empty, error) {
	t, err := find(c, tx, routeTables, in.RouteTableId, noRouteTable)
	if err != nil {
		return nil, err
	}
	if err := targetKinds[plane.ToVPN].check(c, tx, t, in.GatewayId); err != nil {
		return nil, err
	}
	if !slices.Contains(t.Gateways, in.GatewayId) {
		changed := *t
		changed.Gateways = append(slices.Clone(t.Gateways), in.GatewayId)
		routeTables.Put(tx, &changed)
		g, err := FindVPNGateway(c, tx, in.GatewayId)
		if err != nil {
			return nil, err
		}
		g.propagate(c, tx)
		touch(c, tx, t.VPC)
	}
	return &cloud.Empty{}, nil
}

func disableVgwRoutePropagation(c *cloud.Call, tx store.Tx, in *api.DisableVgwRoutePropagationInput) (*cloud.Empty, error) {
	t, err := find(c, tx, routeTables, in.RouteTableId, noRouteTable)
	if err != nil {
		return nil, err
	}
	n := slices.Index(t.Gateways, in.GatewayId)
	if n < 0 {
		return nil, resource.Errorf("InvalidGatewayID.NotFound", "The gateway ID '%s' does not exist", in.GatewayId)
	}
	changed := *t
	changed.Gateways = slices.Delete(slices.Clone(t.Gateways), n, n+1)
	changed.Routes = slices.DeleteFunc(slices.Clone(t.Routes), func(route Route) bool { return route.Propagated && route.Target == in.GatewayId })
	routeTables.Put(tx, &changed)
	touch(c, tx, t.VPC)
	return &cloud.Empty{}, nil
}
