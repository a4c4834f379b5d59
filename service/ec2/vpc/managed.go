package vpc

import (
	"strings"

	"pileus/cloud"
	"pileus/store"
)

// Interfaces that a service of AWS manages are made by it through the API, as
// its service-linked role. Their owner sees them and cannot take them away.
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/requester-managed-eni.html
const (
	// balancerRequester manages the interfaces of load balancers.
	balancerRequester = "amazon-elb"
	// balancerInterface is the type of those of network load balancers.
	balancerInterface = "network_load_balancer"
	// ConnectRequester manages those of Instance Connect Endpoints.
	ConnectRequester = "amazon-ec2-instance-connect"
	// managedAttachment begins the ids by which managed interfaces are attached.
	managedAttachment = "ela-attach-"
)

// requesters are the services that make interfaces of their own.
var requesters = map[string]string{
	"elasticloadbalancing.amazonaws.com": balancerRequester, "ec2-instance-connect.amazonaws.com": ConnectRequester,
}

// requesterOf is who makes an interface; "" for the account itself.
func requesterOf(c *cloud.Call) string {
	if c.Principal == nil {
		return ""
	}
	return requesters[c.Principal.LinkedService]
}

// ofBalancer gives the interface of a network load balancer its type, which no
// request can name; its description tells.
func (n *NewInterface) ofBalancer() {
	if n.Requester == balancerRequester && strings.HasPrefix(n.Description, "ELB net/") {
		n.Type = balancerInterface
	}
}

// managedBy tells whether who calls may change the interface: its owner, or the
// service that made it.
func (i *Interface) managedBy(c *cloud.Call) bool {
	return i.Requester == "" || i.Requester == requesterOf(c)
}

// lendManaged lends a managed interface the public address that it is set to
// have, or takes it back. Those of instances follow when the instance starts.
func (i *Interface) lendManaged(c *cloud.Call, tx store.Tx) error {
	if i.Requester == "" || len(i.Addresses) == 0 {
		return nil
	}
	if !i.PublicIP {
		i.returnLent(c, tx)
		return nil
	}
	if i.Addresses[0].Public.IsValid() {
		return nil
	}
	a, err := takePublic(c, tx, i.ID)
	if err != nil {
		return err
	}
	i.Addresses[0].Public, i.Addresses[0].Owner, i.Addresses[0].Lent = a, "amazon", c.Now
	return nil
}
