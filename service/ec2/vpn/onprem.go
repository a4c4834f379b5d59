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
		err = s.raze(c, id)
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
	if err := s.plane.ApplySite(c, site); err != nil {
		return err
	}
	return c.Update(func(tx store.Tx) error {
		sites.Put(tx, &raised{c.Account, c.Region, id, networks})
		return nil
	})
}

// raze takes the network on premises of a connection away.
func (s *room) raze(c *cloud.Call, id string) error {
	if err := s.plane.RemoveSite(c, id); err != nil {
		return err
	}
	return c.Update(func(tx store.Tx) error {
		sites.Delete(tx, c.Account, c.Region, id)
		return nil
	})
}

// raised is a network on premises that was asked for: this process holds its
// ends of the tunnels, so that the next one has to take them up.
type raised struct {
	Account, Region, Connection string
	Networks                    []string
}

var sites = &store.Table[raised]{
	Name: "ec2.vpn.site",
	Key:  func(x *raised) store.Key { return store.K(x.Account, x.Region, x.Connection) },
}

// takeUp makes the networks on premises again that were there before; done
// tells that none is left to be made.
func (s *room) takeUp(c *cloud.Call) (done bool) {
	var list []*raised
	err := c.View(func(r store.Reader) error {
		list = nil
		for x := range sites.Scan(r) {
			list = append(list, x)
		}
		return nil
	})
	done = err == nil
	for _, x := range list {
		err := s.raise(c.In(x.Account, x.Region), x.Connection, x.Networks)
		if errors.As(err, new(*cloud.Error)) { // its connection has gone
			err = s.raze(c.In(x.Account, x.Region), x.Connection)
		}
		done = done && (err == nil || errors.Is(err, plane.ErrUnsupported))
	}
	return done
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
	for n := range s.Tunnels {
		if s.Tunnels[n].BGP != nil {
			s.Tunnels[n].BGP.Networks = s.Networks
		}
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
