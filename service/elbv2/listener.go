package elbv2

import (
	"slices"

	api "pileus/api/elbv2"
	"pileus/cloud"
	"pileus/lb/tlspolicy"
	"pileus/store"
)

func (s *elb) createListener(c *cloud.Call, tx store.Tx, in *api.CreateListenerInput) (*api.CreateListenerOutput, error) {
	b, err := findBalancer(c, tx, in.LoadBalancerArn)
	if err != nil {
		return nil, err
	}
	tags, err := newTags(in.Tags)
	if err != nil {
		return nil, err
	}
	l := &listener{
		Account: c.Account, Region: c.Region, Balancer: b.ARN, ID: c.Rand().String(16, hex), Tags: tags, Made: c.Now,
		Port: cloud.Or(in.Port, 0), Protocol: cloud.Or(in.Protocol, ""), Policy: cloud.Or(in.SslPolicy, ""), ALPN: in.AlpnPolicy,
	}
	if l.Port == 0 {
		return nil, invalid("A port must be specified")
	}
	if l.Protocol == "" {
		return nil, invalid("A protocol must be specified")
	}
	l.ARN = c.ARN(service, "listener/"+b.short()+"/"+l.ID)
	if err := l.setCertificates(in.Certificates); err != nil {
		return nil, err
	}
	if l.Mutual, err = mutual(c, tx, in.MutualAuthentication); err != nil {
		return nil, err
	}
	if err := l.check(c, tx, b); err != nil {
		return nil, err
	}
	if l.Actions, err = (frame{c, tx, b, l.Protocol}).actions(in.DefaultActions, nil); err != nil {
		return nil, err
	}
	if err := needSigner(c, tx, l.Actions); err != nil {
		return nil, err
	}
	if count(listenersOf(tx, b)) >= maxListeners {
		return nil, api.ErrTooManyListeners.New("The maximum number of listeners has been reached on load balancer '%s'", b.ARN)
	}
	listeners.Insert(tx, l)
	v := &rule{Account: c.Account, Region: c.Region, Listener: l.ARN, Balancer: b.ARN, ID: c.Rand().String(16, hex), Made: c.Now}
	v.ARN = l.ruleARN(c, v.ID)
	rules.Insert(tx, v)
	touch(tx, b)
	return &api.CreateListenerOutput{Listeners: []api.Listener{l.show()}}, nil
}

// protocolsOf are what listeners of a type of load balancer speak.
var protocolsOf = map[string][]string{application: {"HTTP", "HTTPS"}, network: {"TCP", "TLS", "UDP", "TCP_UDP"}}

// check tells what is wrong with a listener, and completes it.
func (l *listener) check(c *cloud.Call, r store.Reader, b *balancer) error {
	if b.Type == network && (l.Protocol == "QUIC" || l.Protocol == "TCP_QUIC") {
		return unbuilt("listeners of the QUIC protocol")
	}
	if !slices.Contains(protocolsOf[b.Type], l.Protocol) {
		return api.ErrUnsupportedProtocol.New("Protocol '%s' is not supported for load balancers with type '%s'", l.Protocol, b.Type)
	}
	for o := range listenersOf(r, b) {
		if o.ARN != l.ARN && o.Port == l.Port && !apart(o.Protocol, l.Protocol) {
			return api.ErrDuplicateListener.New("A listener already exists on this port for this load balancer '%s'", b.ARN)
		}
	}
	if l.secure() {
		return l.checkTLS(c, r)
	}
	switch {
	case l.Policy != "":
		return invalid("An SSL policy cannot be specified for listeners with the protocol '%s'", l.Protocol)
	case len(l.Certificates) > 0:
		return invalid("A certificate cannot be specified for %s listeners", l.Protocol)
	case len(l.ALPN) > 0:
		return api.ErrALPNPolicyNotSupported.New("ALPN policies are not supported for listeners with the protocol '%s'", l.Protocol)
	case l.Mutual != nil:
		return invalid("Mutual authentication cannot be specified for listeners with the protocol '%s'", l.Protocol)
	}
	return nil
}

// apart tells whether two listeners can share a port: one of TCP, one of UDP.
func apart(p, q string) bool { return p == "UDP" && q == "TCP" || p == "TCP" && q == "UDP" }

func (l *listener) secure() bool { return l.Protocol == "HTTPS" || l.Protocol == "TLS" }

