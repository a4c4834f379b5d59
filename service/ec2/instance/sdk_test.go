package instance_test

import (
	"errors"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/smithy-go"
)

// code fails the test unless err has the code; "" is success.
func code(t *testing.T, err error, want string) {
	t.Helper()
	var e smithy.APIError
	switch {
	case want == "" && err != nil:
		t.Errorf("%v", err)
	case want != "" && (!errors.As(err, &e) || e.ErrorCode() != want):
		t.Errorf("%v, want %s", err, want)
	}
}

func tryDescribe(t *testing.T, cfg aws.Config, want string) {
	t.Helper()
	_, err := sdk.NewFromConfig(cfg).DescribeInstances(t.Context(), &sdk.DescribeInstancesInput{})
	code(t, err, want)
}

func tryTerminate(t *testing.T, cfg aws.Config, id, want string) {
	t.Helper()
	_, err := sdk.NewFromConfig(cfg).TerminateInstances(t.Context(), &sdk.TerminateInstancesInput{InstanceIds: []string{id}})
	code(t, err, want)
}

// TestOverTheWire goes through AWS's own client.
func TestOverTheWire(t *testing.T) {
	w := newWorld(t)
	c := sdk.NewFromConfig(w.Config())
	key, err := c.CreateKeyPair(t.Context(), &sdk.CreateKeyPairInput{KeyName: aws.String("k")})
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.RunInstances(t.Context(), &sdk.RunInstancesInput{
		ImageId: aws.String(image()), InstanceType: types.InstanceTypeT3Small, MinCount: aws.Int32(2), MaxCount: aws.Int32(2), KeyName: key.KeyName,
		TagSpecifications: []types.TagSpecification{{ResourceType: types.ResourceTypeInstance, Tags: []types.Tag{{Key: aws.String("team"), Value: aws.String("blue")}}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	w.Drain()
	found, err := c.DescribeInstances(t.Context(), &sdk.DescribeInstancesInput{Filters: []types.Filter{
		{Name: aws.String("tag:team"), Values: []string{"bl*"}}, {Name: aws.String("instance-state-name"), Values: []string{"running"}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	if len(found.Reservations) != 1 || *found.Reservations[0].ReservationId != *out.ReservationId || len(found.Reservations[0].Instances) != 2 {
		t.Fatalf("found %v", found.Reservations)
	}
	i := found.Reservations[0].Instances[0]
	if i.State.Name != types.InstanceStateNameRunning || *i.KeyName != "k" || len(i.Tags) != 1 || i.MetadataOptions.HttpTokens != types.HttpTokensStateOptional {
		t.Errorf("instance %+v", i)
	}
	if err := sdk.NewInstanceRunningWaiter(c).Wait(t.Context(), &sdk.DescribeInstancesInput{InstanceIds: []string{*i.InstanceId}}, time.Minute); err != nil {
		t.Error(err)
	}
	status, err := c.DescribeInstanceStatus(t.Context(), &sdk.DescribeInstanceStatusInput{InstanceIds: []string{*i.InstanceId}})
	if err != nil || status.InstanceStatuses[0].InstanceStatus.Status != types.SummaryStatusOk {
		t.Errorf("status %v, %v", status, err)
	}
	_, err = c.RunInstances(t.Context(), &sdk.RunInstancesInput{ImageId: aws.String(image()), MinCount: aws.Int32(1), MaxCount: aws.Int32(1), DryRun: aws.Bool(true)})
	code(t, err, "DryRunOperation")
}
