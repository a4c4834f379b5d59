package cloudwatch

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"image"
	"image/color"
	"image/png"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	api "pileus/api/cloudwatch"
	"pileus/clock"
	"pileus/node/nodetest"
	"pileus/service/cloudwatch/picture"
	"pileus/store"
)

// chartOf is what a widget would draw.
func chartOf(t *testing.T, w *nodetest.World, text string) *picture.Chart {
	t.Helper()
	var chart *picture.Chart
	w.View(func(r store.Reader) {
		g, err := parseWidget(text)
		if err != nil {
			t.Fatal(err)
		}
		if chart, err = g.chart(w.Call(), r); err != nil {
			t.Fatal(err)
		}
	})
	return chart
}

// TestWidget reads a widget with everything that there can be.
func TestWidget(t *testing.T) {
	w := nodetest.New(t, Module())
	feed(w, "errors", dims("Page", "cart"), 1, 2)
	feed(w, "errors", dims("Page", "home"), 10)
	w.Advance(5 * time.Minute)
	c := chartOf(t, w, `{"metrics":[
		["Shop","errors","Page","cart",{"id":"a","stat":"Sum","period":60,"color":"#ff0000","label":"max ${MAX}"}],
		["...","home",{"period":60,"yAxis":"right"}],
		[".",".",".",".",{"visible":false}],
		[{"expression":"a*2","label":"twice"}]],
		"annotations":{"horizontal":[{"value":5,"label":"much","fill":"above"},[{"value":1,"color":"#00ff00"},{"value":2}],{"value":9,"visible":false}],
			"vertical":[{"value":"2026-01-01T00:01:00Z","label":"then"},[{"value":"2026-01-01"},{"value":"2026-01-01T00:02"}]]},
		"title":"Errors","width":700,"height":300,"start":"-PT10M","end":"-PT1M","view":"timeSeries","stacked":true,"theme":"dark","timezone":"+0200",
		"legend":{"position":"right"},"yAxis":{"left":{"label":"n","min":0,"max":20},"right":{"label":"m"}}}`)
	if c.Width != 700 || c.Height != 300 || c.Title != "Errors" || !c.Stacked || !c.Dark || c.Legend != picture.Beside || *c.Left.Max != 20 || c.Right.Label != "m" || c.To-c.From != 540 {
		t.Errorf("chart %+v", c)
	}
	if len(c.Lines) != 3 || c.Lines[0].Label != "max 2" || c.Lines[0].Color != "#ff0000" || c.Lines[0].Values[1] != 2 || !c.Lines[1].Right || c.Lines[1].Values[0] != 10 || c.Lines[2].Label != "twice" || c.Lines[2].Values[0] != 2 {
		t.Errorf("lines %+v", c.Lines)
	}
	if len(c.Levels) != 2 || c.Levels[0].Fill != "above" || *c.Levels[1].To != 2 || len(c.Moments) != 2 || c.Moments[0].At != time.Date(2026, 1, 1, 0, 1, 0, 0, time.UTC).Unix() || *c.Moments[1].To-c.Moments[1].At != 120 {
		t.Errorf("annotations %+v, %+v", c.Levels, c.Moments)
	}
	if zone := time.Unix(c.From, 0).In(c.Zone).Format("-0700"); zone != "+0200" {
		t.Errorf("zone %s", zone)
	}
}

// TestWidgetViews asks for the newest value, and for one of the whole range.
func TestWidgetViews(t *testing.T) {
	w := nodetest.New(t, Module())
	feed(w, "n", nil, 1, 2, 3, 4)
	w.Advance(7 * time.Minute)
	const metric = `{"metrics":[["Shop","n",{"stat":"Sum","period":60}]],"start":"-PT10M","view":"singleValue"`
	if v, _ := chartOf(t, w, metric+`}`).Lines[0].Last(); v != 4 {
		t.Errorf("newest value %v", v)
	}
	c := chartOf(t, w, metric+`,"setPeriodToTimeRange":true}`)
	if v, _ := c.Lines[0].Last(); v != 10 || len(c.Lines[0].Values) != 1 {
		t.Errorf("of the whole range: %+v", c.Lines[0])
	}
}

