package elb

import (
	"errors"
	"slices"
	"strings"

	api "pileus/api/elb"
	"pileus/cloud"
	"pileus/lb/attach"
	"pileus/lb/tlspolicy"
	"pileus/store"
)

var protocols = []string{"HTTP", "HTTPS", "TCP", "SSL"}

// addListeners adds listeners. One that is there already is no error.
func (b *balancer) addListeners(c *cloud.Call, r store.Reader, in []api.Listener) error {
	for _, x := range in {
		l, err := newListener(c, r, x)
		if err != nil {
			return err
		}
		if old := b.listener(l.Port); old != nil {
			if !old.same(l) {
				return api.ErrDuplicateListener.New("A listener already exists for %s with LoadBalancerPort %d, but with a different InstancePort, Protocol, or SSLCertificateId", b.Name, l.Port)
			}
			continue
		}
		if l.secure() {
			l.Policies = []string{tlspolicy.Default}
			b.addDefaultPolicy()
		}
		b.Listeners = append(b.Listeners, l)
	}
	if len(b.Listeners) > maxListeners {
		return unfit("The number of listeners per load balancer is limited to %d", maxListeners)
	}
	return nil
}

// same compares what a request says of listeners.
func (l listener) same(o listener) bool {
	return l.Port == o.Port && l.Protocol == o.Protocol && l.InstanceProtocol == o.InstanceProtocol && l.InstancePort == o.InstancePort && l.Certificate == o.Certificate
}

func newListener(c *cloud.Call, r store.Reader, in api.Listener) (l listener, err error) {
	l = listener{Port: in.LoadBalancerPort, Protocol: strings.ToUpper(in.Protocol), InstancePort: in.InstancePort, Certificate: cloud.Or(in.SSLCertificateId, "")}
	l.InstanceProtocol = "TCP"
	if l.web() {
		l.InstanceProtocol = "HTTP"
	}
	l.InstanceProtocol = strings.ToUpper(cloud.Or(in.InstanceProtocol, l.InstanceProtocol))
	for _, p := range []string{l.Protocol, l.InstanceProtocol} {
		if !slices.Contains(protocols, p) {
			return l, api.ErrUnsupportedProtocol.New("Protocol %s is not supported", p)
		}
	}
	behind := listener{Protocol: l.InstanceProtocol}
	switch {
	case l.Port < 1 || l.Port > 65535:
		return l, invalid("LoadBalancerPort must be within 1..65535 inclusively")
	case l.web() != behind.web():
		return l, invalid("Protocol and InstanceProtocol must be at the same layer")
	case l.secure() && l.Certificate == "":
		return l, invalid("Secure Listeners need to specify a SSLCertificateId")
	case !l.secure() && l.Certificate != "":
		return l, invalid("Non-secure Listeners may not specify a SSLCertificateId")
	case l.secure():
		return l, checkCertificate(c, r, l.Certificate)
	}
	return l, nil
}

// checkCertificate tells whether there is a certificate with an ARN.
func checkCertificate(c *cloud.Call, r store.Reader, arn string) error {
	_, err := attach.Certificate(c, r, arn)
	if errors.Is(err, attach.ErrNoCertificate) {
		return api.ErrCertificateNotFound.New("Server Certificate not found for the key: %s", arn)
	}
	return err
}

// addDefaultPolicy has the load balancer list the policy that secure listeners
// begin with.
func (b *balancer) addDefaultPolicy() {
	if _, ok := b.policy(tlspolicy.Default); !ok {
		b.Policies = append(b.Policies, predefined(tlspolicy.Default))
	}
}

func createListeners(c *cloud.Call, tx store.Tx, in *api.CreateLoadBalancerListenersInput) (*api.CreateLoadBalancerListenersOutput, error) {
	b, err := find(c, tx, in.LoadBalancerName)
	if err != nil {
		return nil, err
	}
	if err := b.addListeners(c, tx, in.Listeners); err != nil {
		return nil, err
	}
	b.put(tx)
	return &api.CreateLoadBalancerListenersOutput{}, nil
}

func deleteListeners(c *cloud.Call, tx store.Tx, in *api.DeleteLoadBalancerListenersInput) (*api.DeleteLoadBalancerListenersOutput, error) {
	b, err := find(c, tx, in.LoadBalancerName)
	if err != nil {
		return nil, err
	}
	b.Listeners = slices.DeleteFunc(b.Listeners, func(l listener) bool { return slices.Contains(in.LoadBalancerPorts, l.Port) })
	b.put(tx)
	return &api.DeleteLoadBalancerListenersOutput{}, nil
}

func setCertificate(c *cloud.Call, tx store.Tx, in *api.SetLoadBalancerListenerSSLCertificateInput) (*api.SetLoadBalancerListenerSSLCertificateOutput, error) {
	b, err := find(c, tx, in.LoadBalancerName)
	if err != nil {
		return nil, err
	}
	l := b.listener(in.LoadBalancerPort)
	switch {
	case l == nil:
		return nil, errNoListener(b.Name, in.LoadBalancerPort)
	case !l.secure():
		return nil, unfit("Listener on port %d does not use a secure protocol", l.Port)
	}
	if err := checkCertificate(c, tx, in.SSLCertificateId); err != nil {
		return nil, err
	}
	l.Certificate = in.SSLCertificateId
	b.put(tx)
	return &api.SetLoadBalancerListenerSSLCertificateOutput{}, nil
}
