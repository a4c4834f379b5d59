package node

import (
	"context"
	"net/http"
	"net/netip"

	dns "pileus/names"
	"pileus/store"
)

// Name is a DNS name of a resource and where it leads, as JSON shows it.
type Name struct {
	Name      string       `json:"name"`
	Addresses []netip.Addr `json:"addresses"`
	TTL       uint32       `json:"ttl"`
}

// nameRoutes answers GET /_pileus/names/{name}: where the name of a load
// balancer or another resource leads now, for those who have no resolver of the
// cloud's to ask.
func (n *Node) nameRoutes(m *http.ServeMux) {
	m.HandleFunc("GET /_pileus/names/{name}", func(w http.ResponseWriter, r *http.Request) {
		n.with(r.Context(), func(ctx context.Context, c *core) {
			var out Name
			err := c.db.View(ctx, func(tx store.Reader) error {
				found, ok := dns.Find(tx, r.PathValue("name"))
				if !ok {
					return &wrong{http.StatusNotFound, "no resource has the name " + r.PathValue("name")}
				}
				out = Name{found.Name, found.Addresses, found.TTL}
				return nil
			})
			reply(w, out, err)
		})
	})
}
