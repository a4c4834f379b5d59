package fis

import (
	"bytes"
	"encoding/json"
	"io"
	"slices"
	"strings"
	"time"

	"pileus/api/cloudwatch"
	api "pileus/api/fis"
	"pileus/api/s3"
	"pileus/cloud"
	"pileus/store"
)

// around is how long before and after an experiment its report looks at
// dashboards unless told otherwise.
const around = 20 * time.Minute

// reportTime is when the report can be made: once what comes after the
// experiment has been seen.
func (t *turn) reportTime() time.Time {
	return t.EndTime.Add(span(t.ExperimentReportConfiguration.PostExperimentDuration))
}

func span(text *string) time.Duration {
	d, err := parseDuration(cloud.Or(text, ""))
	if err != nil {
		return around
	}
	return d
}

// report makes the report of an experiment that is over and puts it into its
// bucket, as the experiment's role.
// https://docs.aws.amazon.com/fis/latest/userguide/experiment-report-configuration.html
func (s *service) report(c *cloud.Call, key store.Key) error {
	t, err := s.open(c, key)
	if err != nil || t == nil || t.ExperimentReport == nil || !t.over() {
		return err
	}
	if status := *t.ExperimentReport.State.Status; status != api.ExperimentReportStatusPending && status != api.ExperimentReportStatusRunning {
		return nil
	}
	if at := t.reportTime(); c.Now.Before(at) {
		return c.Cloud.DB().Update(c, func(tx store.Tx) error {
			tx.After(at, reportController, key)
			return nil
		})
	}
	arn, err := t.writeReport()
	state := &api.ExperimentReportState{Status: new(api.ExperimentReportStatusCompleted), Reason: new("Experiment report generated successfully.")}
	if refused, why := refusal(err); refused {
		e := err.(*cloud.Error) // what refusal found
		state = &api.ExperimentReportState{Status: new(api.ExperimentReportStatusFailed), Reason: new(short(why)), Error: &api.ExperimentReportError{Code: new(e.Code)}}
	} else if err != nil {
		return err
	}
	t.ExperimentReport = &api.ExperimentReport{State: state}
	if arn != "" {
		t.ExperimentReport.S3Reports = []api.ExperimentReportS3Report{{Arn: &arn, ReportType: new("pdf")}}
	}
	return t.save()
}

// writeReport puts the report into its bucket and tells its ARN.
func (t *turn) writeReport() (arn string, err error) {
	c, err := t.role(t.Account)
	if err != nil {
		return "", err
	}
	pictures, err := t.pictures(c)
	if err != nil {
		return "", err
	}
	b, err := t.pdf(pictures)
	if err != nil {
		return "", err
	}
	to := t.ExperimentReportConfiguration.Outputs.S3Configuration
	key := t.ID + "/fis-experiment-report-" + t.ID + ".pdf"
	if p := strings.Trim(cloud.Or(to.Prefix, ""), "/"); p != "" {
		key = p + "/" + key
	}
	_, err = s3.PutObject.Call(c, &s3.PutObjectInput{Bucket: *to.BucketName, Key: key, Body: io.NopCloser(bytes.NewReader(b)), ContentType: new("application/pdf")})
	if err != nil {
		return "", err
	}
	return "arn:" + c.Partition + ":s3:::" + *to.BucketName + "/" + key, nil
}

// picture is a widget of a dashboard as it was during the experiment.
type picture struct {
	title string
	png   []byte // nil: it is none of metrics
}

// pictures draws the widgets of the dashboards.
func (t *turn) pictures(c *cloud.Call) (list []picture, err error) {
	data := t.ExperimentReportConfiguration.DataSources
	if data == nil {
		return nil, nil
	}
	for _, d := range data.CloudWatchDashboards {
		arn := cloud.Or(d.DashboardIdentifier, "")
		name := arn[strings.LastIndex(arn, "/")+1:]
		out, err := cloudwatch.GetDashboard.Call(c, &cloudwatch.GetDashboardInput{DashboardName: name})
		if err != nil {
			return nil, err
		}
		var body struct {
			Widgets []struct {
				Type       string         `json:"type"`
				Properties map[string]any `json:"properties"`
			} `json:"widgets"`
		}
		if err := json.Unmarshal([]byte(cloud.Or(out.DashboardBody, "{}")), &body); err != nil {
			return nil, errInvalid("The dashboard %s cannot be read: %v", name, err)
		}
		for _, w := range body.Widgets {
			p := picture{title: name}
			if title, ok := w.Properties["title"].(string); ok {
				p.title += ": " + title
			}
			if w.Type == "metric" {
				if p.png, err = t.draw(c, w.Properties); err != nil {
					return nil, err
				}
			}
			list = append(list, p)
		}
	}
	return list, nil
}

// draw has CloudWatch draw a widget over the time of the experiment.
func (t *turn) draw(c *cloud.Call, widget map[string]any) ([]byte, error) {
	widget["start"] = stamp(t.StartTime.Add(-span(t.ExperimentReportConfiguration.PreExperimentDuration)))
	widget["end"] = stamp(t.reportTime())
	widget["width"], widget["height"] = 800, 300
	delete(widget, "region")
	b, err := json.Marshal(widget)
	if err != nil {
		return nil, err
	}
	out, err := cloudwatch.GetMetricWidgetImage.Call(c, &cloudwatch.GetMetricWidgetImageInput{MetricWidget: string(b)})
	if err != nil {
		return nil, err
	}
	return out.MetricWidgetImage, nil
}

// lines are a table of the report: what and how it was.
func (t *turn) lines() [][2]string {
	return [][2]string{
		{"Experiment", t.ID}, {"Template", *t.ExperimentTemplateId}, {"Account", t.Account}, {"Region", t.Region}, {"Role", *t.RoleArn},
		{"State", *t.State.Status}, {"Reason", *t.State.Reason}, {"Began", stamp(*t.StartTime)}, {"Ended", stamp(*t.EndTime)},
		{"Took", t.EndTime.Sub(*t.StartTime).String()}, {"Actions", *t.ExperimentOptions.ActionsMode},
	}
}

// inOrder are the actions by when they began; those that never did come last.
func (t *turn) inOrder() []string {
	names := t.names()
	slices.SortStableFunc(names, func(a, b string) int { return begins(t.Actions[a]).Compare(begins(t.Actions[b])) })
	return names
}

func begins(a api.ExperimentAction) time.Time {
	if a.StartTime == nil {
		return time.Unix(1<<40, 0)
	}
	return *a.StartTime
}
