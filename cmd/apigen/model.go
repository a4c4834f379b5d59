package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
)

// model is one api-2.json with its overlay laid over it.
type model struct {
	Metadata   metadata
	Operations map[string]*operation
	Shapes     map[string]*shape
	Errors     map[string]overlayError // overlay: codes and statuses, known or not to the model

	pages map[string]page
	name  string // package name
}

type metadata struct {
	APIVersion         string
	EndpointPrefix     string
	GlobalEndpoint     string
	JSONVersion        string
	Protocol           string
	ServiceID          string
	SigningName        string
	TargetPrefix       string
	XMLNamespace       string
	AWSQueryCompatible *struct{}

	// What only overlays set.
	ErrorNamespace string // of __type: "com.amazonaws.sqs"
	Invalid        string // error code of a violated constraint; "none": the service checks for itself
	Missing        string // error code of a missing required member, where it has its own
}

// overlayError corrects an exception's code and status, or adds an exception.
type overlayError struct {
	Code   string
	Status int
}

type operation struct {
	Name string
	HTTP struct {
		Method, RequestURI string
		ResponseCode       int
	}
	Input, Output        *ref
	Errors               []ref
	AuthType             string
	Auth                 []string
	Endpoint             struct{ HostPrefix string }
	HTTPChecksumRequired bool
	HTTPChecksum         *struct {
		RequestAlgorithmMember      string
		RequestChecksumRequired     bool
		RequestValidationModeMember string
	}
	OutputXML string // overlay: root element of a rest-xml response
	Route     string // overlay: what routes to the operation, where the URI alone does not
}

type ref struct {
	Shape, Location, LocationName, QueryName string
	Payload                                  string // of an operation's input, in older models
	TimestampFormat                          string
	ResultWrapper                            string
	Flattened, XMLAttribute, Streaming       bool
	IdempotencyToken, JSONValue, HostLabel   bool
	EventPayload, EventHeader                bool
	XMLNamespace                             *namespace
}

type namespace struct{ URI, Prefix string }

// UnmarshalJSON reads a namespace in either of its forms, string or object.
func (n *namespace) UnmarshalJSON(b []byte) error {
	if b[0] == '"' {
		return json.Unmarshal(b, &n.URI)
	}
	type plain namespace
	return json.Unmarshal(b, (*plain)(n))
}

type shape struct {
	Type, Payload, LocationName, TimestampFormat string
	Location                                     string // for every member of this shape, in older models
	Members                                      members
	Required                                     []string
	Member, Key, Value                           *ref
	Flattened, Exception, Streaming, Fault       bool
	EventStream, Event, Union, Sensitive         bool
	Enum                                         []string
	Min, Max                                     json.Number
	Pattern                                      string
	XMLNamespace                                 *namespace
	Error                                        struct {
		Code           string
		HTTPStatusCode int
		Fault          bool
	}
}

// members keeps the model's order.
type members struct {
	names []string
	refs  map[string]*ref
}

func (m *members) UnmarshalJSON(b []byte) error {
	if err := json.Unmarshal(b, &m.refs); err != nil {
		return err
	}
	v, err := parseOrdered(b)
	if err != nil {
		return err
	}
	m.names = v.(*object).keys
	return nil
}

type page struct {
	InputToken  names  `json:"input_token"`
	OutputToken names  `json:"output_token"`
	LimitKey    string `json:"limit_key"`
	ResultKey   names  `json:"result_key"`
}

// names is a JSON string or list of strings.
type names []string

func (n *names) UnmarshalJSON(b []byte) error {
	if b[0] == '[' {
		return json.Unmarshal(b, (*[]string)(n))
	}
	*n = make(names, 1)
	return json.Unmarshal(b, &(*n)[0])
}

// load reads the newest version of a service's model and lays its overlay
// over it.
func load(models, overlays string, s service) (*model, error) {
	dirs, err := filepath.Glob(filepath.Join(models, "apis", s.model, "*", "api-2.json"))
	if err != nil || len(dirs) == 0 {
		return nil, fmt.Errorf("no model of %s under %s", s.model, models)
	}
	dir := filepath.Dir(slices.Max(dirs))
	base, err := readObject(filepath.Join(dir, "api-2.json"))
	if err != nil {
		return nil, err
	}
	over, err := readObject(filepath.Join(overlays, s.name+".json"))
	if err == nil {
		err = merge(base, over)
	}
	if err != nil && !os.IsNotExist(err) {
		return nil, fmt.Errorf("overlay of %s: %w", s.name, err)
	}
	b, err := json.Marshal(base)
	if err != nil {
		return nil, err
	}
	m := &model{name: s.name}
	if err := json.Unmarshal(b, m); err != nil {
		return nil, fmt.Errorf("model of %s: %w", s.name, err)
	}
	m.addErrors()
	return m, m.loadPages(filepath.Join(dir, "paginators-1.json"))
}

func (m *model) loadPages(path string) error {
	b, err := os.ReadFile(path)
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		return err
	}
	var f struct{ Pagination map[string]page }
	if err := json.Unmarshal(b, &f); err != nil {
		return err
	}
	m.pages = f.Pagination
	return nil
}

func readObject(path string) (*object, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	v, err := parseOrdered(bytes.TrimSpace(b))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return v.(*object), nil
}

func (m *model) shapeOf(r *ref) *shape {
	s := m.Shapes[r.Shape]
	if s == nil {
		fatalf("%s: no shape %q", m.name, r.Shape)
	}
	return s
}

func (m *model) addErrors() {
	for n, e := range m.Errors {
		s := m.Shapes[n]
		if s == nil {
			s = &shape{Type: "structure", Exception: true}
			m.Shapes[n] = s
		}
		if e.Code != "" {
			s.Error.Code = e.Code
		}
		if e.Status != 0 {
			s.Error.HTTPStatusCode = e.Status
		}
	}
}
