package elb_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	api "pileus/api/elb"
	"pileus/api/iam"
	"pileus/api/s3"
	"pileus/clock"
	"pileus/node/nodetest"
)

const certificateARN = "arn:aws:iam::000000000000:server-certificate/web"

// upload gives the account a certificate, and returns its key's public part.
func (w *world) upload(t *testing.T) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "x.org"}, DNSNames: []string{"x.org"},
		NotBefore: nodetest.Epoch.Add(-time.Hour), NotAfter: clock.Machine().AddDate(1, 0, 0)}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	text := func(kind string, b []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: b}))
	}
	nodetest.Do(w.World, &iam.UploadServerCertificate, &iam.UploadServerCertificateInput{ServerCertificateName: "web", CertificateBody: text("CERTIFICATE", der), PrivateKey: text("PRIVATE KEY", private)})
	public, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	return public
}

func attributes(pairs ...string) (list []api.PolicyAttribute) {
	for p := range slices.Chunk(pairs, 2) {
		list = append(list, api.PolicyAttribute{AttributeName: &p[0], AttributeValue: &p[1]})
	}
	return list
}

func (w *world) policy(name, kind string, pairs ...string) error {
	return try(w, &api.CreateLoadBalancerPolicy, &api.CreateLoadBalancerPolicyInput{LoadBalancerName: "web", PolicyName: name, PolicyTypeName: kind, PolicyAttributes: attributes(pairs...)})
}

func (w *world) setListener(port int32, names ...string) error {
	return try(w, &api.SetLoadBalancerPoliciesOfListener, &api.SetLoadBalancerPoliciesOfListenerInput{LoadBalancerName: "web", LoadBalancerPort: port, PolicyNames: append([]string{}, names...)})
}

func (w *world) setBackend(port int32, names ...string) error {
	return try(w, &api.SetLoadBalancerPoliciesForBackendServer, &api.SetLoadBalancerPoliciesForBackendServerInput{LoadBalancerName: "web", InstancePort: port, PolicyNames: append([]string{}, names...)})
}

func TestPolicies(t *testing.T) {
	w := newWorld(t)
	key := base64.StdEncoding.EncodeToString(w.upload(t))
	// The certificate is known at once.
	w.create("web", http(80), api.Listener{Protocol: "SSL", LoadBalancerPort: 443, InstancePort: 443, InstanceProtocol: new("SSL"), SSLCertificateId: new(certificateARN)})
	d := w.describe("web")
	if !slices.Equal(d.ListenerDescriptions[1].PolicyNames, []string{"ELBSecurityPolicy-2016-08"}) || !slices.Equal(d.Policies.OtherPolicies, []string{"ELBSecurityPolicy-2016-08"}) {
		t.Errorf("a secure listener begins with %v, %v", d.ListenerDescriptions[1].PolicyNames, d.Policies.OtherPolicies)
	}
	nodetest.Do(w.World, &api.CreateAppCookieStickinessPolicy, &api.CreateAppCookieStickinessPolicyInput{LoadBalancerName: "web", PolicyName: "app", CookieName: "session"})
	nodetest.Do(w.World, &api.CreateLBCookieStickinessPolicy, &api.CreateLBCookieStickinessPolicyInput{LoadBalancerName: "web", PolicyName: "lb", CookieExpirationPeriod: new(int64(60))})
	const negotiation, proxy = "SSLNegotiationPolicyType", "ProxyProtocolPolicyType"
	fails(t, w.policy("strict", negotiation, "Reference-Security-Policy", "ELBSecurityPolicy-TLS-1-2-2017-01"), "", "")
	fails(t, w.policy("own", negotiation, "Protocol-TLSv1.2", "true", "ECDHE-ECDSA-AES128-GCM-SHA256", "true"), "", "")
	fails(t, w.policy("proxy", proxy, "ProxyProtocol", "True"), "", "")
	fails(t, w.policy("key", "PublicKeyPolicyType", "PublicKey", key), "", "")
	fails(t, w.policy("auth", "BackendServerAuthenticationPolicyType", "PublicKeyPolicyName", "key"), "", "")

	fails(t, w.policy("key", "PublicKeyPolicyType", "PublicKey", key), "DuplicatePolicyName", "")
	fails(t, w.policy("x", "NoType"), "PolicyTypeNotFound", "")
	fails(t, w.policy("x", proxy), "InvalidConfigurationRequest", "required")
	fails(t, w.policy("x", proxy, "ProxyProtocol", "maybe"), "InvalidConfigurationRequest", "true or false")
	fails(t, w.policy("x", proxy, "Other", "true"), "InvalidConfigurationRequest", "not valid")
	fails(t, w.policy("x", "PublicKeyPolicyType", "PublicKey", "nonsense"), "InvalidConfigurationRequest", "")
	fails(t, w.policy("x", "BackendServerAuthenticationPolicyType", "PublicKeyPolicyName", "none"), "PolicyNotFound", "")
	fails(t, w.policy("x", negotiation, "Reference-Security-Policy", "none"), "InvalidConfigurationRequest", "")

	fails(t, w.setListener(80, "lb"), "", "")
	fails(t, w.setListener(80, "lb", "app"), "InvalidConfigurationRequest", "")
	fails(t, w.setListener(443, "lb"), "InvalidConfigurationRequest", "HTTP and HTTPS")
	fails(t, w.setListener(80, "strict"), "InvalidConfigurationRequest", "HTTPS and SSL")
	fails(t, w.setListener(80, "none"), "PolicyNotFound", "")
	fails(t, w.setListener(81, "lb"), "ListenerNotFound", "")
	fails(t, w.setListener(443, "ELBSecurityPolicy-2015-05"), "", "")
	fails(t, w.setListener(443, "own"), "", "")
	fails(t, w.setBackend(443, "proxy", "auth"), "", "")
	fails(t, w.setBackend(9, "proxy"), "InvalidConfigurationRequest", "9")
	fails(t, w.setBackend(443, "lb"), "InvalidConfigurationRequest", "")
	d = w.describe("web")
	if !slices.Equal(d.ListenerDescriptions[0].PolicyNames, []string{"lb"}) || !slices.Equal(d.BackendServerDescriptions[0].PolicyNames, []string{"proxy", "auth"}) ||
		*d.Policies.AppCookieStickinessPolicies[0].CookieName != "session" || *d.Policies.LBCookieStickinessPolicies[0].CookieExpirationPeriod != 60 {
		t.Errorf("set are %+v", d)
	}
	del := func(name string) error {
		return try(w, &api.DeleteLoadBalancerPolicy, &api.DeleteLoadBalancerPolicyInput{LoadBalancerName: "web", PolicyName: name})
	}
	fails(t, del("lb"), "InvalidConfigurationRequest", "in use")
	fails(t, del("auth"), "InvalidConfigurationRequest", "in use")
	fails(t, del("app"), "", "")
	w.Drain()
}

