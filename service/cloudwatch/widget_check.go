package cloudwatch

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	api "pileus/api/cloudwatch"
	"pileus/service/cloudwatch/picture"
)

// findings are what is wrong with a piece of JSON, and what is only odd, in the
// words of JSON Schema validators, each with the path of the place.
type findings struct {
	errors, warnings []api.DashboardValidationMessage
}

func (f *findings) add(path, format string, a ...any) {
	f.errors = append(f.errors, api.DashboardValidationMessage{DataPath: &path, Message: new(fmt.Sprintf(format, a...))})
}

func (f *findings) warn(path, format string, a ...any) {
	f.warnings = append(f.warnings, api.DashboardValidationMessage{DataPath: &path, Message: new(fmt.Sprintf(format, a...))})
}

// text lists the errors as JSON.
func (f *findings) text() string {
	type row struct {
		DataPath string `json:"dataPath"`
		Message  string `json:"message"`
	}
	rows := make([]row, len(f.errors))
	for i, e := range f.errors {
		rows[i] = row{*e.DataPath, *e.Message}
	}
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(rows); err != nil {
		panic(err) // strings always encode
	}
	return strings.TrimSpace(b.String())
}

// property is what a property has to be.
type property struct {
	kind     string   // of JSON: "string", "number", "integer", "boolean", "object", "array"
	oneOf    []string // for strings
	min, max float64  // for numbers, where max is more than min
}

