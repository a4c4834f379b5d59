package cloudwatch

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	api "pileus/api/cloudwatch"
	"pileus/node/nodetest"
)

func TestTags(t *testing.T) {
	w := nodetest.New(t, Module())
	client, ctx := sdk.NewFromConfig(w.Config()), t.Context()
	in := watch("a", 1, 1, "")
	in.Tags = []api.Tag{{Key: "team", Value: "shop"}}
	nodetest.Do(w, &api.PutMetricAlarm, in)
	arn := aws.String("arn:aws:cloudwatch:us-east-1:000000000000:alarm:a")
	if _, err := client.TagResource(ctx, &sdk.TagResourceInput{ResourceARN: arn, Tags: []types.Tag{{Key: aws.String("env"), Value: aws.String("prod")}}}); err != nil {
		t.Fatal(err)
	}
	got, err := client.ListTagsForResource(ctx, &sdk.ListTagsForResourceInput{ResourceARN: arn})
	if err != nil || len(got.Tags) != 2 || *got.Tags[0].Key != "env" || *got.Tags[1].Value != "shop" {
		t.Fatalf("tags %+v, %v", got, err)
	}
	if _, err := client.UntagResource(ctx, &sdk.UntagResourceInput{ResourceARN: arn, TagKeys: []string{"team"}}); err != nil {
		t.Fatal(err)
	}
	if got, err = client.ListTagsForResource(ctx, &sdk.ListTagsForResourceInput{ResourceARN: arn}); err != nil || len(got.Tags) != 1 {
		t.Errorf("tags %+v, %v", got, err)
	}
	if _, err = client.ListTagsForResource(ctx, &sdk.ListTagsForResourceInput{ResourceARN: aws.String(*arn + "b")}); err == nil {
		t.Error("an alarm that is not there has tags")
	}
}
