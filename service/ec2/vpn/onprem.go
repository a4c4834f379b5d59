package vpn

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/netip"

	"pileus/cloud"
	"pileus/plane"
	"pileus/service/ec2/resource"
	"pileus/service/ec2/vpc"
	"pileus/store"
)

// SitePath is where `pileus onprem` asks for networks on premises: PUT makes the
// one behind the VPN connection of the query, DELETE takes it away, GET lists.
const SitePath = "/_pileus/network/onprem"

// Sites is the answer.
type Sites struct {
	Sites []string `json:"sites"`
	Error string   `json:"error,omitempty"`
}

// web answers the administrator.
func (s *room) web(c *cloud.Call, w http.ResponseWriter, r *http.Request) bool {
	if r.URL.Path != SitePath {
		return false
	}
	q := r.URL.Query()
	c = c.In(q.Get("account"), q.Get("region"))
	id := q.Get("vpn")
	var err error
	switch r.Method {
	case http.MethodGet:
	case http.MethodPut:
		err = s.raise(c, id, q["network"])
	case http.MethodDelete:
		err = s.plane.RemoveSite(c, id)
	default:
		err = resource.Invalid(r.Method, "method")
	}
	var out Sites
	if err == nil {
		out.Sites, err = s.plane.Sites(c)
	}
	w.Header().Set("Content-Type", "application/json")
	if err != nil {
		out.Error = err.Error()
		status := http.StatusInternalServerError
		if errors.As(err, new(*cloud.Error)) || errors.Is(err, plane.ErrUnsupported) {
			status = http.StatusBadRequest
		}
		w.WriteHeader(status)
	}
	if err := json.NewEncoder(w).Encode(out); err != nil {
		return true // the client has gone
	}
	return true
}

// raise makes the network on premises of a connection, with the ranges that are
// given or else those of the connection's static routes.
func (s *room) raise(c *cloud.Call, id string, networks []string) error {
	var site plane.Site
	err := c.View(func(r store.Reader) (err error) {
		site, err = siteOf(c, r, id, networks)
		return err
	})
	if err != nil {
		return err
	}
	return s.plane.ApplySite(c, site)
}

func siteOf(c *cloud.Call, r store.Reader, id string, networks []string) (s plane.Site, err error) {
	v, err := find(c, r, id)
	if err != nil {
		return s, err
	}
	g, err := vpc.FindVPNGateway(c, r, v.Gateway)
	if err != nil {
		return s, err
	}
	customer, ok := customers.Get(r, c.Account, c.Region, v.Customer)
	switch {
	case !ok:
		return s, noCustomer(v.Customer)
	case g.VPC == "":
		return s, resource.Errorf("IncorrectState", "The VPN gateway %s of %s is attached to no VPC.", g.ID, id)
	case !plane.Internet.Contains(customer.Address):
		return s, resource.Errorf("InvalidParameterValue", "The customer gateway's address %s is not in this cloud's internet: choose one of %s.", customer.Address, plane.Internet)
	}
	s = plane.Site{ID: id, Address: customer.Address, Networks: v.Routes, Tunnels: v.tunnels(r, (*Tunnel).mirrored)}
	if len(networks) > 0 {
		s.Networks = nil
	}
	for _, text := range networks {
		p, err := netip.ParsePrefix(text)
		if err != nil {
			return s, resource.Invalid(text, "network")
		}
		s.Networks = append(s.Networks, p.Masked())
	}
	if len(s.Networks) == 0 {
		return s, resource.Errorf("MissingParameter", "The VPN connection %s has no static route: name the networks.", id)
	}
	attached, err := vpc.FindVPC(c, r, g.VPC)
	if err != nil {
		return s, err
	}
	for n := range s.Tunnels {
		for _, b := range attached.CIDRs {
			s.Tunnels[n].Destinations = append(s.Tunnels[n].Destinations, b.Prefix)
		}
	}
	return s, nil
}
