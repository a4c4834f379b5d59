package cloudwatch

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	api "pileus/api/cloudwatch"
	"pileus/cloud"
	"pileus/service/cloudwatch/picture"
	"pileus/store"
)

// widget is a graph as GetMetricWidgetImage and metric widgets of dashboards
// define it.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Metric-Widget-Structure.html
type widget struct {
	Metrics              [][]any       `json:"metrics"`
	Annotations          annotations   `json:"annotations"`
	Start                string        `json:"start"`
	End                  string        `json:"end"`
	Width                int           `json:"width"`
	Height               int           `json:"height"`
	Legend               widgetLegend  `json:"legend"`
	Period               int32         `json:"period"`
	Stat                 string        `json:"stat"`
	Stacked              bool          `json:"stacked"`
	Theme                string        `json:"theme"`
	Timezone             string        `json:"timezone"`
	Title                string        `json:"title"`
	View                 string        `json:"view"`
	YAxis                widgetAxes    `json:"yAxis"`
	Region               string        `json:"region"`
	SetPeriodToTimeRange bool          `json:"setPeriodToTimeRange"`
	queries              []widgetQuery // of Metrics; see readQueries
}

type widgetLegend struct {
	Position string `json:"position"`
}

type widgetAxes struct {
	Left  widgetAxis `json:"left"`
	Right widgetAxis `json:"right"`
}

type widgetAxis struct {
	Label string   `json:"label"`
	Min   *float64 `json:"min"`
	Max   *float64 `json:"max"`
}

// What a widget is where it does not say.
const (
	widgetWidth  = 600
	widgetHeight = 400
	widgetPeriod = 300
	widgetStat   = "Average"
	widgetStart  = "-PT3H"
	widgetEnd    = "-PT0H"
)

// imageType is the OutputFormat with which the answer is the image itself.
const imageType = "image/png"

func getMetricWidgetImage(c *cloud.Call, r store.Reader, in *api.GetMetricWidgetImageInput) (*api.GetMetricWidgetImageOutput, error) {
	format := cloud.Or(in.OutputFormat, "png")
	if format != "png" && format != imageType {
		return nil, badValue(format, "OutputFormat")
	}
	w, err := parseWidget(in.MetricWidget)
	if err != nil {
		return nil, err
	}
	chart, err := w.chart(c, r)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if err := chart.PNG(&b); err != nil {
		return nil, fmt.Errorf("draw widget: %w", err)
	}
	if format == imageType && c.HTTP != nil {
		c.HTTP.Raw = &cloud.Raw{ContentType: imageType, Body: b.Bytes()}
	}
	return &api.GetMetricWidgetImageOutput{MetricWidgetImage: b.Bytes()}, nil
}

// parseWidget reads a widget's JSON, which it checks first.
func parseWidget(text string) (*widget, error) {
	var doc any
	if err := json.Unmarshal([]byte(text), &doc); err != nil {
		return nil, invalid("The field MetricWidget must be a valid JSON object")
	}
	fields, ok := doc.(map[string]any)
	if !ok {
		return nil, invalid("The field MetricWidget must be a valid JSON object")
	}
	f := &findings{}
	f.metricWidget("", fields, false)
	if len(f.errors) > 0 {
		return nil, invalid("The field MetricWidget is invalid, there are %d validation errors:\n%s", len(f.errors), f.text())
	}
	w := &widget{Start: widgetStart, End: widgetEnd, Width: widgetWidth, Height: widgetHeight, Period: widgetPeriod, Stat: widgetStat}
	if err := json.Unmarshal([]byte(text), w); err != nil {
		return nil, invalid("The field MetricWidget is invalid: %s", strings.TrimPrefix(err.Error(), "json: "))
	}
	return w, w.readQueries()
}

// span is the times that the widget shows.
func (w *widget) span(now time.Time) (from, to time.Time, err error) {
	if to, err = pointInTime(w.End, now); err == nil {
		from, err = pointInTime(w.Start, now)
	}
	if err == nil && !from.Before(to) {
		err = errReversed
	}
	return from, to, err
}

// chart is what the widget looks like with the data that there are.
func (w *widget) chart(c *cloud.Call, r store.Reader) (*picture.Chart, error) {
	from, to, err := w.span(c.Now)
	if err != nil {
		return nil, err
	}
	zone, err := labelZone(&api.LabelOptions{Timezone: orNil(w.Timezone)})
	if err != nil {
		return nil, badValue(w.Timezone, "timezone")
	}
	chart := &picture.Chart{
		Width: w.Width, Height: w.Height, Title: w.Title, View: picture.View(w.View), Stacked: w.Stacked, Legend: picture.Legend(w.Legend.Position),
		Dark: w.Theme == "dark", From: from.Unix(), To: to.Unix(), Zone: zone,
		Left:  picture.Axis{Label: w.YAxis.Left.Label, Min: w.YAxis.Left.Min, Max: w.YAxis.Left.Max},
		Right: picture.Axis{Label: w.YAxis.Right.Label, Min: w.YAxis.Right.Min, Max: w.YAxis.Right.Max},
	}
	if w.View == "" {
		chart.View = picture.TimeSeries
	}
	if err := w.watch(c, r, chart); err != nil {
		return nil, err
	}
	if err := w.annotate(chart); err != nil {
		return nil, err
	}
	return chart, w.fill(c, r, chart, from, to, zone)
}

func orNil(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