// alpnPolicies of network load balancers, and what they offer.
var alpnPolicies = map[string][]string{
	"HTTP1Only": {"http/1.1", "http/1.0"}, "HTTP2Only": {"h2"}, "HTTP2Optional": {"http/1.1", "http/1.0", "h2"}, "HTTP2Preferred": {"h2", "http/1.1", "http/1.0"}, "None": nil,
}

func (l *listener) checkTLS(c *cloud.Call, r store.Reader) error {
	if l.Policy == "" {
		l.Policy = tlspolicy.Default
	}
	if _, ok := tlspolicy.Find(l.Policy); !ok {
		return api.ErrSSLPolicyNotFound.New("SSL policy '%s' not found", l.Policy)
	}
	if len(l.Certificates) == 0 {
		return invalid("A certificate must be specified for %s listeners", l.Protocol)
	}
	for _, arn := range l.Certificates {
		if err := checkCertificate(c, r, arn); err != nil {
			return err
		}
	}
	switch {
	case len(l.ALPN) == 0:
	case l.Protocol != "TLS":
		return api.ErrALPNPolicyNotSupported.New("ALPN policies are not supported for listeners with the protocol '%s'", l.Protocol)
	case len(l.ALPN) > 1:
		return invalid("You can specify only one ALPN policy")
	default:
		if _, ok := alpnPolicies[l.ALPN[0]]; !ok {
			return invalid("ALPN policy '%s' is not valid", l.ALPN[0])
		}
	}
	if l.Mutual != nil && l.Protocol == "TLS" {
		return invalid("Mutual authentication cannot be specified for listeners with the protocol 'TLS'")
	}
	return nil
}

func (s *elb) modifyListener(c *cloud.Call, tx store.Tx, in *api.ModifyListenerInput) (*api.ModifyListenerOutput, error) {
	old, err := findListener(c, tx, in.ListenerArn)
	if err != nil {
		return nil, err
	}
	b, err := findBalancer(c, tx, old.Balancer)
	if err != nil {
		return nil, err
	}
	l := old.clone()
	l.Port, l.Protocol = cloud.Or(in.Port, l.Port), cloud.Or(in.Protocol, l.Protocol)
	if !l.secure() { // what belonged to TLS goes with it
		l.Policy, l.Certificates, l.ALPN, l.Mutual = "", nil, nil, nil
	}
	l.Policy = cloud.Or(in.SslPolicy, l.Policy)
	if len(in.Certificates) > 0 {
		more := l.Certificates
		if err := l.setCertificates(in.Certificates); err != nil {
			return nil, err
		}
		if len(more) > 1 {
			l.Certificates = append(l.Certificates, slices.DeleteFunc(slices.Clone(more[1:]), func(arn string) bool { return arn == l.Certificates[0] })...)
		}
	}
	if in.AlpnPolicy != nil {
		l.ALPN = in.AlpnPolicy
	}
	if in.MutualAuthentication != nil {
		if l.Mutual, err = mutual(c, tx, in.MutualAuthentication); err != nil {
			return nil, err
		}
	}
	if err := l.check(c, tx, b); err != nil {
		return nil, err
	}
	if len(in.DefaultActions) > 0 {
		if l.Actions, err = (frame{c, tx, b, l.Protocol}).actions(in.DefaultActions, old.Actions); err != nil {
			return nil, err
		}
		if err := needSigner(c, tx, l.Actions); err != nil {
			return nil, err
		}
	}
	if l.Protocol != old.Protocol {
		if err := l.recheck(c, tx, b); err != nil {
			return nil, err
		}
	}
	l.put(tx)
	return &api.ModifyListenerOutput{Listeners: []api.Listener{l.show()}}, nil
}

// recheck tells whether the listener's protocol suits what it does already.
func (l *listener) recheck(c *cloud.Call, tx store.Tx, b *balancer) error {
	x := frame{c, tx, b, l.Protocol}
	if _, err := x.actions(l.Actions, nil); err != nil {
		return err
	}
	for v := range rulesOf(tx, l) {
		if v.isDefault() {
			continue
		}
		if _, err := x.actions(v.Actions, nil); err != nil {
			return err
		}
	}
	return nil
}

