package main

import (
	"os"
	"path/filepath"
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// TestSSH has a program in the place of ssh that prints how it was called.
func TestSSH(t *testing.T) {
	d := newDesk(t)
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "ssh"), []byte("#!/bin/sh\necho \"$@\"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	client := sdk.NewFromConfig(d.Config())
	images, err := client.DescribeImages(t.Context(), &sdk.DescribeImagesInput{Owners: []string{"amazon"}})
	if err != nil {
		t.Fatal(err)
	}
	made, err := client.RunInstances(t.Context(), &sdk.RunInstancesInput{
		ImageId: images.Images[0].ImageId, InstanceType: types.InstanceTypeT3Micro, MinCount: new(int32(1)), MaxCount: new(int32(1)),
		TagSpecifications: []types.TagSpecification{{ResourceType: types.ResourceTypeInstance, Tags: []types.Tag{{Key: new("Name"), Value: new("web")}}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	id := *made.Instances[0].InstanceId
	d.Drain()
	found, err := client.DescribeInstances(t.Context(), &sdk.DescribeInstancesInput{InstanceIds: []string{id}})
	if err != nil {
		t.Fatal(err)
	}
	address := *found.Reservations[0].Instances[0].PublicIpAddress
	for _, name := range []string{id, "web"} {
		d.says([]string{"-i key.pem -o IdentitiesOnly=yes ec2-user@" + address + " uname -a\n"}, "ssh", "-i", "key.pem", name, "--", "uname", "-a")
	}
	d.refuses(`no instance is called "none"`, "ssh", "none")
	d.refuses("does not exist", "ssh", "i-0123456789abcdef0")
}
