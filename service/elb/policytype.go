package elb

import (
	"slices"

	api "pileus/api/elb"
	"pileus/cloud"
	"pileus/lb/tlspolicy"
	"pileus/store"
)

// The types of policies.
const (
	appCookieType   = "AppCookieStickinessPolicyType"
	lbCookieType    = "LBCookieStickinessPolicyType"
	negotiationType = "SSLNegotiationPolicyType"
	proxyType       = "ProxyProtocolPolicyType"
	publicKeyType   = "PublicKeyPolicyType"
	backendAuthType = "BackendServerAuthenticationPolicyType"
)

// referenceAttribute of a negotiation policy names a predefined one.
const referenceAttribute = "Reference-Security-Policy"

// expirationAttribute of a stickiness policy is in seconds; 0 is as long as the
// client's session.
const expirationAttribute = "CookieExpirationPeriod"

// policyType is a type, and what attributes its policies have.
type policyType struct {
	name, text string
	attributes []attributeType
}

type attributeType struct{ name, kind, cardinality, text, def string }

// Cardinalities of attributes.
const (
	one        = "ONE"
	oneOrMore  = "ONE_OR_MORE"
	zeroOrOne  = "ZERO_OR_ONE"
	zeroOrMore = "ZERO_OR_MORE"
)

// policyTypes are all types there are.
// https://docs.aws.amazon.com/elasticloadbalancing/2012-06-01/APIReference/API_DescribeLoadBalancerPolicyTypes.html
func policyTypes() []policyType {
	negotiation := policyType{name: negotiationType, text: "Listener policy that sets the ciphers and protocols that clients may use. Its type is specific to listeners of SSL and HTTPS."}
	negotiation.attributes = append(negotiation.attributes, attributeType{name: referenceAttribute, kind: "String", cardinality: zeroOrOne, text: "The name of a predefined policy"})
	on, _ := tlspolicy.Classic(tlspolicy.Default)
	for _, a := range tlspolicy.ClassicAttributes() {
		def := "false"
		if slices.Contains(on, a) && a != tlspolicy.ServerOrder {
			def = "true"
		}
		negotiation.attributes = append(negotiation.attributes, attributeType{name: a, kind: "Boolean", cardinality: zeroOrOne, def: def})
	}
	return []policyType{
		{backendAuthType, "Policy that has instances authenticated by their public keys. It can be set on ports of instances that are reached over HTTPS or SSL.",
			[]attributeType{{"PublicKeyPolicyName", "PolicyName", oneOrMore, "", ""}}},
		negotiation,
		{appCookieType, "Stickiness policy whose sessions live as long as the cookie that the application itself sets. It can be set on HTTP and HTTPS listeners only.",
			[]attributeType{{"CookieName", "String", one, "", ""}}},
		{lbCookieType, "Stickiness policy with sessions that end with the browser, or after a time. It can be set on HTTP and HTTPS listeners only.",
			[]attributeType{{expirationAttribute, "Long", zeroOrOne, "", ""}}},
		{proxyType, "Policy that has the addresses of clients sent to instances in a header of the PROXY protocol. It applies to listeners of TCP and SSL.",
			[]attributeType{{"ProxyProtocol", "Boolean", one, "", ""}}},
		{publicKeyType, "Policy that holds a public key, for policies that authenticate instances.",
			[]attributeType{{"PublicKey", "String", one, "", ""}}},
	}
}

func typeNamed(name string) (policyType, error) {
	for _, t := range policyTypes() {
		if t.name == name {
			return t, nil
		}
	}
	return policyType{}, api.ErrPolicyTypeNotFound.New("Policy type '%s' not found", name)
}

func (t policyType) attribute(name string) (attributeType, bool) {
	i := slices.IndexFunc(t.attributes, func(a attributeType) bool { return a.name == name })
	if i < 0 {
		return attributeType{}, false
	}
	return t.attributes[i], true
}

func describePolicyTypes(_ *cloud.Call, _ store.Reader, in *api.DescribeLoadBalancerPolicyTypesInput) (*api.DescribeLoadBalancerPolicyTypesOutput, error) {
	for _, name := range in.PolicyTypeNames {
		if _, err := typeNamed(name); err != nil {
			return nil, err
		}
	}
	out := &api.DescribeLoadBalancerPolicyTypesOutput{PolicyTypeDescriptions: []api.PolicyTypeDescription{}}
	for _, t := range policyTypes() {
		if len(in.PolicyTypeNames) > 0 && !slices.Contains(in.PolicyTypeNames, t.name) {
			continue
		}
		d := api.PolicyTypeDescription{PolicyTypeName: &t.name, Description: &t.text}
		for _, a := range t.attributes {
			x := api.PolicyAttributeTypeDescription{AttributeName: &a.name, AttributeType: &a.kind, Cardinality: &a.cardinality}
			if a.def != "" {
				x.DefaultValue = &a.def
			}
			if a.text != "" {
				x.Description = &a.text
			}
			d.PolicyAttributeTypeDescriptions = append(d.PolicyAttributeTypeDescriptions, x)
		}
		out.PolicyTypeDescriptions = append(out.PolicyTypeDescriptions, d)
	}
	return out, nil
}

// predefined is a negotiation policy of AWS's own.
func predefined(name string) policy {
	p := policy{Name: name, Type: negotiationType}
	on, _ := tlspolicy.Classic(name)
	if name == tlspolicy.Default {
		p.Attributes = append(p.Attributes, attribute{referenceAttribute, name})
	}
	for _, a := range tlspolicy.ClassicAttributes() {
		if slices.Contains(on, a) {
			p.Attributes = append(p.Attributes, attribute{a, "true"})
		}
	}
	return p
}

// samples are the policies that are shown without naming a load balancer.
func samples() (list []policy) {
	for _, name := range tlspolicy.ClassicNames() {
		list = append(list, predefined(name))
	}
	return list
}