func TestDescribePolicies(t *testing.T) {
	w := newWorld(t)
	w.create("web")
	w.policy("strict", "SSLNegotiationPolicyType", "Reference-Security-Policy", "ELBSecurityPolicy-TLS-1-2-2017-01")
	value := func(p api.PolicyDescription, name string) string {
		for _, a := range p.PolicyAttributeDescriptions {
			if *a.AttributeName == name {
				return *a.AttributeValue
			}
		}
		return ""
	}
	nodetest.Do(w.World, &api.CreateLBCookieStickinessPolicy, &api.CreateLBCookieStickinessPolicyInput{LoadBalancerName: "web", PolicyName: "session"})
	fails(t, w.policy("proxy", "ProxyProtocolPolicyType", "ProxyProtocol", "True"), "", "")
	own := nodetest.Do(w.World, &api.DescribeLoadBalancerPolicies, &api.DescribeLoadBalancerPoliciesInput{LoadBalancerName: new("web"), PolicyNames: []string{"session", "proxy"}}).PolicyDescriptions
	if value(own[0], "CookieExpirationPeriod") != "0" || value(own[1], "ProxyProtocol") != "true" {
		t.Errorf("a cookie of the session is %v, and the PROXY protocol %v", own[0].PolicyAttributeDescriptions, own[1].PolicyAttributeDescriptions)
	}
	if p := w.describe("web").Policies.LBCookieStickinessPolicies[0]; p.CookieExpirationPeriod != nil {
		t.Errorf("a cookie of the session ends after %d s", *p.CookieExpirationPeriod)
	}
	for _, in := range []*api.DescribeLoadBalancerPoliciesInput{{LoadBalancerName: new("web"), PolicyNames: []string{"strict"}}, {PolicyNames: []string{"ELBSecurityPolicy-TLS-1-2-2017-01"}}} {
		p := nodetest.Do(w.World, &api.DescribeLoadBalancerPolicies, in).PolicyDescriptions[0]
		if value(p, "Protocol-TLSv1.2") != "true" || value(p, "Protocol-TLSv1.1") != "false" || value(p, "AES128-SHA") != "false" || value(p, "AES128-SHA256") != "true" || value(p, "Server-Defined-Cipher-Order") != "true" {
			t.Errorf("%s is %v", *p.PolicyName, p.PolicyAttributeDescriptions)
		}
	}
	if all := nodetest.Do(w.World, &api.DescribeLoadBalancerPolicies, &api.DescribeLoadBalancerPoliciesInput{}).PolicyDescriptions; len(all) != 9 {
		t.Errorf("%d predefined policies", len(all))
	}
	fails(t, try(w, &api.DescribeLoadBalancerPolicies, &api.DescribeLoadBalancerPoliciesInput{LoadBalancerName: new("web"), PolicyNames: []string{"none"}}), "PolicyNotFound", "")
	types := nodetest.Do(w.World, &api.DescribeLoadBalancerPolicyTypes, &api.DescribeLoadBalancerPolicyTypesInput{}).PolicyTypeDescriptions
	if len(types) != 6 {
		t.Errorf("%d types", len(types))
	}
	fails(t, try(w, &api.DescribeLoadBalancerPolicyTypes, &api.DescribeLoadBalancerPolicyTypesInput{PolicyTypeNames: []string{"none"}}), "PolicyTypeNotFound", "")
}