func (f *findings) object(path string, m map[string]any, known map[string]property, required ...string) {
	for _, name := range required {
		if _, ok := m[name]; !ok {
			f.add(path, "Should have required property '%s'", name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(m)) {
		p, ok := known[name]
		if !ok {
			f.warn(path, "Should NOT have additional properties: '%s'", name)
			continue
		}
		f.value(path+"/"+name, m[name], p)
	}
}

func (f *findings) value(path string, v any, p property) {
	if !isKind(v, p.kind) {
		f.add(path, "Should be %s", p.kind)
		return
	}
	if s, ok := v.(string); ok && p.oneOf != nil && !slices.Contains(p.oneOf, s) {
		f.add(path, "Should be equal to one of the allowed values: %s", strings.Join(p.oneOf, ", "))
	}
	n, ok := v.(float64)
	switch {
	case !ok || p.max <= p.min:
	case n < p.min:
		f.add(path, "Should be >= %v", p.min)
	case n > p.max:
		f.add(path, "Should be <= %v", p.max)
	}
}

func isKind(v any, kind string) bool {
	switch v := v.(type) {
	case string:
		return kind == "string"
	case bool:
		return kind == "boolean"
	case float64:
		return kind == "number" || kind == "integer" && v == float64(int64(v))
	case map[string]any:
		return kind == "object"
	case []any:
		return kind == "array"
	}
	return false
}

var (
	text    = property{kind: "string"}
	numeric = property{kind: "number"}
	flag    = property{kind: "boolean"}
)

// metricWidget checks the properties of a metric widget; those of dashboards
// have no size and need a region.
func (f *findings) metricWidget(path string, m map[string]any, dashboard bool) {
	known := map[string]property{
		"metrics": {kind: "array"}, "annotations": {kind: "object"}, "yAxis": {kind: "object"}, "legend": {kind: "object"}, "table": {kind: "object"}, "gauge": {kind: "object"},
		"start": text, "end": text, "title": text, "stat": text, "timezone": text, "region": text, "accountId": text,
		"stacked": flag, "liveData": flag, "sparkline": flag, "trend": flag, "setPeriodToTimeRange": flag, "singleValueFullPrecision": flag,
		"period": {kind: "integer", min: 1, max: 1e9}, "theme": {kind: "string", oneOf: []string{"light", "dark"}},
		"view": {kind: "string", oneOf: []string{"timeSeries", "singleValue", "gauge", "bar", "pie"}},
	}
	if dashboard {
		known["view"] = property{kind: "string", oneOf: []string{"timeSeries", "singleValue", "gauge", "bar", "pie", "table"}}
	} else {
		known["width"], known["height"] = property{kind: "integer", min: 1, max: picture.MaxSide}, property{kind: "integer", min: 1, max: picture.MaxSide}
	}
	f.object(path, m, known)
	f.source(path, m, dashboard)
	if p, ok := m["period"].(float64); ok && p >= 1 && p <= 1e9 && checkPeriod(int32(p)) != nil {
		f.add(path+"/period", "Should be 1, 5, 10, 20, 30 or a multiple of 60")
	}
	if y, ok := m["yAxis"].(map[string]any); ok {
		f.object(path+"/yAxis", y, map[string]property{"left": {kind: "object"}, "right": {kind: "object"}})
		for _, side := range []string{"left", "right"} {
			if a, ok := y[side].(map[string]any); ok {
				f.object(path+"/yAxis/"+side, a, map[string]property{"label": text, "min": numeric, "max": numeric, "showUnits": flag})
			}
		}
	}
	if l, ok := m["legend"].(map[string]any); ok {
		f.object(path+"/legend", l, map[string]property{"position": {kind: "string", oneOf: []string{"bottom", "right", "hidden"}}})
	}
	if a, ok := m["annotations"].(map[string]any); ok {
		f.annotations(path+"/annotations", a)
	}
}

// source checks that there is something to draw: metrics, or an alarm.
func (f *findings) source(path string, m map[string]any, dashboard bool) {
	rows, ok := m["metrics"].([]any)
	alarmed := false
	if a, ok := m["annotations"].(map[string]any); ok {
		list, _ := a["alarms"].([]any)
		alarmed = len(list) > 0
	}
	switch {
	case m["metrics"] == nil && !alarmed:
		f.add(path, "Should have required property 'metrics'")
		f.add(path, "The metric widget should have specified a region and a data source or an alarm annotation")
		if m["annotations"] == nil {
			f.add(path, "Should have required property 'annotations'")
		}
	case dashboard && m["region"] == nil && !alarmed:
		f.add(path, "Should have required property 'region'")
	}
	if !ok {
		return
	}
	if len(rows) > maxRows {
		f.add(path+"/metrics", "Should NOT have more than %d items", maxRows)
	}
	for i, row := range rows {
		f.row(fmt.Sprintf("%s/metrics/%d", path, i), row)
	}
}

// row checks one metric or expression: texts, and an object at the end.
func (f *findings) row(path string, v any) {
	row, ok := v.([]any)
	if !ok {
		f.add(path, "Should be array")
		return
	}
	expression := false
	for i, v := range row {
		m, ok := v.(map[string]any)
		switch {
		case ok && i == len(row)-1:
			_, expression = m["expression"]
			f.rowOptions(fmt.Sprintf("%s/%d", path, i), m)
		case !isKind(v, "string"):
			f.add(fmt.Sprintf("%s/%d", path, i), "Invalid metric field type, only \"String\" type is allowed")
		}
	}
	switch repeated := len(row) > 0 && row[0] == "..."; {
	case expression && len(row) > 1:
		f.add(path, "Should NOT have more than 1 items")
	case !expression && !repeated && len(row) < 2:
		f.add(path, "Should NOT have fewer than 2 items")
	case len(row) > 2+2*30+1:
		f.add(path, "Should NOT have more than %d items", 2+2*30+1)
	}
}

func (f *findings) rowOptions(path string, m map[string]any) {
	f.object(path, m, map[string]property{
		"color": text, "expression": text, "id": text, "label": text, "region": text, "accountId": text, "stat": text, "visible": flag,
		"period": {kind: "integer", min: 1, max: 1e9}, "yAxis": {kind: "string", oneOf: []string{"left", "right"}},
	})
	f.color(path, m)
	if id, ok := m["id"].(string); ok && !queryID.MatchString(id) {
		f.add(path+"/id", "Should match pattern \"%s\"", queryID)
	}
}

// color checks that a colour is six digits in hexadecimal.
func (f *findings) color(path string, m map[string]any) {
	if c, ok := m["color"].(string); ok && !picture.IsColor(c) {
		f.add(path+"/color", "Should match pattern \"^#([A-Fa-f0-9]{6}|[A-Fa-f0-9]{3})$\"")
	}
}

func (f *findings) annotations(path string, m map[string]any) {
	f.object(path, m, map[string]property{"horizontal": {kind: "array"}, "vertical": {kind: "array"}, "alarms": {kind: "array"}})
	if list, ok := m["alarms"].([]any); ok {
		for i, v := range list {
			f.value(fmt.Sprintf("%s/alarms/%d", path, i), v, text)
		}
	}
	f.kind(path, "horizontal", m, map[string]property{"value": numeric, "label": text, "color": text, "visible": flag,
		"fill": {kind: "string", oneOf: []string{"above", "below", "between", "none"}}, "yAxis": {kind: "string", oneOf: []string{"left", "right"}}})
	f.kind(path, "vertical", m, map[string]property{"value": text, "label": text, "color": text, "visible": flag,
		"fill": {kind: "string", oneOf: []string{"before", "after", "between", "none"}}})
}

// kind checks the annotations of one direction.
func (f *findings) kind(path, name string, m map[string]any, known map[string]property) {
	list, _ := m[name].([]any)
	for i, v := range list {
		f.annotation(fmt.Sprintf("%s/%s/%d", path, name, i), v, known)
	}
}

// annotation checks one annotation, or a pair.
func (f *findings) annotation(path string, v any, known map[string]property) {
	ends, pair := v.([]any)
	if !pair {
		ends = []any{v}
	} else if len(ends) != 2 {
		f.add(path, "Should have 2 items")
	}
	for i, end := range ends {
		at := path
		if pair {
			at = fmt.Sprintf("%s/%d", path, i)
		}
		m, ok := end.(map[string]any)
		if !ok {
			f.add(at, "Should be object")
			continue
		}
		f.object(at, m, known, "value")
		f.color(at, m)
	}
}
