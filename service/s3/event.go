package s3

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"

	"pileus/cloud"
	"pileus/store"
)

// Names of events, without the "s3:" that configurations put before them.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-how-to-event-types-and-destinations.html
const (
	eventPut               = "ObjectCreated:Put"
	eventPost              = "ObjectCreated:Post"
	eventCopy              = "ObjectCreated:Copy"
	eventComplete          = "ObjectCreated:CompleteMultipartUpload"
	eventDelete            = "ObjectRemoved:Delete"
	eventMarker            = "ObjectRemoved:DeleteMarkerCreated"
	eventTaggingPut        = "ObjectTagging:Put"
	eventTaggingDelete     = "ObjectTagging:Delete"
	eventACLPut            = "ObjectAcl:Put"
	eventRestorePost       = "ObjectRestore:Post"
	eventRestoreDone       = "ObjectRestore:Completed"
	eventRestoreExpired    = "ObjectRestore:Delete"
	eventExpired           = "LifecycleExpiration:Delete"
	eventExpiredMarker     = "LifecycleExpiration:DeleteMarkerCreated"
	eventTransition        = "LifecycleTransition"
	eventTiering           = "IntelligentTiering"
	eventReplicationError  = "Replication:OperationFailedReplication"
	eventReplicationMissed = "Replication:OperationMissedThreshold"
	eventReplicationLate   = "Replication:OperationReplicatedAfterThreshold"
)

// emitEvent tells all who are configured to hear of it what happened to an
// object: replication and lifecycle of the bucket, and the targets of its
// notifications. It writes to the outbox, so a target that fails never fails
// the write.
func emitEvent(c *cloud.Call, tx store.Tx, b *Bucket, o *Object, name string) {
	if b.Replication != nil {
		replicate(c, tx, b, o, name)
	}
	if len(b.Lifecycle) > 0 && strings.HasPrefix(name, "ObjectTagging:") {
		scheduleLifecycle(c, tx, b) // other rules may hold now
	}
	if b.Notification != nil {
		notify(c, tx, b, o, name)
	}
}

// eventRecord is an event as AWS writes it.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html
type eventRecord struct {
	Version   string            `json:"eventVersion"`
	Source    string            `json:"eventSource"`
	Region    string            `json:"awsRegion"`
	Time      string            `json:"eventTime"`
	Name      string            `json:"eventName"`
	Identity  eventIdentity     `json:"userIdentity"`
	Request   map[string]string `json:"requestParameters"`
	Response  map[string]string `json:"responseElements"`
	S3        eventDetail       `json:"s3"`
	Glacier   *eventGlacier     `json:"glacierEventData,omitempty"`
	Lifecycle *eventLifecycle   `json:"lifecycleEventData,omitempty"`
}

type eventIdentity struct {
	PrincipalID string `json:"principalId"`
}

type eventDetail struct {
	SchemaVersion string      `json:"s3SchemaVersion"`
	Configuration string      `json:"configurationId"`
	Bucket        eventBucket `json:"bucket"`
	Object        eventObject `json:"object"`
}

type eventBucket struct {
	Name  string        `json:"name"`
	Owner eventIdentity `json:"ownerIdentity"`
	ARN   string        `json:"arn"`
}

type eventObject struct {
	Key       string `json:"key"`
	Size      *int64 `json:"size,omitempty"`
	ETag      string `json:"eTag,omitempty"`
	VersionID string `json:"versionId,omitempty"`
	Sequencer string `json:"sequencer"`
}

type eventGlacier struct {
	Restore eventRestore `json:"restoreEventData"`
}

type eventRestore struct {
	Expiry string `json:"lifecycleRestorationExpiryTime"`
	Class  string `json:"lifecycleRestoreStorageClass"`
}

type eventLifecycle struct {
	Transition struct {
		Class string `json:"destinationStorageClass"`
	} `json:"transitionEventData"`
}

const eventTime = "2006-01-02T15:04:05.000Z"

