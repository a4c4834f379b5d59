package cloudwatch

import (
	"encoding/json"
	"math"
	"net/http"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/cloudwatch"

	api "pileus/api/cloudwatch"
	bill "pileus/meter"
	"pileus/node/nodetest"
)

// A day with a metric, alarms and a dashboard, on the bill.
func TestBill(t *testing.T) {
	w := nodetest.New(t, Module())
	for range 24 { // a custom metric is billed for the hours in which it is published
		put(w, "load", 1)
		w.Advance(time.Hour)
		if w.Now().Sub(nodetest.Epoch) == time.Hour {
			nodetest.Do(w, &api.PutMetricAlarm, watch("a", 1, 1, ""))
			fine := watch("fine", 1, 1, "")
			fine.Period = new(int32(10))
			nodetest.Do(w, &api.PutMetricAlarm, fine)
			nodetest.Do(w, &api.PutCompositeAlarm, &api.PutCompositeAlarmInput{AlarmName: "c", AlarmRule: "ALARM(a)"})
			nodetest.Do(w, &api.PutDashboard, &api.PutDashboardInput{DashboardName: "d", DashboardBody: `{"widgets":[]}`})
		}
	}
	client := sdk.NewFromConfig(w.Config())
	for range 3 {
		if _, err := client.ListMetrics(t.Context(), &sdk.ListMetricsInput{Namespace: aws.String(ns)}); err != nil {
			t.Fatal(err)
		}
	}
	res, err := http.Get(w.Endpoint + "/_pileus/bill?from=2026-01&to=2026-02")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var b bill.Bill
	if err := json.NewDecoder(res.Body).Decode(&b); err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, l := range b.Lines {
		got[l.Type] += l.Quantity
	}
	const month, after = 31 * 24, 23.0 // they were made after the first hour
	for kind, want := range map[string]float64{
		usageMetrics: 24.0 / month, usageAlarms: after / month, usageFineAlarms: after / month, usageComposites: after / month, usageDashboards: after / month, usageRequests: 3,
	} {
		if math.Abs(got[kind]-want) > 1e-4 {
			t.Errorf("%s: %v, want %v", kind, got[kind], want)
		}
	}
}
