package main

import (
	"cmp"
	"strconv"
	"strings"
)

// tag writes the wire facts of a member. wire/tag.go reads them and documents
// the grammar.
func (g *generator) tag(s *shape, member, field string, r *ref, required bool) string {
	var t tags
	name := member
	if r.LocationName != "" {
		name = r.LocationName
	}
	location := r.Location
	if location == "" {
		location = g.shapeOf(r).Location
	}
	switch location {
	case "header", "uri":
		t.add(location, name)
	case "headers":
		t = append(t, "headers="+cmp.Or(r.LocationName, g.shapeOf(r).LocationName))
	case "querystring":
		t.add("query", name)
	case "statusCode":
		t.flag("status", true)
	default:
		if name != field {
			t.add("n", name)
		}
	}
	t.flag("payload", s.Payload == member)
	if s.Payload == member && r.LocationName == "" {
		if root := g.shapeOf(r).LocationName; root != "" && root != field {
			t.add("n", root)
		}
	}
	t.add("q", r.QueryName)
	t.flag("req", required)
	t.flag("attr", r.XMLAttribute)
	t.flag("token", r.IdempotencyToken)
	t.flag("jsonvalue", r.JSONValue)
	t.flag("host", r.HostLabel)
	t.flag("evpayload", r.EventPayload)
	t.flag("evheader", r.EventHeader)
	g.facts(&t, "", r, 0)
	if len(t) == 0 {
		return ""
	}
	return " `aws:" + strconv.Quote(strings.Join(t, ";")) + "`"
}

// facts are what a reference says of a value wherever it stands: as a member,
// as a list's element (prefix "e."), a map's key ("k.") or value ("e.").
func (g *generator) facts(t *tags, prefix string, r *ref, depth int) {
	s := g.shapeOf(r)
	if prefix != "" {
		t.add(prefix+"n", r.LocationName)
		t.flag(prefix+"jsonvalue", r.JSONValue)
	}
	ns := r.XMLNamespace
	if ns == nil {
		ns = s.XMLNamespace
	}
	if ns != nil {
		t.add(prefix+"ns", ns.URI)
		t.add(prefix+"nsp", ns.Prefix)
	}
	t.flag(prefix+"flat", r.Flattened || s.Flattened)
	format := r.TimestampFormat
	if format == "" {
		format = s.TimestampFormat
	}
	t.add(prefix+"ts", map[string]string{"unixTimestamp": "unix", "iso8601": "iso", "rfc822": "http"}[format])
	t.add(prefix+"min", s.Min.String())
	t.add(prefix+"max", s.Max.String())
	if len(s.Enum) > 0 {
		t.add(prefix+"enum", r.Shape)
		g.enums[r.Shape] = true
	}
	if s.Pattern != "" {
		t.add(prefix+"re", r.Shape)
		g.res[r.Shape] = true
	}
	t.flag(prefix+"secret", s.Sensitive)
	t.flag(prefix+"union", s.Union)
	if depth > 8 {
		return // a list of itself: the reader stops there too
	}
	if s.Type == "list" {
		g.facts(t, prefix+"e.", s.Member, depth+1)
	}
	if s.Type == "map" {
		g.facts(t, prefix+"k.", s.Key, depth+1)
		g.facts(t, prefix+"e.", s.Value, depth+1)
	}
}

type tags []string

func (t *tags) add(key, value string) {
	if value != "" {
		*t = append(*t, key+"="+value)
	}
}

func (t *tags) flag(key string, on bool) {
	if on {
		*t = append(*t, key)
	}
}