func TestHealthCheckTargets(t *testing.T) {
	w := newWorld(t)
	w.create("web")
	for target, want := range map[string]string{
		"TCP:80": "", "ssl:443": "", "HTTP:80/": "", "HTTPS:8443/a/b?c": "",
		"HTTP:80": "a path that begins with a slash", "HTTP:/": "a port followed by", "TCP:0": "port", "TCP:80/x": "port", "UDP:53": "must begin with", "80": "must begin with",
	} {
		err := try(w, &api.ConfigureHealthCheck, &api.ConfigureHealthCheckInput{LoadBalancerName: "web", HealthCheck: api.HealthCheck{Target: target, Interval: 30, Timeout: 5, UnhealthyThreshold: 2, HealthyThreshold: 2}})
		if want == "" {
			fails(t, err, "", "")
		} else {
			fails(t, err, "ValidationError", want)
		}
	}
	fails(t, try(w, &api.ConfigureHealthCheck, &api.ConfigureHealthCheckInput{LoadBalancerName: "web", HealthCheck: api.HealthCheck{Target: "TCP:1", Interval: 5, Timeout: 5, UnhealthyThreshold: 2, HealthyThreshold: 2}}),
		"ValidationError", "HealthCheck timeout must be less than interval")
}

func TestAttributes(t *testing.T) {
	w := newWorld(t)
	w.create("web")
	a := nodetest.Do(w.World, &api.DescribeLoadBalancerAttributes, &api.DescribeLoadBalancerAttributesInput{LoadBalancerName: "web"}).LoadBalancerAttributes
	if a.CrossZoneLoadBalancing.Enabled || a.AccessLog.Enabled || a.ConnectionDraining.Enabled || *a.ConnectionDraining.Timeout != 300 || a.ConnectionSettings.IdleTimeout != 60 ||
		*a.AdditionalAttributes[0].Value != "defensive" {
		t.Errorf("it begins with %+v", a)
	}
	modify := func(a api.LoadBalancerAttributes) error {
		return try(w, &api.ModifyLoadBalancerAttributes, &api.ModifyLoadBalancerAttributesInput{LoadBalancerName: "web", LoadBalancerAttributes: a})
	}
	log := &api.AccessLog{Enabled: true, S3BucketName: new("logs-of-web"), S3BucketPrefix: new("here"), EmitInterval: new(int32(5))}
	fails(t, modify(api.LoadBalancerAttributes{AccessLog: log}), "InvalidConfigurationRequest", "Access Denied for bucket: logs-of-web. Please check S3bucket permission")
	nodetest.Do(w.World, &s3.CreateBucket, &s3.CreateBucketInput{Bucket: "logs-of-web"})
	fails(t, modify(api.LoadBalancerAttributes{AccessLog: log}), "InvalidConfigurationRequest", "Access Denied")
	nodetest.Do(w.World, &s3.PutBucketPolicy, &s3.PutBucketPolicyInput{Bucket: "logs-of-web", Policy: `{"Version":"2012-10-17","Statement":[{"Effect":"Allow",
		"Principal":{"AWS":"arn:aws:iam::127311923021:root"},"Action":"s3:PutObject","Resource":"arn:aws:s3:::logs-of-web/here/AWSLogs/000000000000/*"}]}`})
	fails(t, modify(api.LoadBalancerAttributes{AccessLog: log, CrossZoneLoadBalancing: &api.CrossZoneLoadBalancing{Enabled: true}}), "", "")
	list := nodetest.Do(w.World, &s3.ListObjectsV2, &s3.ListObjectsV2Input{Bucket: "logs-of-web"})
	if len(list.Contents) != 1 || *list.Contents[0].Key != "here/AWSLogs/000000000000/ELBAccessLogTestFile" {
		t.Errorf("the bucket has %v", list.Contents)
	}
	off := &api.AccessLog{Enabled: false, S3BucketName: new("logs-of-web"), EmitInterval: new(int32(60))}
	fails(t, modify(api.LoadBalancerAttributes{AccessLog: off}), "", "")
	if l := nodetest.Do(w.World, &api.DescribeLoadBalancerAttributes, &api.DescribeLoadBalancerAttributesInput{LoadBalancerName: "web"}).LoadBalancerAttributes.AccessLog; l.Enabled || *l.S3BucketName != "logs-of-web" || *l.S3BucketPrefix != "here" || *l.EmitInterval != 60 {
		t.Errorf("a log that was turned off is %+v", l)
	}
	fails(t, modify(api.LoadBalancerAttributes{AccessLog: &api.AccessLog{Enabled: true, S3BucketName: new("logs-of-web"), EmitInterval: new(int32(7))}}), "InvalidConfigurationRequest", "5 or 60")
	fails(t, modify(api.LoadBalancerAttributes{ConnectionDraining: &api.ConnectionDraining{Enabled: true, Timeout: new(int32(0))}}), "InvalidConfigurationRequest", "1..3600")
	for _, timeout := range []*int32{new(int32(10)), nil} { // one that is not given stays
		fails(t, modify(api.LoadBalancerAttributes{ConnectionDraining: &api.ConnectionDraining{Enabled: true, Timeout: timeout}}), "", "")
		if d := nodetest.Do(w.World, &api.DescribeLoadBalancerAttributes, &api.DescribeLoadBalancerAttributesInput{LoadBalancerName: "web"}).LoadBalancerAttributes.ConnectionDraining; *d.Timeout != 10 {
			t.Errorf("draining takes %d s, want 10", *d.Timeout)
		}
	}
	fails(t, modify(api.LoadBalancerAttributes{ConnectionSettings: &api.ConnectionSettings{IdleTimeout: 4000}}), "ValidationError", "")
	fails(t, modify(api.LoadBalancerAttributes{AdditionalAttributes: []api.AdditionalAttribute{{Key: new("elb.http.desyncmitigationmode"), Value: new("strictest")}}}), "", "")
	fails(t, modify(api.LoadBalancerAttributes{AdditionalAttributes: []api.AdditionalAttribute{{Key: new("elb.http.other"), Value: new("x")}}}), "LoadBalancerAttributeNotFound", "")
	a = nodetest.Do(w.World, &api.DescribeLoadBalancerAttributes, &api.DescribeLoadBalancerAttributesInput{LoadBalancerName: "web"}).LoadBalancerAttributes
	if !a.CrossZoneLoadBalancing.Enabled || *a.AccessLog.S3BucketPrefix != "here" || *a.AdditionalAttributes[0].Value != "strictest" {
		t.Errorf("it ends with %+v", a)
	}
	w.Advance(30 * 24 * time.Hour) // a month without records writes no files
	if list = nodetest.Do(w.World, &s3.ListObjectsV2, &s3.ListObjectsV2Input{Bucket: "logs-of-web"}); len(list.Contents) != 1 {
		t.Errorf("the bucket has %d objects", len(list.Contents))
	}
}

func TestLimits(t *testing.T) {
	w := newWorld(t)
	got := map[string]string{}
	for _, l := range nodetest.Do(w.World, &api.DescribeAccountLimits, &api.DescribeAccountLimitsInput{}).Limits {
		got[strings.TrimPrefix(*l.Name, "classic-")] = *l.Max
	}
	if len(got) != 3 || got["load-balancers"] != "20" || got["listeners"] != "100" || got["registered-instances"] != "1000" {
		t.Errorf("limits %v", got)
	}
}

func TestMetrics(t *testing.T) {
	w := newWorld(t)
	w.launch()
	w.create("web")
	w.register("web", w.instances...)
	got := map[string]float64{}
	for m := range w.Gate().Measure(w.Call()) {
		if m.Namespace == "AWS/ELB" {
			key := m.Name
			for _, d := range m.Dimensions {
				key += " " + d.Value
			}
			got[key] = m.Values[0]
		}
	}
	for key, want := range map[string]float64{"UnHealthyHostCount web": 2, "UnHealthyHostCount web us-east-1a": 1, "HealthyHostCount web us-east-1b": 0} {
		if n, ok := got[key]; !ok || n != want {
			t.Errorf("%s is %v, not %v, of %v", key, n, want, got)
		}
	}
}
