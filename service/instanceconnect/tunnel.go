package instanceconnect

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"time"

	"pileus/api/ec2"
	api "pileus/api/ec2instanceconnect"
	"pileus/cloud"
	"pileus/identity"
)

// Path is where tunnels are asked for, by a presigned URL that a websocket is
// opened with.
const Path = "/openTunnel"

const (
	openTunnel  = "ec2-instance-connect:OpenTunnel"
	longest     = time.Hour
	mostTunnels = 20 // through one endpoint
)

// tunnel is what somebody asks for, and how it gets there.
type tunnel struct {
	endpoint string
	to       netip.AddrPort
	life     time.Duration

	vpc    string
	from   netip.Addr     // of the endpoint's interface
	client netip.AddrPort // whom the instance sees; invalid: the endpoint
}

// web takes in requests for tunnels.
func (s *service) web(c *cloud.Call, w http.ResponseWriter, r *http.Request) bool {
	if r.URL.Path != Path {
		return false
	}
	t, err := s.ask(c, r)
	if err == nil {
		err = s.enter(t.endpoint)
	}
	if err != nil {
		refuse(c, w, err)
		return true
	}
	defer s.leave(t.endpoint)
	s.carry(c, w, r, t)
	return true
}

// ask finds out what a request wants, and whether it may have it.
func (s *service) ask(c *cloud.Call, r *http.Request) (*tunnel, error) {
	t, err := parse(r.URL.Query())
	if err != nil {
		return nil, err
	}
	if c.Principal.Kind == cloud.Anonymous {
		return nil, cloud.Errorf(http.StatusForbidden, "MissingAuthenticationToken", "Missing Authentication Token")
	}
	tags, err := tagsOf(c, t.endpoint)
	if err != nil {
		return nil, err
	}
	on := cloud.Resource{ARN: c.ARN("ec2", "instance-connect-endpoint/"+t.endpoint), Account: c.Account, Tags: tags}
	check := cloud.Check{Action: openTunnel, Resource: on, Keys: cloud.Keys{
		"ec2-instance-connect:remoteport":        {strconv.Itoa(int(t.to.Port()))},
		"ec2-instance-connect:privateipaddress":  {t.to.Addr().String()},
		"ec2-instance-connect:maxtunnelduration": {strconv.Itoa(int(t.life / time.Second))},
	}}
	if err := c.Cloud.Authorise(c, &api.SendSSHPublicKey.OpInfo, check); err != nil {
		return nil, err
	}
	return t, t.locate(c, r)
}

// parse reads the parameters of a request.
func parse(q url.Values) (*tunnel, error) {
	t := &tunnel{endpoint: q.Get("instanceConnectEndpointId"), life: longest}
	if t.endpoint == "" {
		return nil, invalid("The request must contain the parameter InstanceConnectEndpointId.")
	}
	port := q.Get("remotePort")
	if port != "22" && port != "3389" {
		return nil, invalid("The specified RemotePort is not valid. Specify either 22 or 3389 as the RemotePort and retry your request.")
	}
	addr, err := netip.ParseAddr(q.Get("privateIpAddress"))
	if err != nil || !addr.Is4() {
		return nil, invalid("The specified PrivateIpAddress is not valid. Specify a valid private IPv4 address and retry your request.")
	}
	number, _ := strconv.ParseUint(port, 10, 16) // one of two, as was seen
	t.to = netip.AddrPortFrom(addr, uint16(number))
	if d := q.Get("maxTunnelDuration"); d != "" {
		seconds, err := strconv.Atoi(d)
		if err != nil || seconds < 1 || time.Duration(seconds)*time.Second > longest {
			return nil, invalid("The specified MaxTunnelDuration is not valid. Specify a value between 1 and 3600 seconds and retry your request.")
		}
		t.life = time.Duration(seconds) * time.Second
	}
	return t, nil
}

func invalid(text string) error {
	return cloud.Errorf(http.StatusBadRequest, "InvalidParameter", "%s", text)
}

// locate finds the endpoint and its interface.
func (t *tunnel) locate(c *cloud.Call, r *http.Request) error {
	as := identity.AsAccount(c)
	out, err := ec2.DescribeInstanceConnectEndpoints.Call(as, &ec2.DescribeInstanceConnectEndpointsInput{InstanceConnectEndpointIds: []string{t.endpoint}})
	if err != nil {
		return err
	}
	e := out.InstanceConnectEndpoints[0]
	if cloud.Or(e.State, "") != ec2.Ec2InstanceConnectEndpointStateCreateComplete {
		return invalid("The specified InstanceConnectEndpoint is not available. Wait until it is in the create-complete state and retry your request.")
	}
	nics, err := ec2.DescribeNetworkInterfaces.Call(as, &ec2.DescribeNetworkInterfacesInput{NetworkInterfaceIds: e.NetworkInterfaceIds})
	if err != nil {
		return err
	}
	t.vpc = *e.VpcId
	if t.from, err = netip.ParseAddr(cloud.Or(nics.NetworkInterfaces[0].PrivateIpAddress, "")); err != nil {
		return err
	}
	if cloud.Or(e.PreserveClientIp, false) {
		t.client, _ = netip.ParseAddrPort(r.RemoteAddr) // what is no address is not shown
	}
	return nil
}

// enter counts a tunnel, unless there are too many.
func (s *service) enter(endpoint string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open[endpoint] >= mostTunnels {
		return cloud.Errorf(http.StatusTooManyRequests, "TunnelLimitExceeded", "The maximum number of concurrent tunnels of the endpoint has been reached.")
	}
	s.open[endpoint]++
	return nil
}

func (s *service) leave(endpoint string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open[endpoint]--; s.open[endpoint] == 0 {
		delete(s.open, endpoint)
	}
}

// refuse answers a request that gets no tunnel. Clients show the body.
func refuse(c *cloud.Call, w http.ResponseWriter, err error) {
	var e *cloud.Error
	if !errors.As(err, &e) {
		e = cloud.Errorf(http.StatusInternalServerError, "InternalError", "An internal error has occurred.")
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("x-amzn-RequestId", c.RequestID)
	w.Header().Set("x-amzn-ErrorType", e.Code)
	w.WriteHeader(e.Status)
	// A client that is gone needs no answer.
	_ = json.NewEncoder(w).Encode(struct{ ErrorCode, Message, RequestId string }{e.Code, e.Message, c.RequestID})
}
