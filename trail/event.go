package trail

import (
	"encoding/json"
	"strings"
	"time"
)

// Event is one call: who did what to which resource, and how it went. It must
// not be changed once it has been recorded.
type Event struct {
	Time      time.Time // of the cloud's clock, when the call began
	RequestID string

	Principal     string // ARN, or a service's host name; empty when anonymous
	PrincipalType string // as aws:PrincipalType has it: "User", "AssumedRole"
	Account       string // that the principal acts in
	AccessKey     string // the access key id that signed; never a secret
	SourceIP      string
	UserAgent     string

	Region    string
	Service   string   // pileus name: "s3"
	Operation string   // "GetObject"; empty where none was recognised
	Resources []string // ARNs that were authorised
	ReadOnly  bool
	Internal  bool // made inside the process, by one service of another

	Status   int    // of the HTTP answer
	Code     string // AWS's error code; empty on success
	Message  string // the error's message
	Latency  time.Duration
	BytesIn  int64
	BytesOut int64

	// Trace is the evaluation of a refused call: anything that encodes to
	// JSON, such as policy's trace. It is encoded off the request's path.
	Trace any
}

// Failed tells whether the call was answered with an error.
func (e *Event) Failed() bool { return e.Code != "" || e.Status >= 400 }

// size is about how much memory the event holds.
func (e *Event) size() int {
	n := 320 + len(e.RequestID) + len(e.Principal) + len(e.UserAgent) + len(e.Message) + len(e.SourceIP)
	for _, r := range e.Resources {
		n += 16 + len(r)
	}
	if e.Trace != nil {
		n += 4096
	}
	return n
}

// line is an event as JSON shows it.
type line struct {
	Time          time.Time `json:"time"`
	RequestID     string    `json:"requestId"`
	Principal     string    `json:"principal,omitempty"`
	PrincipalType string    `json:"principalType,omitempty"`
	Account       string    `json:"account,omitempty"`
	AccessKey     string    `json:"accessKey,omitempty"`
	SourceIP      string    `json:"sourceIp,omitempty"`
	UserAgent     string    `json:"userAgent,omitempty"`
	Region        string    `json:"region,omitempty"`
	Service       string    `json:"service,omitempty"`
	Operation     string    `json:"operation,omitempty"`
	Resources     []string  `json:"resources,omitempty"`
	ReadOnly      bool      `json:"readOnly"`
	Internal      bool      `json:"internal,omitempty"`
	Status        int       `json:"status"`
	Code          string    `json:"code,omitempty"`
	Message       string    `json:"message,omitempty"`
	LatencyMillis float64   `json:"latencyMs"`
	BytesIn       int64     `json:"bytesIn"`
	BytesOut      int64     `json:"bytesOut"`
}

// MarshalJSON writes the event without its trace, which Why shows.
func (e *Event) MarshalJSON() ([]byte, error) {
	return json.Marshal(line{
		e.Time, e.RequestID, e.Principal, e.PrincipalType, e.Account, e.AccessKey, e.SourceIP, e.UserAgent,
		e.Region, e.Service, e.Operation, e.Resources, e.ReadOnly, e.Internal,
		e.Status, e.Code, e.Message, float64(e.Latency.Microseconds()) / 1000, e.BytesIn, e.BytesOut,
	})
}

// UnmarshalJSON reads what MarshalJSON wrote, for clients of the handler.
func (e *Event) UnmarshalJSON(b []byte) error {
	var l line
	if err := json.Unmarshal(b, &l); err != nil {
		return err
	}
	*e = Event{
		l.Time, l.RequestID, l.Principal, l.PrincipalType, l.Account, l.AccessKey, l.SourceIP, l.UserAgent,
		l.Region, l.Service, l.Operation, l.Resources, l.ReadOnly, l.Internal,
		l.Status, l.Code, l.Message, time.Duration(l.LatencyMillis * float64(time.Millisecond)), l.BytesIn, l.BytesOut, nil,
	}
	return nil
}

var readVerbs = []string{"Get", "List", "Describe", "Head", "Lookup", "Search", "BatchGet", "Select", "Simulate", "Query", "Scan", "Generate", "Decode"}

// ReadOnly tells by an operation's name whether it only reads, as CloudTrail's
// readOnly does.
func ReadOnly(operation string) bool {
	for _, v := range readVerbs {
		if strings.HasPrefix(operation, v) {
			return true
		}
	}
	return false
}
