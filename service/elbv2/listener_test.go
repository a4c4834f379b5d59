package elbv2_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"testing"

	api "pileus/api/elbv2"
	apiiam "pileus/api/iam"
	"pileus/node/nodetest"
)

// certificate uploads a certificate for a host to IAM.
func (w *world) certificate(host string) string {
	w.T.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		w.T.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: host}, DNSNames: []string{host},
		NotBefore: nodetest.Epoch.AddDate(-1, 0, 0), NotAfter: nodetest.Epoch.AddDate(10, 0, 0),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		w.T.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		w.T.Fatal(err)
	}
	return nodetest.Do(w.World, &apiiam.UploadServerCertificate, &apiiam.UploadServerCertificateInput{
		ServerCertificateName: host, CertificateBody: string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
		PrivateKey: string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})),
	}).ServerCertificateMetadata.Arn
}

// TestCertificates: a listener's default certificate, those for other hosts,
// and its policy.
func TestCertificates(t *testing.T) {
	w := newWorld(t)
	b := w.balancer("web")
	first, second := w.certificate("a.example.com"), w.certificate("b.example.com")
	one := func(arn string) []api.Certificate { return []api.Certificate{{CertificateArn: &arn}} }
	in := &api.CreateListenerInput{LoadBalancerArn: *b.LoadBalancerArn, Protocol: new("HTTPS"), Port: new(int32(443)), Certificates: one(first), DefaultActions: says("x")}
	missing := *in
	missing.Certificates = one("arn:aws:iam::000000000000:server-certificate/none")
	_, err := nodetest.Try(w.World, &api.CreateListener, &missing)
	wants(t, err, "CertificateNotFound", "none")
	odd := *in
	odd.SslPolicy = new("none")
	_, err = nodetest.Try(w.World, &api.CreateListener, &odd)
	wants(t, err, "SSLPolicyNotFound", "none")
	l := nodetest.Do(w.World, &api.CreateListener, in).Listeners[0]
	if *l.SslPolicy != "ELBSecurityPolicy-2016-08" || *l.MutualAuthentication.Mode != "off" || *l.Certificates[0].CertificateArn != first {
		t.Errorf("the listener is %+v", l)
	}
	// What is empty is not given: Terraform sends it.
	pass := api.MutualAuthenticationAttributes{Mode: new("passthrough"), TrustStoreArn: new(""), IgnoreClientCertificateExpiry: new(false)}
	m := nodetest.Do(w.World, &api.ModifyListener, &api.ModifyListenerInput{ListenerArn: *l.ListenerArn, MutualAuthentication: &pass}).Listeners[0].MutualAuthentication
	if *m.Mode != "passthrough" || m.TrustStoreArn != nil || m.IgnoreClientCertificateExpiry != nil {
		t.Errorf("client certificates are passed through as %+v", m)
	}
	pass.TrustStoreArn = new("arn:aws:elasticloadbalancing:us-east-1:000000000000:truststore/x/1")
	_, err = nodetest.Try(w.World, &api.ModifyListener, &api.ModifyListenerInput{ListenerArn: *l.ListenerArn, MutualAuthentication: &pass})
	wants(t, err, "ValidationError", "A trust store cannot be specified")
	nodetest.Do(w.World, &api.AddListenerCertificates, &api.AddListenerCertificatesInput{ListenerArn: *l.ListenerArn, Certificates: one(second)})
	list := nodetest.Do(w.World, &api.DescribeListenerCertificates, &api.DescribeListenerCertificatesInput{ListenerArn: *l.ListenerArn}).Certificates
	if len(list) != 2 || !*list[0].IsDefault || *list[1].CertificateArn != second || *list[1].IsDefault {
		t.Errorf("its certificates are %+v", list)
	}
	_, err = nodetest.Try(w.World, &api.RemoveListenerCertificates, &api.RemoveListenerCertificatesInput{ListenerArn: *l.ListenerArn, Certificates: one(first)})
	wants(t, err, "OperationNotPermitted", "Default certificate")
	nodetest.Do(w.World, &api.RemoveListenerCertificates, &api.RemoveListenerCertificatesInput{ListenerArn: *l.ListenerArn, Certificates: one(second)})
	w.Drain() // the data path takes it
	if got := w.describe("web"); *got.State.Code != "active" {
		t.Errorf("the load balancer is %s", *got.State.Code)
	}
}

// TestMetrics: what went through a load balancer is published with AWS's names
// and dimensions.
func TestMetrics(t *testing.T) {
	w := newWorld(t)
	b := w.balancer("web")
	w.listener(*b.LoadBalancerArn, 80, says("x"))
	w.Drain()
	for range 3 {
		w.get(*b.DNSName, "/")
	}
	short := (*b.LoadBalancerArn)[len("arn:aws:elasticloadbalancing:us-east-1:000000000000:loadbalancer/"):]
	found := map[string]float64{}
	for m := range w.Gate().Measure(w.Call()) {
		if m.Namespace != "AWS/ApplicationELB" || len(m.Dimensions) != 1 || m.Dimensions[0].Name != "LoadBalancer" || m.Dimensions[0].Value != short {
			continue
		}
		for n, v := range m.Values {
			found[m.Name] += v * m.Counts[n]
		}
	}
	if found["HTTP_Fixed_Response_Count"] != 3 {
		t.Errorf("the metrics are %v", found)
	}
	if _, ok := found["ConsumedLCUs"]; !ok {
		t.Errorf("there are no ConsumedLCUs: %v", found)
	}
}
