package cloudwatch

import (
	"errors"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"pileus/node/nodetest"
)

func TestDashboards(t *testing.T) {
	w := nodetest.New(t, Module())
	client, ctx := sdk.NewFromConfig(w.Config()), t.Context()
	const body = `{"widgets":[{"type":"text","width":6,"height":6,"properties":{"markdown":"shop"}}]}`
	for _, name := range []string{"shop", "shop-2", "other"} {
		if _, err := client.PutDashboard(ctx, &sdk.PutDashboardInput{DashboardName: &name, DashboardBody: aws.String(body)}); err != nil {
			t.Fatal(err)
		}
	}
	got, err := client.GetDashboard(ctx, &sdk.GetDashboardInput{DashboardName: aws.String("shop")})
	if err != nil || *got.DashboardBody != body || *got.DashboardArn != "arn:aws:cloudwatch::000000000000:dashboard/shop" {
		t.Fatalf("dashboard %+v, %v", got, err)
	}
	list, err := client.ListDashboards(ctx, &sdk.ListDashboardsInput{DashboardNamePrefix: aws.String("shop")})
	if err != nil || len(list.DashboardEntries) != 2 || *list.DashboardEntries[0].Size != int64(len(body)) {
		t.Errorf("list %+v, %v", list, err)
	}
	var bad *types.DashboardInvalidInputError
	for _, body := range []string{"no", `{"widgets":[{"type":"clock","properties":{}}]}`, `{"widgets":[{"type":"text"}]}`} {
		if _, err := client.PutDashboard(ctx, &sdk.PutDashboardInput{DashboardName: aws.String("x"), DashboardBody: &body}); !errors.As(err, &bad) || len(bad.DashboardValidationMessages) != 1 {
			t.Errorf("%s: %v", body, err)
		}
	}
	var none *types.DashboardNotFoundError
	if _, err := client.DeleteDashboards(ctx, &sdk.DeleteDashboardsInput{DashboardNames: []string{"shop", "nowhere"}}); !errors.As(err, &none) {
		t.Errorf("delete what is not there: %v", err)
	}
	if _, err := client.GetDashboard(ctx, &sdk.GetDashboardInput{DashboardName: aws.String("shop")}); err != nil {
		t.Errorf("a delete that failed deleted: %v", err)
	}
	if _, err := client.DeleteDashboards(ctx, &sdk.DeleteDashboardsInput{DashboardNames: []string{"shop"}}); err != nil {
		t.Error(err)
	}
	if _, err := client.GetDashboard(ctx, &sdk.GetDashboardInput{DashboardName: aws.String("shop")}); !errors.As(err, &none) {
		t.Errorf("a deleted dashboard: %v", err)
	}
}