func TestWidgetOfAlarmAndBand(t *testing.T) {
	w := nodetest.New(t, Module())
	w.Advance(time.Date(2027, 3, 1, 12, 0, 0, 0, time.UTC).Sub(w.Now()))
	load(w, "m", 4)
	nodetest.Do(w, &api.PutMetricAlarm, watch("hot", 1, 1, ""))
	arn := "arn:aws:cloudwatch:" + nodetest.Region + ":" + nodetest.Account + ":alarm:hot"
	if c := chartOf(t, w, `{"annotations":{"alarms":["`+arn+`"]}}`); c.Title != "hot" || len(c.Lines) != 1 || len(c.Levels) != 1 {
		t.Errorf("alarm: %+v", c)
	}
	c := chartOf(t, w, `{"metrics":[["Shop","m",{"id":"m"}],[{"expression":"ANOMALY_DETECTION_BAND(m,3)","label":"expected"}]]}`)
	if len(c.Lines) != 1 || len(c.Bands) != 1 || c.Bands[0].Label != "expected" || c.Bands[0].Upper[0] <= c.Bands[0].Lower[0] {
		t.Errorf("band: %d lines, %+v", len(c.Lines), c.Bands)
	}
}

// TestWidgetImage looks for the colour of a line in the image.
func TestWidgetImage(t *testing.T) {
	w := nodetest.New(t, Module())
	feed(w, "n", nil, 1, 5, 3, 4)
	w.Advance(5 * time.Minute)
	out := nodetest.Do(w, &api.GetMetricWidgetImage, &api.GetMetricWidgetImageInput{MetricWidget: `{"metrics":[["Shop","n",{"period":60,"color":"#123456"}]],"start":"-PT6M","width":320,"height":200}`})
	m, err := png.Decode(bytes.NewReader(out.MetricWidgetImage))
	if err != nil || m.Bounds() != image.Rect(0, 0, 320, 200) {
		t.Fatalf("%v, %v", m.Bounds(), err)
	}
	found := 0
	for i := range 320 * 200 {
		if color.RGBAModel.Convert(m.At(i%320, i/320)) == (color.RGBA{0x12, 0x34, 0x56, 0xff}) {
			found++
		}
	}
	if found < 50 {
		t.Errorf("%d pixels are of the line", found)
	}
	if _, err := nodetest.Try(w, &api.GetMetricWidgetImage, &api.GetMetricWidgetImageInput{MetricWidget: `{"metrics":[]}`, OutputFormat: new("gif")}); err == nil {
		t.Error("another format is drawn")
	}
}

// TestWidgetAsItIs asks for the image without anything around it.
func TestWidgetAsItIs(t *testing.T) {
	w := nodetest.New(t, Module())
	body := url.Values{"Action": {"GetMetricWidgetImage"}, "Version": {"2010-08-01"}, "OutputFormat": {"image/png"}, "MetricWidget": {`{"metrics":[["Shop","errors"]],"width":320,"height":200}`}}.Encode()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.Endpoint, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	keys, err := w.Config().Credentials.Retrieve(t.Context())
	sum := sha256.Sum256([]byte(body))
	if err == nil {
		err = v4.NewSigner().SignHTTP(t.Context(), keys, r, hex.EncodeToString(sum[:]), "monitoring", nodetest.Region, clock.Machine())
	}
	if err != nil {
		t.Fatal(err)
	}
	out, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Body.Close()
	m, err := png.Decode(out.Body)
	if err != nil || out.StatusCode != 200 || out.Header.Get("Content-Type") != "image/png" || m.Bounds() != image.Rect(0, 0, 320, 200) {
		t.Errorf("%s, %v: %v", out.Status, out.Header, err)
	}
}

