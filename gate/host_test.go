package gate

import "testing"

func TestVirtualHosts(t *testing.T) {
	for host, want := range map[string]hostName{
		"localhost:4566":                                               {},
		"127.0.0.1:4566":                                               {},
		"[::1]:4566":                                                   {},
		"example.org":                                                  {},
		"web-1.us-east-1.elb.localhost:4566":                           {Service: "elb", Prefix: "web-1.us-east-1"},
		"web-1a.elb.us-east-1.localhost:4566":                          {Service: "elb", Prefix: "web-1a", Region: "us-east-1"},
		"photos.elb.localhost":                                         {Bare: "photos.elb"},
		"s3.localhost.localstack.cloud:4566":                           {Service: "s3"},
		"hello.s3.localhost":                                           {Service: "s3", Prefix: "hello"},
		"a.b.c.s3.eu-west-1.localhost":                                 {Service: "s3", Prefix: "a.b.c", Region: "eu-west-1"},
		"Hello.S3.amazonaws.com":                                       {Service: "s3", Prefix: "hello"},
		"b.s3.dualstack.us-west-2.amazonaws.com":                       {Service: "s3", Prefix: "b", Region: "us-west-2"},
		"site.s3-website.localhost.localstack.cloud:4566":              {Service: "s3-website", Prefix: "site"},
		"site.s3-website-us-west-2.amazonaws.com":                      {Service: "s3-website", Prefix: "site", Region: "us-west-2"},
		"site.s3-website.eu-central-1.amazonaws.com":                   {Service: "s3-website", Prefix: "site", Region: "eu-central-1"},
		"sqs.us-east-1.localhost.localstack.cloud:4566":                {Service: "sqs", Region: "us-east-1"},
		"ap-123456789012.s3-accesspoint.us-east-1.amazonaws.com":       {Service: "s3-accesspoint", Prefix: "ap-123456789012", Region: "us-east-1"},
		"000000000000.s3-control.us-east-1.localhost.localstack.cloud": {Service: "s3-control", Prefix: "000000000000", Region: "us-east-1"},
		"hello.s3-accelerate.amazonaws.com":                            {Service: "s3", Prefix: "hello"},
		"d--use1-az4--x-s3.s3express-use1-az4.us-east-1.amazonaws.com": {Service: "s3", Region: "us-east-1", Prefix: "d--use1-az4--x-s3"},
		"s3express-control.us-east-1.amazonaws.com":                    {Service: "s3", Region: "us-east-1"},
		"vpce-0a1b-c2d3.sqs.us-east-1.vpce.amazonaws.com":              {Service: "sqs", Region: "us-east-1"},
		"photos.bucket.vpce-0a1b-c2d3.s3.us-east-1.vpce.amazonaws.com": {Service: "s3", Region: "us-east-1", Prefix: "photos"},
		"bucket.vpce-0a1b-c2d3.s3.us-east-1.vpce.amazonaws.com":        {Service: "s3", Region: "us-east-1"},
		"sts.amazonaws.com":                                            {Service: "sts"},
		"photos.localhost:4566":                                        {Bare: "photos"},
		"my.photos.localhost.localstack.cloud:4566":                    {Bare: "my.photos"},
		"photos.amazonaws.com":                                         {},
		"s3.s3.localhost":                                              {Service: "s3", Prefix: "s3"},
	} {
		if got := parseHost(host); got != want {
			t.Errorf("%s: %+v, want %+v", host, got, want)
		}
	}
}
