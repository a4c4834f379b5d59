package elbv2

import (
	"slices"
	"strings"

	api "pileus/api/elbv2"
	"pileus/cloud"
	"pileus/store"
)

const (
	answerHeader  = "routing.http.response."
	requestHeader = "routing.http.request."
)

var httpListeners, tlsListeners = kinds("HTTP", "HTTPS"), kinds("HTTPS")

// listenerAttributes are the settings of listeners.
// https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_ListenerAttribute.html
var listenerAttributes = attributes{"Listener", []attribute{
	{"tcp.idle_timeout.seconds", "350", number(60, 6000), kinds("TCP")},
	{"routing.http.response.server.enabled", "true", boolean, httpListeners},
	{answerHeader + "strict_transport_security.header_value", "", atMost(1024), httpListeners},
	{answerHeader + "access_control_allow_origin.header_value", "", atMost(1024), httpListeners},
	{answerHeader + "access_control_allow_methods.header_value", "", atMost(1024), httpListeners},
	{answerHeader + "access_control_allow_headers.header_value", "", atMost(1024), httpListeners},
	{answerHeader + "access_control_allow_credentials.header_value", "", numberless("true"), httpListeners},
	{answerHeader + "access_control_expose_headers.header_value", "", atMost(1024), httpListeners},
	{answerHeader + "access_control_max_age.header_value", "", maxAge, httpListeners},
	{answerHeader + "content_security_policy.header_value", "", atMost(1024), httpListeners},
	{answerHeader + "x_content_type_options.header_value", "", numberless("nosniff"), httpListeners},
	{answerHeader + "x_frame_options.header_value", "", atMost(1024), httpListeners},
	{requestHeader + "x_amzn_tls_version.header_name", "", headerName, tlsListeners},
	{requestHeader + "x_amzn_tls_cipher_suite.header_name", "", headerName, tlsListeners},
	{requestHeader + "x_amzn_mtls_clientcert_serial_number.header_name", "", headerName, tlsListeners},
	{requestHeader + "x_amzn_mtls_clientcert_issuer.header_name", "", headerName, tlsListeners},
	{requestHeader + "x_amzn_mtls_clientcert_subject.header_name", "", headerName, tlsListeners},
	{requestHeader + "x_amzn_mtls_clientcert_validity.header_name", "", headerName, tlsListeners},
	{requestHeader + "x_amzn_mtls_clientcert_leaf.header_name", "", headerName, tlsListeners},
	{requestHeader + "x_amzn_mtls_clientcert.header_name", "", headerName, tlsListeners},
}}

// numberless is one value, or none.
func numberless(value string) func(string, string) error { return oneOf("", value) }

func maxAge(key, value string) error {
	if value == "" {
		return nil
	}
	return number(0, 86400)(key, value)
}

func headerName(key, value string) error {
	for _, r := range value {
		if r > 'z' || !strings.ContainsRune("!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", r) {
			return invalid("The value '%s' is not valid for attribute key '%s'", value, key)
		}
	}
	return atMost(40)(key, value)
}

// headers are the names of headers that settings are about, where they are not
// simply the words with hyphens.
func headerOf(key string) string {
	name := strings.TrimSuffix(strings.TrimSuffix(strings.TrimPrefix(strings.TrimPrefix(key, answerHeader), requestHeader), ".header_value"), ".header_name")
	words := strings.Split(name, "_")
	special := map[string]string{"tls": "TLS", "mtls": "Mtls", "clientcert": "Clientcert"}
	for i, w := range words {
		if s, ok := special[w]; ok {
			words[i] = s
		} else if w != "" {
			words[i] = strings.ToUpper(w[:1]) + w[1:]
		}
	}
	return strings.Join(words, "-")
}

// attribute is the value of a setting.
func (l *listener) attribute(key string) string {
	if v, ok := l.Attributes[key]; ok {
		return v
	}
	x, _ := listenerAttributes.find(key)
	return x.initial
}

func (l *listener) showAttributes() (list []api.ListenerAttribute) {
	for _, p := range listenerAttributes.show(l.Attributes, l.Protocol, nil) {
		list = append(list, api.ListenerAttribute{Key: p.key, Value: p.value})
	}
	return list
}

func (s *elb) describeListenerAttributes(c *cloud.Call, r store.Reader, in *api.DescribeListenerAttributesInput) (*api.DescribeListenerAttributesOutput, error) {
	l, err := findListener(c, r, in.ListenerArn)
	if err != nil {
		return nil, err
	}
	return &api.DescribeListenerAttributesOutput{Attributes: l.showAttributes()}, nil
}

func (s *elb) modifyListenerAttributes(c *cloud.Call, tx store.Tx, in *api.ModifyListenerAttributesInput) (*api.ModifyListenerAttributesOutput, error) {
	l, err := findListener(c, tx, in.ListenerArn)
	if err != nil {
		return nil, err
	}
	var pairs []pair
	for _, a := range in.Attributes {
		pairs = append(pairs, pair{a.Key, a.Value})
	}
	changed := *l
	if changed.Attributes, err = listenerAttributes.set(l.Attributes, pairs, l.Protocol, "listeners with protocol '"+l.Protocol+"'"); err != nil {
		return nil, err
	}
	changed.put(tx)
	return &api.ModifyListenerAttributesOutput{Attributes: changed.showAttributes()}, nil
}

// put writes a listener that has changed and has its load balancer looked at.
func (l *listener) put(tx store.Tx) {
	listeners.Put(tx, l)
	if b, ok := balancers.Get(tx, l.Account, l.Region, l.Balancer); ok {
		touch(tx, b)
	}
}

// clone is a copy that may be changed.
func (l *listener) clone() *listener {
	d := *l
	d.Certificates = slices.Clone(l.Certificates)
	return &d
}
