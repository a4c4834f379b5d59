package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// protocolCase is one of the models' protocol tests, with the type of its
// input or output in the form that the generator gives it, tags included.
type protocolCase struct {
	Name     string // "input/query/List types/0"
	Protocol string
	Version  string // JSON version
	Op       struct {
		Name, Method, URI, Wrapper, InputXML string
	}
	Type       *typeForm       `json:",omitempty"`
	Value      json.RawMessage // params of an input, result of an output
	Serialized json.RawMessage `json:",omitempty"`
	Response   json.RawMessage `json:",omitempty"`
}

// typeForm describes a Go type. Recursive shapes are unrolled a few levels.
type typeForm struct {
	Kind   string // string, int32, int64, bool, float64, time, blob, stream, list, map, struct
	Ptr    bool   `json:",omitempty"`
	Elem   *typeForm
	Fields []fieldForm `json:",omitempty"`
	JSON   bool        `json:",omitempty"` // a string that holds JSON
}

type fieldForm struct {
	Name, Member, Tag string
	Type              *typeForm
}

const unroll = 6

type suite struct {
	Description string
	Metadata    metadata
	Shapes      map[string]*shape
	Cases       []struct {
		Given      operation
		Params     json.RawMessage
		Result     json.RawMessage
		Serialized json.RawMessage
		Response   json.RawMessage
	}
}

// printProtocolTests writes all protocol tests as one JSON list.
func printProtocolTests(models string) error {
	var list []protocolCase
	for _, side := range []string{"input", "output"} {
		for _, protocol := range []string{"ec2", "json", "query", "rest-json", "rest-xml"} {
			b, err := os.ReadFile(filepath.Join(models, "protocol_tests", side, protocol+".json"))
			if err != nil {
				return err
			}
			var suites []suite
			if err := json.Unmarshal(b, &suites); err != nil {
				return fmt.Errorf("%s %s: %w", side, protocol, err)
			}
			for _, s := range suites {
				list = append(list, s.cases(side, protocol)...)
			}
		}
	}
	return json.NewEncoder(os.Stdout).Encode(list)
}

func (s *suite) cases(side, protocol string) (list []protocolCase) {
	g := &generator{model: &model{Metadata: s.Metadata, Shapes: s.Shapes}, enums: map[string]bool{}, res: map[string]bool{}, recur: map[string]bool{}}
	for i, c := range s.Cases {
		p := protocolCase{Name: fmt.Sprintf("%s/%s/%s/%d", side, protocol, s.Description, i), Protocol: protocol, Version: s.Metadata.JSONVersion}
		p.Op.Name, p.Op.Method, p.Op.URI = c.Given.Name, c.Given.HTTP.Method, c.Given.HTTP.RequestURI
		if p.Op.Method == "" {
			p.Op.Method = "POST"
		}
		if p.Op.URI == "" {
			p.Op.URI = "/"
		}
		ref := c.Given.Input
		p.Value, p.Serialized, p.Response = c.Params, c.Serialized, c.Response
		if side == "output" {
			ref, p.Value = c.Given.Output, c.Result
		}
		if ref != nil {
			p.Op.Wrapper, p.Op.InputXML = ref.ResultWrapper, ref.LocationName
			if ref.Payload != "" {
				g.shapeOf(ref).Payload = ref.Payload
			}
			p.Type = g.form(ref, false, false, 0)
		}
		list = append(list, p)
	}
	return list
}

// form describes what goType writes.
func (g *generator) form(r *ref, optional, jsonValue bool, depth int) *typeForm {
	if depth > unroll {
		return nil
	}
	s := g.shapeOf(r)
	goType := g.formKind(r, s)
	f := &typeForm{Kind: goType, Ptr: optional, JSON: jsonValue || r.JSONValue}
	switch goType {
	case "list":
		f.Ptr = false
		f.Elem = g.form(s.Member, false, r.JSONValue, depth+1)
	case "map":
		f.Ptr = false
		f.Elem = g.form(s.Value, false, r.JSONValue, depth+1)
	case "blob", "stream":
		f.Ptr = false
	case "struct":
		for _, m := range s.Members.names {
			mr := s.Members.refs[m]
			required := has(s.Required, m)
			t := g.form(mr, !required, false, depth+1)
			if t == nil || (t.Kind == "list" || t.Kind == "map") && t.Elem == nil {
				continue
			}
			tag := strings.Trim(strings.TrimPrefix(g.tag(s, m, exported(m), mr, required), " "), "`")
			f.Fields = append(f.Fields, fieldForm{Name: exported(m), Member: m, Tag: tag, Type: t})
		}
	}
	return f
}

func (g *generator) formKind(r *ref, s *shape) string {
	switch s.Type {
	case "character":
		return "string"
	case "integer":
		return "int32"
	case "long":
		return "int64"
	case "boolean":
		return "bool"
	case "float", "double":
		return "float64"
	case "timestamp":
		return "time"
	case "structure":
		return "struct"
	case "blob":
		if r.Streaming || s.Streaming {
			return "stream"
		}
	}
	return s.Type
}
