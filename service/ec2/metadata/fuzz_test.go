package metadata

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// FuzzPath reads any path: it must not panic, and what can be listed can be
// read.
func FuzzPath(f *testing.F) {
	for _, p := range []string{"/", "/latest", "/latest/meta-data/", "//latest//meta-data/instance-id", "/1.0/meta-data/network/interfaces/macs/0a:b/../x", "/latest/meta-data/public-keys/0=k/", "/latest/user-data/"} {
		f.Add(p)
	}
	keys, err := NewSecrets(time.Unix(1_700_000_000, 0))
	if err != nil {
		f.Fatal(err)
	}
	i := &Instance{
		ID: "i-1", Zone: "us-east-1a", Region: "us-east-1", Image: "ami-1", Type: "t3.micro", Hostname: "ip-10-0-0-5.ec2.internal", Action: "none",
		PublicKey: "ssh-rsa AAAA k", KeyName: "k", UserData: []byte("x"), Interfaces: []Interface{{ID: "eni-1", MAC: "0a:b", VPC: "vpc-1"}},
		Devices: []Device{{"root", "/dev/xvda"}}, Tags: []Tag{{"a/b", "no"}, {"Name", "web"}}, Options: Options{Tags: true},
	}
	s := &Service{}
	f.Fuzz(func(t *testing.T, path string) {
		q := &query{ctx: t.Context(), i: i, secrets: keys}
		text, ok := s.lookUp(q, path)
		clean := strings.Join(slices.DeleteFunc(strings.Split(path, "/"), func(p string) bool { return p == "" }), "/")
		if other, also := s.lookUp(q, "/"+clean); also != ok || other != text {
			t.Errorf("%q reads %q, %v; %q reads %q, %v", path, text, ok, "/"+clean, other, also)
		}
	})
}

// TestListingsCanBeRead walks the whole tree by its listings.
func TestListingsCanBeRead(t *testing.T) {
	keys, err := NewSecrets(time.Unix(1_700_000_000, 0))
	if err != nil {
		t.Fatal(err)
	}
	i := &Instance{
		ID: "i-1", Zone: "us-east-1a", Hostname: "h", Domain: "amazonaws.com", Partition: "aws", PublicKey: "ssh-rsa AAAA k", KeyName: "my key", Action: "none", SpotAction: "terminate", Rebalance: time.Unix(1, 0),
		ProfileARN: "arn", Interfaces: []Interface{{ID: "eni-1", MAC: "0a:b"}}, Tags: []Tag{{"Name", "web"}}, Options: Options{Tags: true}, Lifecycle: "InService",
	}
	q := &query{ctx: t.Context(), i: i, secrets: keys}
	s := &Service{}
	seen := 0
	var walk func(path string)
	walk = func(path string) {
		text, ok := s.lookUp(q, path)
		if !ok {
			t.Errorf("%s is listed and cannot be read", path)
			return
		}
		if !strings.HasSuffix(path, "/") {
			seen++
			return
		}
		for name := range strings.SplitSeq(text, "\n") {
			if n, key, ok := strings.Cut(name, "="); ok && key == "my key" {
				name = n + "/"
			}
			walk(path + name)
		}
	}
	walk("/latest/meta-data/")
	walk("/latest/dynamic/")
	if seen < 30 {
		t.Errorf("only %d values", seen)
	}
}
