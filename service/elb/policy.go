package elb

import (
	"cmp"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"regexp"
	"slices"
	"strconv"
	"strings"

	api "pileus/api/elb"
	"pileus/cloud"
	"pileus/lb/tlspolicy"
	"pileus/store"
)

func createAppCookiePolicy(c *cloud.Call, tx store.Tx, in *api.CreateAppCookieStickinessPolicyInput) (*api.CreateAppCookieStickinessPolicyOutput, error) {
	p := policy{Name: in.PolicyName, Type: appCookieType, Attributes: []attribute{{"CookieName", in.CookieName}}}
	return &api.CreateAppCookieStickinessPolicyOutput{}, addPolicy(c, tx, in.LoadBalancerName, p)
}

func createLBCookiePolicy(c *cloud.Call, tx store.Tx, in *api.CreateLBCookieStickinessPolicyInput) (*api.CreateLBCookieStickinessPolicyOutput, error) {
	p := policy{Name: in.PolicyName, Type: lbCookieType}
	if in.CookieExpirationPeriod != nil {
		p.Attributes = []attribute{{expirationAttribute, strconv.FormatInt(*in.CookieExpirationPeriod, 10)}}
	}
	return &api.CreateLBCookieStickinessPolicyOutput{}, addPolicy(c, tx, in.LoadBalancerName, p)
}

func createPolicy(c *cloud.Call, tx store.Tx, in *api.CreateLoadBalancerPolicyInput) (*api.CreateLoadBalancerPolicyOutput, error) {
	p := policy{Name: in.PolicyName, Type: in.PolicyTypeName}
	for _, a := range in.PolicyAttributes {
		p.Attributes = append(p.Attributes, attribute{cloud.Or(a.AttributeName, ""), cloud.Or(a.AttributeValue, "")})
	}
	return &api.CreateLoadBalancerPolicyOutput{}, addPolicy(c, tx, in.LoadBalancerName, p)
}

var policyNameForm = regexp.MustCompile(`^[A-Za-z0-9-]+$`)

// addPolicy gives a load balancer another policy.
func addPolicy(c *cloud.Call, tx store.Tx, balancer string, p policy) error {
	b, err := find(c, tx, balancer)
	if err != nil {
		return err
	}
	t, err := typeNamed(p.Type)
	if err != nil {
		return err
	}
	if !policyNameForm.MatchString(p.Name) {
		return invalid("Policy name must only contain alphanumeric characters or hyphens: %s", p.Name)
	}
	if _, ok := b.policy(p.Name); ok {
		return api.ErrDuplicatePolicyName.New("Policy already exists: %s", p.Name)
	}
	if len(b.Policies) >= maxPolicies {
		return api.ErrTooManyPolicies.New("The quota for the number of policies for this load balancer has been reached")
	}
	if err := p.check(b, t); err != nil {
		return err
	}
	b.Policies = append(b.Policies, p)
	b.put(tx)
	return nil
}

// check completes a policy and tells what is wrong with it.
func (p *policy) check(b *balancer, t policyType) error {
	counts := map[string]int{}
	for i, a := range p.Attributes {
		kind, ok := t.attribute(a.Name)
		if !ok {
			return unfit("Policy attribute '%s' is not valid for policy type '%s'", a.Name, t.name)
		}
		if kind.kind == "Boolean" { // Terraform writes "True"
			a.Value = strings.ToLower(a.Value)
			p.Attributes[i] = a
		}
		if err := kind.check(b, a.Value); err != nil {
			return err
		}
		counts[a.Name]++
	}
	for _, a := range t.attributes {
		n := counts[a.name]
		switch {
		case n == 0 && (a.cardinality == one || a.cardinality == oneOrMore):
			return unfit("Policy attribute '%s' is required for policy type '%s'", a.name, t.name)
		case n > 1 && (a.cardinality == one || a.cardinality == zeroOrOne):
			return unfit("Policy attribute '%s' can be given only once", a.name)
		}
	}
	if t.name == lbCookieType && counts[expirationAttribute] == 0 { // a policy without it shows 0
		p.Attributes = append(p.Attributes, attribute{expirationAttribute, "0"})
	}
	if name := p.value(referenceAttribute); name != "" {
		*p = policy{p.Name, p.Type, append([]attribute{{referenceAttribute, name}}, withoutReference(predefined(name).Attributes)...)}
	}
	return nil
}

