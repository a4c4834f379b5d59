package resolver

import (
	"net/netip"
	"testing"
)

func TestServiceNames(t *testing.T) {
	for name, want := range map[string]string{
		"s3.amazonaws.com": "s3", "s3.us-east-1.amazonaws.com": "s3", "bucket.s3.amazonaws.com": "s3",
		"my.bucket.s3.eu-west-1.amazonaws.com": "s3", "s3.dualstack.us-east-1.amazonaws.com": "s3", "s3-eu-west-1.amazonaws.com": "s3",
		"b--use1-az4--x-s3.s3express-use1-az4.us-east-1.amazonaws.com": "s3",
		"dynamodb.us-east-1.amazonaws.com":                             "dynamodb", "123456789012.ddb.us-east-1.amazonaws.com": "",
		"sqs.us-east-1.amazonaws.com": "", "sts.amazonaws.com": "", "bots3.amazonaws.com": "", "s3.example.com": "",
	} {
		got := ""
		if s3Name.MatchString(name) {
			got = "s3"
		} else if dynamoDBName.MatchString(name) {
			got = "dynamodb"
		}
		if got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

func TestHostNames(t *testing.T) {
	a := netip.MustParseAddr("10.0.12.5")
	for region, want := range map[string][2]string{
		"us-east-1": {"ip-10-0-12-5.ec2.internal", "ec2-10-0-12-5.compute-1.amazonaws.com"},
		"eu-west-1": {"ip-10-0-12-5.eu-west-1.compute.internal", "ec2-10-0-12-5.eu-west-1.compute.amazonaws.com"},
	} {
		if got := [2]string{PrivateName(region, a), PublicName(region, a)}; got != want {
			t.Errorf("%s: %v, want %v", region, got, want)
		}
	}
	for label, ok := range map[string]bool{"ip-10-0-12-5": true, "ip-10-0-12": false, "ip-10-0-12-500": false, "ip-": false, "xx-1-2-3-4": false} {
		if got, is := fromDashed(label, "ip-"); is != ok || ok && got != a {
			t.Errorf("%s: %v, %v", label, got, is)
		}
	}
	if got, ok := reversed("5.12.0.10.in-addr.arpa"); !ok || got != a {
		t.Errorf("reversed: %v, %v", got, ok)
	}
}
