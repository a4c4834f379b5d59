package elbv2

import (
	"slices"
	"strings"

	api "pileus/api/elbv2"
	"pileus/cloud"
	"pileus/lb/attach"
	"pileus/lb/tlspolicy"
	"pileus/store"
)

// checkCertificate tells whether there is such a certificate.
func checkCertificate(c *cloud.Call, r store.Reader, arn string) error {
	if a, ok := cloud.ParseARN(arn); !ok || a.Service != "iam" && a.Service != "acm" {
		return invalid("Certificate ARN '%s' is not valid", arn)
	}
	if _, err := attach.Certificate(c, r, arn); err != nil {
		return api.ErrCertificateNotFound.New("Certificate '%s' not found", arn)
	}
	return nil
}

// setCertificates sets the default certificate that a request names.
func (l *listener) setCertificates(list []api.Certificate) error {
	if len(list) > 1 {
		return invalid("Up to one certificate can be specified, but '%d' were specified", len(list))
	}
	l.Certificates = nil
	for _, k := range list {
		if k.IsDefault != nil {
			return invalid("You cannot specify whether a certificate is the default certificate")
		}
		l.Certificates = append(l.Certificates, cloud.Or(k.CertificateArn, ""))
	}
	return nil
}

func (s *elb) addListenerCertificates(c *cloud.Call, tx store.Tx, in *api.AddListenerCertificatesInput) (*api.AddListenerCertificatesOutput, error) {
	old, err := findListener(c, tx, in.ListenerArn)
	if err != nil {
		return nil, err
	}
	if !old.secure() {
		return nil, api.ErrUnsupportedProtocol.New("Certificates cannot be added to listeners with the protocol '%s'", old.Protocol)
	}
	l, out := old.clone(), &api.AddListenerCertificatesOutput{}
	for _, k := range in.Certificates {
		arn := cloud.Or(k.CertificateArn, "")
		if k.IsDefault != nil {
			return nil, invalid("You cannot specify whether a certificate is the default certificate")
		}
		if err := checkCertificate(c, tx, arn); err != nil {
			return nil, err
		}
		// The default certificate may be in the list as well; it is shown twice then.
		if !slices.Contains(l.Certificates[1:], arn) {
			l.Certificates = append(l.Certificates, arn)
		}
		out.Certificates = append(out.Certificates, api.Certificate{CertificateArn: &arn, IsDefault: new(false)})
	}
	n := 0
	for o := range listeners.Index(tx, "balancer", l.Account, l.Region, l.Balancer) {
		if o.ARN != l.ARN {
			n += max(0, len(o.Certificates)-1)
		}
	}
	if n+len(l.Certificates)-1 > maxCertificates {
		return nil, api.ErrTooManyCertificates.New("The maximum number of certificates has been reached on load balancer '%s'", l.Balancer)
	}
	l.put(tx)
	return out, nil
}

func (s *elb) removeListenerCertificates(c *cloud.Call, tx store.Tx, in *api.RemoveListenerCertificatesInput) (*api.RemoveListenerCertificatesOutput, error) {
	old, err := findListener(c, tx, in.ListenerArn)
	if err != nil {
		return nil, err
	}
	l := old.clone()
	for _, k := range in.Certificates {
		arn := cloud.Or(k.CertificateArn, "")
		n := -1
		if len(l.Certificates) > 0 {
			n = slices.Index(l.Certificates[1:], arn)
		}
		switch {
		case n >= 0:
			l.Certificates = slices.Delete(l.Certificates, n+1, n+2)
		case len(l.Certificates) > 0 && l.Certificates[0] == arn:
			return nil, api.ErrOperationNotPermitted.New("Default certificate '%s' cannot be removed", arn)
		}
	}
	l.put(tx)
	return &api.RemoveListenerCertificatesOutput{}, nil
}

func (s *elb) describeListenerCertificates(c *cloud.Call, r store.Reader, in *api.DescribeListenerCertificatesInput) (*api.DescribeListenerCertificatesOutput, error) {
	l, err := findListener(c, r, in.ListenerArn)
	if err != nil {
		return nil, err
	}
	list := []api.Certificate{}
	for n, arn := range l.Certificates {
		list = append(list, api.Certificate{CertificateArn: &arn, IsDefault: new(n == 0)})
	}
	out := &api.DescribeListenerCertificatesOutput{}
	out.Certificates, out.NextMarker, err = page(list, in.Marker, in.PageSize, func(k api.Certificate) string {
		if *k.IsDefault {
			return "default"
		}
		return *k.CertificateArn
	})
	return out, err
}

func (s *elb) describeSSLPolicies(_ *cloud.Call, _ store.Reader, in *api.DescribeSSLPoliciesInput) (*api.DescribeSSLPoliciesOutput, error) {
	var list []tlspolicy.Policy
	if len(in.Names) == 0 {
		list = tlspolicy.All()
	}
	for _, name := range in.Names {
		p, ok := tlspolicy.Find(name)
		if !ok {
			return nil, api.ErrSSLPolicyNotFound.New("SSL policies '[%s]' not found", strings.Join(in.Names, ", "))
		}
		list = append(list, p)
	}
	list, next, err := page(list, in.Marker, in.PageSize, func(p tlspolicy.Policy) string { return p.Name })
	if err != nil {
		return nil, err
	}
	out := &api.DescribeSSLPoliciesOutput{SslPolicies: []api.SslPolicy{}, NextMarker: next}
	for _, p := range list {
		o := api.SslPolicy{Name: &p.Name, SslProtocols: p.Protocols, SupportedLoadBalancerTypes: []string{application, network}}
		for n, name := range p.Ciphers {
			o.Ciphers = append(o.Ciphers, api.Cipher{Name: &name, Priority: new(int32(n + 1))})
		}
		out.SslPolicies = append(out.SslPolicies, o)
	}
	return out, nil
}