func withoutReference(list []attribute) []attribute {
	return slices.DeleteFunc(list, func(a attribute) bool { return a.Name == referenceAttribute })
}

// check tells what is wrong with an attribute's value.
func (t attributeType) check(b *balancer, value string) error {
	switch {
	case t.kind == "Boolean" && value != "true" && value != "false":
		return unfit("Policy attribute '%s' must be true or false", t.name)
	case t.kind == "Long":
		if n, err := strconv.ParseInt(value, 10, 64); err != nil || n < 0 {
			return unfit("Policy attribute '%s' must be a number that is not negative", t.name)
		}
	case t.kind == "PolicyName":
		if p, ok := b.policy(value); !ok || p.Type != publicKeyType {
			return errNoPolicy(value, b.Name)
		}
	case t.name == referenceAttribute:
		if _, ok := tlspolicy.Classic(value); !ok {
			return unfit("Predefined policy '%s' does not exist", value)
		}
	case t.name == "PublicKey":
		if _, err := publicKey(value); err != nil {
			return unfit("The public key is not valid")
		}
	}
	return nil
}

// publicKey reads a key as it is given: PEM, or what stands between its lines.
func publicKey(text string) ([]byte, error) {
	der := []byte(nil)
	if block, _ := pem.Decode([]byte(text)); block != nil {
		der = block.Bytes
	} else {
		var err error
		if der, err = base64.StdEncoding.DecodeString(regexp.MustCompile(`\s`).ReplaceAllString(text, "")); err != nil {
			return nil, err
		}
	}
	_, err := x509.ParsePKIXPublicKey(der)
	return der, err
}

func deletePolicy(c *cloud.Call, tx store.Tx, in *api.DeleteLoadBalancerPolicyInput) (*api.DeleteLoadBalancerPolicyOutput, error) {
	b, err := find(c, tx, in.LoadBalancerName)
	if err != nil {
		return nil, err
	}
	for _, l := range b.Listeners {
		if slices.Contains(l.Policies, in.PolicyName) {
			return nil, unfit("You cannot delete policy [%s] because it is in use by the listener on port %d.", in.PolicyName, l.Port)
		}
	}
	for _, x := range b.Backends {
		if slices.Contains(x.Policies, in.PolicyName) {
			return nil, unfit("You cannot delete policy [%s] because it is in use by instances on port %d.", in.PolicyName, x.Port)
		}
	}
	b.Policies = slices.DeleteFunc(b.Policies, func(p policy) bool { return p.Name == in.PolicyName })
	b.put(tx)
	return &api.DeleteLoadBalancerPolicyOutput{}, nil
}

func setListenerPolicies(c *cloud.Call, tx store.Tx, in *api.SetLoadBalancerPoliciesOfListenerInput) (*api.SetLoadBalancerPoliciesOfListenerOutput, error) {
	b, err := find(c, tx, in.LoadBalancerName)
	if err != nil {
		return nil, err
	}
	l := b.listener(in.LoadBalancerPort)
	if l == nil {
		return nil, errNoListener(b.Name, in.LoadBalancerPort)
	}
	sticky, negotiation := 0, 0
	for _, name := range in.PolicyNames {
		p, ok := b.policy(name)
		if !ok && b.adopt(name) {
			p, ok = b.policy(name)
		}
		switch {
		case !ok:
			return nil, errNoPolicy(name, b.Name)
		case p.Type == appCookieType || p.Type == lbCookieType:
			sticky++
			if !l.web() {
				return nil, unfit("Stickiness policies can be set on HTTP and HTTPS listeners only")
			}
		case p.Type == negotiationType:
			negotiation++
			if !l.secure() {
				return nil, unfit("SSL negotiation policies can be set on HTTPS and SSL listeners only")
			}
		default:
			return nil, unfit("Policy %s of type %s cannot be set on a listener", name, p.Type)
		}
	}
	if sticky > 1 || negotiation > 1 {
		return nil, unfit("Only one policy of a type can be set on a listener")
	}
	l.Policies = slices.Clone(in.PolicyNames)
	b.put(tx)
	return &api.SetLoadBalancerPoliciesOfListenerOutput{}, nil
}

