package drill

import (
	"context"
	"encoding/json"
	"net/http"
	"net/netip"
)

// resolve asks where the load balancer's name leads, as a resolver would.
func (d *drill) resolve(ctx context.Context) error {
	b, err := d.cloud.steer(ctx, http.MethodGet, "/_pileus/names/"+d.tier.address, "")
	if err != nil {
		return err
	}
	var out struct{ Addresses []netip.Addr }
	if err := json.Unmarshal(b, &out); err != nil {
		return err
	}
	d.leads.Store(&out.Addresses)
	return nil
}
