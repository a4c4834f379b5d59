package cloud

import (
	"context"
	"iter"
	"net/http"
	"time"

	"pileus/policy"
	"pileus/store"
)

// Module is what a service contributes to the cloud. It is a plain value made
// by the service's Module function; all.Modules lists them.
type Module struct {
	API         *Service
	Operations  []Binding
	Access      []Access
	Controllers []Controller
	Deliveries  []Delivery

	// Start is called once when the cloud starts, before it is ready: to
	// warm caches, never to repair state (that is a controller's work).
	Start func(ctx context.Context, c Cloud) error
	// Web answers HTTP requests that are no API operation, and says whether
	// it did: website endpoints, CORS preflight, browser POST uploads.
	Web func(c *Call, w http.ResponseWriter, r *http.Request) bool
	// Host tells whether a host name without a service's label, the part before
	// the domain, stands for a bucket ("photos" of photos.localhost).
	Host func(r store.Reader, name string) bool
	// Body checks a body that is read whole, before it is decoded: S3's
	// digests.
	Body func(c *Call, op *OpInfo, body []byte) error
	// Denied lets the service word its own refusal (S3's plain "Access Denied").
	Denied func(c *Call, op *OpInfo, e *Error) *Error
	// Through tells which VPC endpoint a request came through, and the policies
	// that it has; "" for none. One module of a cloud has it: EC2.
	Through func(r store.Reader, o Origin) (endpoint string, policies []policy.Attached)
	// Reset forgets what the service keeps in memory, after the state was
	// cleared.
	Reset func()
	// Stored yields what the service holds and AWS bills by the hour: Quantity
	// is the level now, in the unit that the usage type takes times hours
	// (bytes, for "TimedStorage-ByteHrs").
	Stored func(r store.Reader) iter.Seq[Usage]
	// Metrics yields what the service publishes of the minute that has ended, in
	// all accounts and regions. CloudWatch asks once in each minute of the cloud's
	// clock, outside of any transaction; what the clock jumps over is not asked
	// for. What is counted since the last time is given out once.
	Metrics func(c *Call) iter.Seq[Metric]
	// Count says how many of what the service holds, for status: "buckets": 3.
	Count func(r store.Reader) map[string]int
}

// Answer is how an HTTP request ended.
type Answer struct {
	Operation string // "" where none was recognised
	Input     any    // as decoded; nil where it did not come to that
	Status    int
	Code      string // of the error
	BytesOut  int64  // of the body
	Latency   time.Duration
}

// Controller converges one kind of thing. It is given only a key: what to do
// follows from the state, never from the event.
type Controller struct {
	Name string // "s3.lifecycle"
	// Reconcile runs outside of any transaction and opens its own through the
	// call. It is idempotent. When it fails it is run again with back-off.
	// It asks for its next run with tx.After.
	Reconcile func(c *Call, key store.Key) error
}

// Delivery handles one topic of the outbox: entries that were emitted in a
// committed transaction, delivered at least once and in order per key.
type Delivery struct {
	Topic   string
	Deliver func(c *Call, payload []byte) error
	// Attempts after which an entry is dropped and logged; 0 means for ever.
	Attempts int
	Backoff  time.Duration
}