func (s *elb) deleteListener(c *cloud.Call, tx store.Tx, in *api.DeleteListenerInput) (*api.DeleteListenerOutput, error) {
	l, err := findListener(c, tx, in.ListenerArn)
	if err != nil {
		return nil, err
	}
	b, ok := balancers.Get(tx, l.Account, l.Region, l.Balancer)
	if ok {
		for arn := range targetsWith(tx, c, b.ARN) {
			if g, found := groups.Get(tx, c.Account, c.Region, arn); found && g.Port == l.Port {
				return nil, api.ErrResourceInUse.New("Listener '%s' is currently in use by the target group '%s'", l.ARN, arn)
			}
		}
	}
	removeListener(tx, l)
	if ok {
		touch(tx, b)
	}
	return &api.DeleteListenerOutput{}, nil
}

// removeListener deletes a listener with its rules.
func removeListener(tx store.Tx, l *listener) {
	for _, v := range slices.Collect(rulesOf(tx, l)) {
		rules.Delete(tx, v.Account, v.Region, v.ARN)
	}
	listeners.Delete(tx, l.Account, l.Region, l.ARN)
}

func (s *elb) describeListeners(c *cloud.Call, r store.Reader, in *api.DescribeListenersInput) (*api.DescribeListenersOutput, error) {
	if (in.LoadBalancerArn == nil) == (len(in.ListenerArns) == 0) {
		return nil, invalid("You must specify either listener ARNs or a load balancer ARN")
	}
	var list []*listener
	if in.LoadBalancerArn != nil {
		b, err := findBalancer(c, r, *in.LoadBalancerArn)
		if err != nil {
			return nil, err
		}
		list = slices.Collect(listenersOf(r, b))
	}
	for _, arn := range in.ListenerArns {
		l, err := findListener(c, r, arn)
		if err != nil {
			return nil, err
		}
		list = append(list, l)
	}
	list, next, err := page(list, in.Marker, in.PageSize, func(l *listener) string { return l.ARN })
	if err != nil {
		return nil, err
	}
	out := &api.DescribeListenersOutput{Listeners: []api.Listener{}, NextMarker: next}
	for _, l := range list {
		out.Listeners = append(out.Listeners, l.show())
	}
	return out, nil
}

// show is a listener as the API has it: with its default certificate only.
func (l *listener) show() api.Listener {
	o := api.Listener{
		ListenerArn: &l.ARN, LoadBalancerArn: &l.Balancer, Port: &l.Port, Protocol: &l.Protocol, SslPolicy: some(l.Policy),
		DefaultActions: shown(l.Actions), AlpnPolicy: l.ALPN, MutualAuthentication: l.Mutual,
	}
	if len(l.Certificates) > 0 {
		o.Certificates = []api.Certificate{{CertificateArn: &l.Certificates[0]}}
	}
	if l.Protocol == "HTTPS" && l.Mutual == nil {
		o.MutualAuthentication = &api.MutualAuthenticationAttributes{Mode: new("off")}
	}
	return o
}

// mutual checks what a request says of client certificates; nil for none.
func mutual(c *cloud.Call, r store.Reader, in *api.MutualAuthenticationAttributes) (*api.MutualAuthenticationAttributes, error) {
	if in == nil {
		return nil, nil
	}
	m := *in
	switch mode := cloud.Or(m.Mode, ""); mode {
	case "off":
		return nil, nil
	case "passthrough":
		// Terraform sends both, empty.
		if cloud.Or(m.TrustStoreArn, "") != "" || cloud.Or(m.IgnoreClientCertificateExpiry, false) {
			return nil, invalid("A trust store cannot be specified when the mutual authentication mode is 'passthrough'")
		}
		m.TrustStoreArn, m.IgnoreClientCertificateExpiry = nil, nil
		return &m, nil
	case "verify":
	default:
		return nil, invalid("Mutual authentication mode '%s' must be one of 'off', 'passthrough', 'verify'", mode)
	}
	if m.TrustStoreArn == nil {
		return nil, invalid("A trust store must be specified when the mutual authentication mode is 'verify'")
	}
	if _, err := findStore(c, r, *m.TrustStoreArn); err != nil {
		return nil, err
	}
	if m.IgnoreClientCertificateExpiry == nil {
		m.IgnoreClientCertificateExpiry = new(false)
	}
	if m.AdvertiseTrustStoreCaNames == nil {
		m.AdvertiseTrustStoreCaNames = new("off")
	}
	m.TrustStoreAssociationStatus = new("active")
	return &m, nil
}
