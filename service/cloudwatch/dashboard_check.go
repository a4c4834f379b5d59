package cloudwatch

import (
	"encoding/json"
	"fmt"

	api "pileus/api/cloudwatch"
)

// maxWidgets is how many widgets a dashboard can have.
const maxWidgets = 500

// checkDashboard looks at a dashboard's body. Properties that nobody knows are
// only warned of.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html
func checkDashboard(body string) (warnings []api.DashboardValidationMessage, err error) {
	var doc any
	if err := json.Unmarshal([]byte(body), &doc); err != nil {
		return nil, badDashboard(nil)
	}
	m, ok := doc.(map[string]any)
	if !ok {
		return nil, badDashboard(nil)
	}
	f := &findings{}
	f.object("", m, map[string]property{"start": text, "end": text, "periodOverride": {kind: "string", oneOf: []string{"auto", "inherit"}}, "widgets": {kind: "array"}, "variables": {kind: "array"}})
	list, _ := m["widgets"].([]any)
	if len(list) > maxWidgets {
		f.add("/widgets", "Should NOT have more than %d items", maxWidgets)
	}
	for i, v := range list {
		path := fmt.Sprintf("/widgets/%d", i)
		if w, ok := v.(map[string]any); ok {
			f.widget(path, w)
		} else {
			f.add(path, "Should be object")
		}
	}
	if len(f.errors) > 0 {
		return nil, badDashboard(f)
	}
	return f.warnings, nil
}

// badDashboard is the error for a body with errors; nil stands for one that is
// no JSON object.
func badDashboard(f *findings) error {
	if f == nil {
		text := "The field DashboardBody must be a valid JSON object"
		return api.ErrDashboardInvalidInputError.New("%s", text).Details(&api.DashboardInvalidInputError{
			Message: &text, DashboardValidationMessages: []api.DashboardValidationMessage{{DataPath: new(""), Message: &text}}})
	}
	text := fmt.Sprintf("The dashboard body is invalid, there are %d validation errors:\n%s", len(f.errors), f.text())
	return api.ErrDashboardInvalidInputError.New("%s", text).Details(&api.DashboardInvalidInputError{Message: &text, DashboardValidationMessages: f.errors})
}

// widget checks one widget of a dashboard by its type.
func (f *findings) widget(path string, w map[string]any) {
	f.object(path, w, map[string]property{
		"type": {kind: "string", oneOf: []string{"metric", "text", "log", "alarm", "explorer", "custom", "chart"}},
		"x":    {kind: "integer", max: 23}, "y": {kind: "integer", max: 1e9}, "width": {kind: "integer", min: 1, max: 24}, "height": {kind: "integer", min: 1, max: 1000},
		"properties": {kind: "object"}, "accountId": text, "region": text, "id": text,
	}, "type", "properties")
	m, ok := w["properties"].(map[string]any)
	if !ok {
		return
	}
	path += "/properties"
	switch w["type"] {
	case "metric":
		f.metricWidget(path, m, true)
	case "text":
		f.object(path, m, map[string]property{"markdown": text, "background": {kind: "string", oneOf: []string{"solid", "transparent"}}}, "markdown")
	case "log":
		f.object(path, m, map[string]property{"query": text, "region": text, "title": text, "view": text, "stacked": flag, "accountId": text, "queryLanguage": text, "queryBy": text, "logGroups": {kind: "array"}}, "query", "region")
	case "alarm":
		f.object(path, m, map[string]property{"alarms": {kind: "array"}, "sortBy": {kind: "string", oneOf: []string{"default", "stateUpdatedTimestamp", "timestamp"}}, "states": {kind: "array"}, "title": text}, "alarms")
	case "explorer":
		f.object(path, m, map[string]property{"metrics": {kind: "array"}, "labels": {kind: "array"}, "aggregateBy": {kind: "object"}, "splitBy": text, "widgetOptions": {kind: "object"}, "period": numeric, "title": text, "region": text}, "metrics")
	case "custom":
		f.object(path, m, map[string]property{"endpoint": text, "params": {kind: "object"}, "title": text, "updateOn": {kind: "object"}}, "endpoint")
	}
}