// adopt has the load balancer list a predefined policy.
func (b *balancer) adopt(name string) bool {
	if _, ok := tlspolicy.Classic(name); !ok {
		return false
	}
	b.Policies = append(b.Policies, predefined(name))
	return true
}

func setBackendPolicies(c *cloud.Call, tx store.Tx, in *api.SetLoadBalancerPoliciesForBackendServerInput) (*api.SetLoadBalancerPoliciesForBackendServerOutput, error) {
	b, err := find(c, tx, in.LoadBalancerName)
	if err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(b.Listeners, func(l listener) bool { return l.InstancePort == in.InstancePort }) {
		return nil, unfit("LoadBalancer %s does not have a listener for instance port %d", b.Name, in.InstancePort)
	}
	for _, name := range in.PolicyNames {
		p, ok := b.policy(name)
		if !ok {
			return nil, errNoPolicy(name, b.Name)
		}
		if p.Type != proxyType && p.Type != backendAuthType {
			return nil, unfit("Policy %s of type %s cannot be set for instances", name, p.Type)
		}
	}
	b.Backends = slices.DeleteFunc(b.Backends, func(x backend) bool { return x.Port == in.InstancePort })
	if len(in.PolicyNames) > 0 {
		b.Backends = append(b.Backends, backend{in.InstancePort, in.PolicyNames})
		slices.SortFunc(b.Backends, func(x, y backend) int { return cmp.Compare(x.Port, y.Port) })
	}
	b.put(tx)
	return &api.SetLoadBalancerPoliciesForBackendServerOutput{}, nil
}

func describePolicies(c *cloud.Call, r store.Reader, in *api.DescribeLoadBalancerPoliciesInput) (*api.DescribeLoadBalancerPoliciesOutput, error) {
	list, name := samples(), ""
	if in.LoadBalancerName != nil {
		b, err := find(c, r, *in.LoadBalancerName)
		if err != nil {
			return nil, err
		}
		list, name = b.Policies, b.Name
	}
	for _, n := range in.PolicyNames {
		if !slices.ContainsFunc(list, func(p policy) bool { return p.Name == n }) {
			return nil, errNoPolicy(n, name)
		}
	}
	out := &api.DescribeLoadBalancerPoliciesOutput{PolicyDescriptions: []api.PolicyDescription{}}
	for _, p := range list {
		if len(in.PolicyNames) == 0 || slices.Contains(in.PolicyNames, p.Name) {
			out.PolicyDescriptions = append(out.PolicyDescriptions, p.api())
		}
	}
	return out, nil
}

// api is a policy as the API shows it: of a negotiation policy also what is off.
func (p policy) api() api.PolicyDescription {
	d := api.PolicyDescription{PolicyName: &p.Name, PolicyTypeName: &p.Type, PolicyAttributeDescriptions: []api.PolicyAttributeDescription{}}
	add := func(name, value string) {
		d.PolicyAttributeDescriptions = append(d.PolicyAttributeDescriptions, api.PolicyAttributeDescription{AttributeName: &name, AttributeValue: &value})
	}
	if p.Type != negotiationType {
		for _, a := range p.Attributes {
			add(a.Name, a.Value)
		}
		return d
	}
	if name := p.value(referenceAttribute); name != "" {
		add(referenceAttribute, name)
	}
	for _, name := range tlspolicy.ClassicAttributes() {
		add(name, cmp.Or(p.value(name), "false"))
	}
	return d
}
