package main

import (
	"bytes"
	"cmp"
	"fmt"
	"strings"
)

// ops writes the service's description and one descriptor per operation.
func (g *generator) ops() string {
	var b bytes.Buffer
	b.WriteString("import \"pileus/cloud\"\n\n")
	g.service(&b)
	b.WriteString("// What a binary does not use of the following, the linker leaves out.\nvar (\n")
	for _, n := range sorted(g.Operations) {
		g.op(&b, n, g.Operations[n])
	}
	b.WriteString(")\n")
	return b.String()
}

func (g *generator) service(b *bytes.Buffer) {
	m := g.Metadata
	signing := m.SigningName
	if signing == "" {
		signing = m.EndpointPrefix
	}
	b.WriteString("// Service describes the API and names all of its operations.\nvar Service = cloud.Service{\n")
	str := func(field, v string) {
		if v != "" {
			fmt.Fprintf(b, "%s: %q,\n", field, v)
		}
	}
	str("Name", g.name)
	str("SigningName", signing)
	str("ID", m.ServiceID)
	str("Protocol", m.Protocol)
	str("JSONVersion", m.JSONVersion)
	str("Version", m.APIVersion)
	str("Target", m.TargetPrefix)
	str("Namespace", m.XMLNamespace)
	str("EndpointName", m.EndpointPrefix)
	if m.GlobalEndpoint != "" && g.name != "s3" {
		b.WriteString("Global: true,\n")
	}
	if m.AWSQueryCompatible != nil {
		b.WriteString("QueryErrorsOK: true,\n")
	}
	str("ErrorNamespace", m.ErrorNamespace)
	str("Invalid", g.invalidCode())
	str("Missing", m.Missing)
	b.WriteString("Enum: enumValues,\nPattern: pattern,\nOps: []cloud.OpName{\n")
	for _, n := range sorted(g.Operations) {
		o := g.Operations[n]
		fmt.Fprintf(b, "{Name: %q, Method: %q, URI: %q},\n", n, o.HTTP.Method, g.route(n, o))
	}
	b.WriteString("},\n}\n\n")
}

// invalidCode is the error code of a violated constraint.
func (g *generator) invalidCode() string {
	switch {
	case g.Metadata.Invalid == "none":
		return ""
	case g.Metadata.Invalid != "":
		return g.Metadata.Invalid
	case g.Metadata.Protocol == "query" || g.Metadata.Protocol == "ec2":
		return "ValidationError"
	}
	return "ValidationException"
}

// route is the URI by which requests find the operation. Where several share
// method and URI, required query parameters ("&name") and headers (";name")
// tell them apart.
func (g *generator) route(name string, o *operation) string {
	if o.Route != "" {
		return o.Route
	}
	uri := o.HTTP.RequestURI
	if !strings.HasPrefix(g.Metadata.Protocol, "rest") || !g.shared(name, o) || o.Input == nil {
		return uri
	}
	in := g.shapeOf(o.Input)
	var query, headers string
	for _, m := range in.Members.names {
		r := in.Members.refs[m]
		if !has(in.Required, m) {
			continue
		}
		switch r.Location {
		case "querystring":
			query += "&" + r.LocationName
		case "header":
			headers += ";" + strings.ToLower(r.LocationName)
		}
	}
	if query != "" && !strings.Contains(uri, "?") {
		query = "?" + query[1:]
	}
	return uri + query + headers
}

func (g *generator) shared(name string, o *operation) bool {
	for n, p := range g.Operations {
		if n != name && p.HTTP.Method == o.HTTP.Method && p.HTTP.RequestURI == o.HTTP.RequestURI {
			return true
		}
	}
	return false
}

func (g *generator) op(b *bytes.Buffer, n string, o *operation) {
	in, out := "*cloud.Empty", "*cloud.Empty"
	if o.Input != nil {
		in = "*" + g.names.types[o.Input.Shape]
	}
	if o.Output != nil {
		out = "*" + g.names.types[o.Output.Shape]
	}
	fmt.Fprintf(b, "%s = cloud.Op[%s, %s]{OpInfo: cloud.OpInfo{Service: &Service, Name: %q, Method: %q, URI: %q", g.names.ops[n], in, out, n, o.HTTP.Method, o.HTTP.RequestURI)
	str := func(field, v string) {
		if v != "" {
			fmt.Fprintf(b, ", %s: %q", field, v)
		}
	}
	if o.HTTP.ResponseCode != 0 && o.HTTP.ResponseCode != 200 {
		fmt.Fprintf(b, ", Status: %d", o.HTTP.ResponseCode)
	}
	if o.Output != nil {
		str("Wrapper", o.Output.ResultWrapper)
	}
	if o.Input != nil {
		str("InputXML", o.Input.LocationName)
		if o.Input.XMLNamespace != nil {
			str("InputNS", o.Input.XMLNamespace.URI)
		}
	}
	str("OutputXML", g.rootOf(o))
	if o.AuthType == "none" || has(o.Auth, "smithy.api#noAuth") {
		b.WriteString(", Unsigned: true")
	}
	if o.AuthType == "v4-unsigned-body" {
		b.WriteString(", UnsignedBody: true")
	}
	str("HostPrefix", o.Endpoint.HostPrefix)
	if p, ok := g.pages[n]; ok && len(p.InputToken) > 0 {
		fmt.Fprintf(b, ", Paged: &cloud.Page{In: %q, Out: %q, Limit: %q, Result: %q}",
			strings.Join(p.InputToken, ","), strings.Join(p.OutputToken, ","), p.LimitKey, strings.Join(p.ResultKey, ","))
	}
	if len(o.Errors) > 0 {
		fmt.Fprintf(b, ", Errors: []string{")
		for _, e := range o.Errors {
			fmt.Fprintf(b, "%q,", e.Shape)
		}
		b.WriteString("}")
	}
	g.checksum(b, o)
	b.WriteString("}}\n")
}

// rootOf is the root element of a REST-XML response that is more than a
// payload: what the overlay says, or the shape's name.
func (g *generator) rootOf(o *operation) string {
	if o.OutputXML != "" || o.Output == nil || g.Metadata.Protocol != "rest-xml" {
		return o.OutputXML
	}
	s := g.shapeOf(o.Output)
	if s.Payload != "" || len(s.Members.names) == 0 {
		return ""
	}
	return cmp.Or(s.LocationName, o.Output.Shape)
}

func (g *generator) checksum(b *bytes.Buffer, o *operation) {
	c := o.HTTPChecksum
	if c == nil {
		if o.HTTPChecksumRequired {
			b.WriteString(", Checksum: &cloud.Checksum{Required: true}")
		}
		return
	}
	fmt.Fprintf(b, ", Checksum: &cloud.Checksum{Required: %t, AlgorithmFrom: %q, ModeFrom: %q}",
		c.RequestChecksumRequired || o.HTTPChecksumRequired, c.RequestAlgorithmMember, c.RequestValidationModeMember)
}
