package cloudwatch

import (
	"bytes"
	"encoding/json"
	"regexp"
	"slices"

	"pileus/cloud"
)

// definition is what a rule looks for in log events.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/ContributorInsights-RuleSyntax.html
type definition struct {
	Schema struct {
		Name    string
		Version int
	}
	LogGroupNames, LogGroupARNs []string
	LogFormat                   string
	Fields                      map[string]string
	Contribution                contribution
	AggregateOn                 string
}

type contribution struct {
	Keys    []string
	ValueOf string
	Filters []map[string]json.RawMessage
}

// What a definition can have at most.
const (
	maxKeys    = 4
	maxFilters = 4
	maxStrings = 10
)

// badDefinition words what is wrong with a definition.
func badDefinition(format string, a ...any) *cloud.Error {
	return invalid("Invalid rule definition: "+format, a...)
}

// parseDefinition reads a definition and checks it.
func parseDefinition(text string) (*definition, error) {
	d := &definition{}
	dec := json.NewDecoder(bytes.NewReader([]byte(text)))
	dec.DisallowUnknownFields()
	if err := dec.Decode(d); err != nil || dec.More() {
		return nil, badDefinition("it is not valid JSON of the rule schema.")
	}
	switch {
	case d.Schema.Name != "CloudWatchLogRule" || d.Schema.Version != 1:
		return nil, badDefinition("Schema must be {\"Name\": \"CloudWatchLogRule\", \"Version\": 1}.")
	case len(d.LogGroupNames) > 0 && len(d.LogGroupARNs) > 0:
		return nil, badDefinition("LogGroupNames and LogGroupARNs are mutually exclusive.")
	case len(d.LogGroupNames)+len(d.LogGroupARNs) == 0:
		return nil, badDefinition("LogGroupNames or LogGroupARNs is required.")
	case d.LogFormat != "JSON" && d.LogFormat != "CLF":
		return nil, badDefinition("LogFormat must be JSON or CLF.")
	case d.LogFormat == "JSON" && d.Fields != nil:
		return nil, badDefinition("Fields can only be used where LogFormat is CLF.")
	case d.AggregateOn != "Count" && d.AggregateOn != "Sum":
		return nil, badDefinition("AggregateOn must be Count or Sum.")
	case d.AggregateOn == "Sum" && d.Contribution.ValueOf == "":
		return nil, badDefinition("Contribution.ValueOf is required where AggregateOn is Sum.")
	case d.AggregateOn == "Count" && d.Contribution.ValueOf != "":
		return nil, badDefinition("Contribution.ValueOf can only be used where AggregateOn is Sum.")
	case len(d.Contribution.Keys) < 1 || len(d.Contribution.Keys) > maxKeys:
		return nil, badDefinition("Contribution.Keys must have between 1 and %d members.", maxKeys)
	case len(d.Contribution.Filters) > maxFilters:
		return nil, badDefinition("Contribution.Filters must not have more than %d members.", maxFilters)
	}
	return d, d.checkFields()
}

// checkFields looks at how the fields of log events are named.
func (d *definition) checkFields() error {
	names := slices.Clone(d.Contribution.Keys)
	if v := d.Contribution.ValueOf; v != "" {
		names = append(names, v)
	}
	for _, f := range d.Contribution.Filters {
		var match string
		if err := json.Unmarshal(f["Match"], &match); err != nil {
			return badDefinition("each filter needs a Match.")
		}
		names = append(names, match)
		if err := checkFilter(f); err != nil {
			return err
		}
	}
	for _, name := range names {
		if !d.hasField(name) {
			return badDefinition("%s is not a field of %s logs.", name, d.LogFormat)
		}
	}
	return nil
}

var (
	jsonField = regexp.MustCompile(`^\$(\.[A-Za-z0-9_@-]+(\[[0-9]+\])*|\[[0-9]+\])+$`)
	clfField  = regexp.MustCompile(`^[1-9][0-9]*$`)
)

// hasField tells whether a name can be that of a field: a path from the root in
// JSON, a number or an alias of one in CLF.
func (d *definition) hasField(name string) bool {
	if d.LogFormat == "JSON" {
		return jsonField.MatchString(name)
	}
	if clfField.MatchString(name) {
		return true
	}
	for _, alias := range d.Fields {
		if alias == name {
			return true
		}
	}
	return false
}

// checkFilter looks at a filter's one operator and what it compares with.
func checkFilter(f map[string]json.RawMessage) error {
	if len(f) != 2 {
		return badDefinition("each filter needs a Match and one operator.")
	}
	for op, v := range f {
		var list []string
		var number float64
		var yes bool
		switch op {
		case "Match":
		case "In", "NotIn", "StartsWith":
			if json.Unmarshal(v, &list) != nil || len(list) < 1 || len(list) > maxStrings {
				return badDefinition("%s needs between 1 and %d strings.", op, maxStrings)
			}
		case "GreaterThan", "LessThan", "EqualTo", "NotEqualTo":
			if json.Unmarshal(v, &number) != nil {
				return badDefinition("%s needs a number.", op)
			}
		case "IsPresent":
			if json.Unmarshal(v, &yes) != nil {
				return badDefinition("IsPresent needs true or false.")
			}
		default:
			return badDefinition("%s is not an operator of filters.", op)
		}
	}
	return nil
}
