package fis

import (
	"bytes"
	"encoding/json"
	"io"
	"time"

	api "pileus/api/fis"
	"pileus/api/s3"
	"pileus/cloud"
)

// event is a line of an experiment's log.
// https://docs.aws.amazon.com/fis/latest/userguide/monitoring-logging.html
type event struct {
	At      time.Time
	Type    string
	Details string // JSON
}

// say adds an event to the log.
func (t *turn) say(kind string, details map[string]any) {
	b, err := json.Marshal(details)
	if err != nil {
		return // only of plain values
	}
	t.Said = append(t.Said, event{At: t.c.Now, Type: kind, Details: string(b)})
}

// line is the event as it is written.
func (e event) line(id string, version int32) ([]byte, error) {
	return json.Marshal(struct {
		ID      string          `json:"id"`
		Type    string          `json:"log_type"`
		At      string          `json:"event_timestamp"`
		Version int32           `json:"version"`
		Details json.RawMessage `json:"details"`
	}{id, e.Type, stamp(e.At), version, json.RawMessage(e.Details)})
}

// deliveryService is who writes logs to buckets.
const deliveryService = "delivery.logs.amazonaws.com"

// deliver writes the log of an experiment that is over to its bucket. Where the
// bucket refuses, the log stays where it is.
func (t *turn) deliver() error {
	l := t.LogConfiguration
	if l == nil || l.S3Configuration == nil || t.Delivered == len(t.Said) {
		return nil
	}
	var b bytes.Buffer
	for _, e := range t.Said {
		line, err := e.line(t.ID, *l.LogSchemaVersion)
		if err != nil {
			return err
		}
		b.Write(append(line, '\n'))
	}
	key := "AWSLogs/fis/" + t.Region + "/" + t.ID + "/" + t.Account + "_awsfislogs_" + t.Region + "_" + t.ID + "_" +
		t.StartTime.UTC().Format("200601021504") + "Z_" + fingerprint(t.ID)[:8] + ".log"
	if p := cloud.Or(l.S3Configuration.Prefix, ""); p != "" {
		key = p + "/" + key
	}
	_, err := s3.PutObject.Call(t.c.AsService(deliveryService, t.c.ARN("logs", "*")), &s3.PutObjectInput{
		Bucket: *l.S3Configuration.BucketName, Key: key, Body: io.NopCloser(&b), ContentType: new("text/plain"), ACL: new("bucket-owner-full-control"),
	})
	if refused, why := refusal(err); refused {
		t.State = &api.ExperimentState{Status: t.State.Status, Reason: new(short(*t.State.Reason + " The log could not be delivered: " + why)), Error: t.State.Error}
	} else if err != nil {
		return err
	}
	t.Delivered = len(t.Said)
	return t.save()
}
