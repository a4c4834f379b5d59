package math

import (
	"testing"
	"time"
)

func TestLabels(t *testing.T) {
	s := &Series{Period: 60, Times: []int64{0, 60, 3600, 7200}, Values: []float64{4, 9.5, 1, 3},
		Metric: &Metric{Account: "1", Region: "r", Namespace: "N", Name: "M", Stat: "Sum", Dimensions: []Dimension{{"Id", "i-1"}}}}
	c := LabelContext{Default: "D", Now: time.Unix(7230, 0), Zone: time.FixedZone("", 3600)}
	for template, want := range map[string]string{
		"plain $5":                 "plain $5",
		"${LABEL}: ${MAX}":         "D: 9.5",
		"${MIN} ${AVG} ${SUM}":     "1 4.375 17.5",
		"${FIRST} ${LAST}":         "4 3",
		"${DATAPOINT_COUNT}":       "4",
		"${MIN_MAX_RANGE}":         "8.5",
		"${FIRST_LAST_RANGE}":      "1",
		"${FIRST_LAST_TIME_RANGE}": "2h0m",
		"${MIN_MAX_TIME_RANGE}":    "59m0s",
		"${MIN_TIME}":              "1970-01-01 02:00:00 +0100",
		"${LAST_TIME_RELATIVE}":    "30s",
		"${PROP('Dim.Id')}":        "i-1",
		`${PROP("Dim.None")}`:      "",
		"${PROP('MetricName')}":    "M",
		"${PROP('Period')}":        "60",
		"${PROP('Stat')} ${PROP('Region')} ${PROP('AccountId')} ${PROP('Namespace')}": "Sum r 1 N",
		"${PROP('Colour')} ${NOTHING}": "${PROP('Colour')} ${NOTHING}",
	} {
		if got := Label(template, s, c); got != want {
			t.Errorf("%s is %q, want %q", template, got, want)
		}
	}
	if got := Label("${MAX} ${LAST_TIME} ${DATAPOINT_COUNT} ${FIRST}", &Series{}, c); got != "-- -- 0 --" {
		t.Errorf("of nothing: %q", got)
	}
}