func TestWidgetElsewhere(t *testing.T) {
	w := nodetest.New(t, Module())
	in := &api.PutMetricDataInput{Namespace: ns, MetricData: []api.MetricDatum{{MetricName: "n", Value: new(7.0)}}}
	if _, err := api.PutMetricData.Call(w.Call().In(nodetest.Account, "eu-west-1"), in); err != nil {
		t.Fatal(err)
	}
	w.Advance(time.Minute)
	for text, want := range map[string]int{`{"metrics":[["Shop","n"]],"region":"eu-west-1"}`: 1, `{"metrics":[["Shop","n",{"region":"eu-west-1"}]]}`: 1, `{"metrics":[["Shop","n"]]}`: 0} {
		if got := len(chartOf(t, w, text).Lines[0].Values); got != want {
			t.Errorf("%s: %d values, want %d", text, got, want)
		}
	}
}

func TestWidgetRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"no":                                "must be a valid JSON object",
		"[]":                                "must be a valid JSON object",
		"{}":                                "Should have required property 'metrics'",
		`{"metrics":{}}`:                    "Should be array",
		`{"metrics":[["Shop"]]}`:            "Should NOT have fewer than 2 items",
		`{"metrics":[["Shop","n","Page"]]}`: "needs a namespace, a name, and a value for each dimension",
		`{"metrics":[["Shop",5]]}`:          "only \\\"String\\\" type is allowed",
		`{"metrics":[["Shop","n",{"color":"red"}]]}`:                  "/metrics/0/2/color",
		`{"metrics":[["Shop","n",{"yAxis":"top"}]]}`:                  "/metrics/0/2/yAxis",
		`{"metrics":[["Shop","n",{"id":"A"}]]}`:                       "/metrics/0/2/id",
		`{"metrics":[["Shop","n",{"stat":"Median"}]]}`:                "not a valid statistic",
		`{"metrics":[[{"expression":"m1+"}]]}`:                        "Invalid syntax",
		`{"metrics":[["Shop",{"expression":"m1"}]]}`:                  "Should NOT have more than 1 items",
		`{"metrics":[],"width":0}`:                                    "Should be >= 1",
		`{"metrics":[],"width":2001}`:                                 "Should be <= 2000",
		`{"metrics":[],"width":"x"}`:                                  "Should be integer",
		`{"metrics":[],"period":61}`:                                  "/period",
		`{"metrics":[],"view":"clock"}`:                               "/view",
		`{"metrics":[],"legend":{"position":"top"}}`:                  "/legend/position",
		`{"metrics":[],"yAxis":{"left":{"min":"a"}}}`:                 "/yAxis/left/min",
		`{"metrics":[],"annotations":{"horizontal":[{"label":"x"}]}}`: "Should have required property 'value'",
		`{"metrics":[],"annotations":{"horizontal":[[{"value":1}]]}}`: "Should have 2 items",
		`{"metrics":[],"annotations":{"vertical":[5]}}`:               "Should be object",
	} {
		_, err := parseWidget(text)
		if !api.ErrInvalidParameterValue.Is(err) && (err == nil || !strings.HasPrefix(err.Error(), "ValidationError")) {
			t.Errorf("%s: %v", text, err)
		} else if !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
}

func TestPointInTime(t *testing.T) {
	now := time.Date(2026, 5, 31, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]string{
		"-PT0H": "2026-05-31T12:00:00Z", "-PT3H": "2026-05-31T09:00:00Z", "-P7D": "2026-05-24T12:00:00Z", "-P1W": "2026-05-24T12:00:00Z", "-P2M": "2026-03-31T12:00:00Z",
		"-P1Y2DT1H2M3S": "2025-05-29T10:57:57Z", "2026-01-02T03:04:05.000Z": "2026-01-02T03:04:05Z",
	} {
		if got, err := pointInTime(text, now); err != nil || got.Format(time.RFC3339) != want {
			t.Errorf("%s is %v, want %s (%v)", text, got, want, err)
		}
	}
	for _, text := range []string{"", "-P", "PT3H", "-PT3X", "yesterday", "-PT99999999H"} {
		if at, err := pointInTime(text, now); err == nil {
			t.Errorf("%q is %v", text, at)
		}
	}
}