// newEvent describes what happened to o.
func newEvent(c *cloud.Call, b *Bucket, o *Object, name string) *eventRecord {
	e := &eventRecord{
		Version: "2.1", Source: "aws:s3", Region: b.Region, Time: c.Now.UTC().Format(eventTime), Name: name,
		Identity: eventIdentity{principalID(c.Principal)},
		Request:  map[string]string{"sourceIPAddress": sourceIP(c)},
		Response: map[string]string{"x-amz-request-id": c.RequestID, "x-amz-id-2": c.RequestID},
		S3: eventDetail{
			SchemaVersion: "1.0",
			Bucket:        eventBucket{b.Name, eventIdentity{b.Account}, b.ARN()},
			Object:        eventObject{Key: eventKey(o.Key), VersionID: o.Version, Sequencer: fmt.Sprintf("%018X", o.Seq)},
		},
	}
	if name != eventDelete && name != eventExpired {
		e.S3.Object.ETag = o.ETag
	}
	if strings.HasPrefix(name, "ObjectCreated:") {
		e.S3.Object.Size = &o.Size
	}
	switch name {
	case eventRestoreDone, eventRestoreExpired:
		if !o.Restored.IsZero() { // what comes back from an archive tier stays
			e.Glacier = &eventGlacier{eventRestore{o.Restored.UTC().Format(eventTime), o.StorageClass()}}
		}
	case eventTransition:
		e.Lifecycle = new(eventLifecycle)
		e.Lifecycle.Transition.Class = o.StorageClass()
	}
	if strings.HasPrefix(name, "Lifecycle") || name == eventTiering {
		e.Version = "2.3"
	}
	return e
}

func principalID(p *cloud.Principal) string {
	switch {
	case p.Kind == cloud.Anonymous:
		return "Anonymous"
	case p.Kind == cloud.ServicePrincipal:
		return p.Name
	}
	return "AWS:" + p.ID
}

func sourceIP(c *cloud.Call) string {
	if c.HTTP == nil {
		return "s3.amazonaws.com"
	}
	return c.HTTP.SourceIP
}

// eventKey is a key as events carry it: escaped as in a form, slashes as they
// are.
func eventKey(key string) string { return strings.ReplaceAll(url.QueryEscape(key), "%2F", "/") }

// message is the text that a queue receives.
func (e *eventRecord) message(configuration string) string {
	e.S3.Configuration = configuration
	text, err := json.Marshal(map[string][]*eventRecord{"Records": {e}})
	if err != nil {
		panic(err) // strings and numbers
	}
	return string(text)
}

// eventBridge is the same event as EventBridge has it.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html
func (e *eventRecord) eventBridge(c *cloud.Call, b *Bucket, o *Object) []byte {
	kind, reason := e.bridgeType()
	object := map[string]any{"key": o.Key, "sequencer": e.S3.Object.Sequencer}
	if e.S3.Object.ETag != "" {
		object["etag"] = o.ETag
	}
	if e.S3.Object.Size != nil {
		object["size"] = o.Size
	}
	if o.Version != "" {
		object["version-id"] = o.Version
	}
	detail := map[string]any{
		"version": "0", "bucket": map[string]string{"name": b.Name}, "object": object,
		"request-id": c.RequestID, "requester": requester(c.Principal), "source-ip-address": sourceIP(c),
	}
	if reason != "" {
		detail["reason"] = reason
	}
	if strings.HasPrefix(e.Name, "ObjectRemoved") || strings.HasPrefix(e.Name, "LifecycleExpiration") {
		detail["deletion-type"] = "Permanently Deleted"
		if o.Marker {
			detail["deletion-type"] = "Delete Marker Created"
		}
	}
	text, err := json.Marshal(map[string]any{
		"version": "0", "id": c.Rand().UUID(), "detail-type": kind, "source": "aws.s3", "account": b.Account,
		"time": c.Now.UTC().Format("2006-01-02T15:04:05Z"), "region": b.Region, "resources": []string{b.ARN()}, "detail": detail,
	})
	if err != nil {
		panic(err) // strings and numbers
	}
	return text
}

func requester(p *cloud.Principal) string {
	if p.Account != "" {
		return p.Account
	}
	return p.Name
}

// bridgeType is the detail type of the event, and its reason where it has one.
func (e *eventRecord) bridgeType() (kind, reason string) {
	switch e.Name {
	case eventPut:
		return "Object Created", "PutObject"
	case eventPost:
		return "Object Created", "POST Object"
	case eventCopy:
		return "Object Created", "CopyObject"
	case eventComplete:
		return "Object Created", "CompleteMultipartUpload"
	case eventDelete, eventMarker:
		return "Object Deleted", "DeleteObject"
	case eventExpired, eventExpiredMarker:
		return "Object Deleted", "Lifecycle Expiration"
	case eventTaggingPut:
		return "Object Tags Added", ""
	case eventTaggingDelete:
		return "Object Tags Deleted", ""
	case eventACLPut:
		return "Object ACL Updated", ""
	case eventRestorePost:
		return "Object Restore Initiated", ""
	case eventRestoreDone:
		return "Object Restore Completed", ""
	case eventRestoreExpired:
		return "Object Restore Expired", ""
	}
	return "Object Storage Class Changed", ""
}