// TestDashboardMessages holds what AWS says of bodies that it refuses, or only
// warns of.
func TestDashboardMessages(t *testing.T) {
	w := nodetest.New(t, Module())
	for body, want := range map[string]string{
		`{"widgets":[{"type":"metric","properties":{"view":"bar"}}]}`:                  "/widgets/0/properties: Should have required property 'metrics'|/widgets/0/properties: The metric widget should have specified a region and a data source or an alarm annotation|/widgets/0/properties: Should have required property 'annotations'",
		`{"widgets":[{"type":"metric","properties":{"metrics":[["a","b"]]}}]}`:         "/widgets/0/properties: Should have required property 'region'",
		`{"widgets":[{"type":"text","properties":{}}]}`:                                "/widgets/0/properties: Should have required property 'markdown'",
		`{"widgets":[{"type":"log","properties":{"query":"q"}}]}`:                      "/widgets/0/properties: Should have required property 'region'",
		`{"widgets":[{"type":"alarm","properties":{}}]}`:                               "/widgets/0/properties: Should have required property 'alarms'",
		`{"widgets":[{"type":"text","x":24,"width":0,"properties":{"markdown":"a"}}]}`: "/widgets/0/width: Should be >= 1|/widgets/0/x: Should be <= 23",
		`{"widgets":[5]}`:            "/widgets/0: Should be object",
		`{"widgets":5}`:              "/widgets: Should be array",
		`{"periodOverride":"never"}`: "/periodOverride: Should be equal to one of the allowed values: auto, inherit",
	} {
		_, err := nodetest.Try(w, &api.PutDashboard, &api.PutDashboardInput{DashboardName: "d", DashboardBody: body})
		if !api.ErrDashboardInvalidInputError.Is(err) {
			t.Errorf("%s: %v", body, err)
			continue
		}
		_, list, _ := strings.Cut(err.Error(), "validation errors:\n")
		var rows []struct{ DataPath, Message string }
		if err := json.Unmarshal([]byte(list), &rows); err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, r := range rows {
			got = append(got, r.DataPath+": "+r.Message)
		}
		if strings.Join(got, "|") != want {
			t.Errorf("%s: %s, want %s", body, strings.Join(got, "|"), want)
		}
	}
	out := nodetest.Do(w, &api.PutDashboard, &api.PutDashboardInput{DashboardName: "d", DashboardBody: `{"widgets":[{"type":"text","properties":{"markdown":"a","font":"b"}}]}`, Tags: []api.Tag{{Key: "k", Value: "v"}}})
	if m := out.DashboardValidationMessages; len(m) != 1 || *m[0].DataPath != "/widgets/0/properties" {
		t.Errorf("warnings %+v", m)
	}
	tags := nodetest.Do(w, &api.ListTagsForResource, &api.ListTagsForResourceInput{ResourceARN: "arn:aws:cloudwatch::" + nodetest.Account + ":dashboard/d"}).Tags
	if len(tags) != 1 || tags[0].Value != "v" {
		t.Errorf("tags %+v", tags)
	}
}

func FuzzWidget(f *testing.F) {
	f.Add(`{"metrics":[["a","b","c","d",{"id":"m","period":60}],["...","e"],[".","."],[{"expression":"m*2"}]],"annotations":{"horizontal":[{"value":1}],"vertical":[{"value":"2026-01-01"}]},"start":"-P1D"}`)
	f.Fuzz(func(t *testing.T, text string) {
		w, err := parseWidget(text)
		if err != nil {
			return
		}
		if w.Width < 1 || w.Width > picture.MaxSide || w.Height < 1 || w.Height > picture.MaxSide {
			t.Fatalf("%s is %d by %d", text, w.Width, w.Height)
		}
		seen := map[string]bool{}
		for _, q := range w.queries {
			if seen[q.Id] || q.Id == "" {
				t.Fatalf("%s: %q twice", text, q.Id)
			}
			seen[q.Id] = true
		}
		if err := w.annotate(&picture.Chart{}); err != nil {
			return
		}
	})
}

func FuzzDashboard(f *testing.F) {
	f.Add(`{"widgets":[{"type":"metric","properties":{"metrics":[["a","b"]],"region":"r"}},{"type":"text","properties":{"markdown":"x"}}]}`)
	f.Fuzz(func(t *testing.T, body string) {
		if warnings, err := checkDashboard(body); err != nil && warnings != nil {
			t.Fatalf("%s is refused and warned of", body)
		}
	})
}
