package elbv2

import (
	"net/netip"
	"regexp"
	"slices"
	"strings"

	api "pileus/api/elbv2"
	"pileus/cloud"
)

// conditionFields are what conditions can look at.
var conditionFields = []string{"host-header", "http-header", "http-request-method", "path-pattern", "query-string", "source-ip"}

// conditions checks a rule's conditions and returns them complete.
func conditions(list []api.RuleCondition) (out []api.RuleCondition, err error) {
	if len(list) == 0 {
		return nil, invalid("A condition must be specified")
	}
	values, wildcards := 0, 0
	seen := map[string]bool{}
	for _, k := range list {
		field := cloud.Or(k.Field, "")
		if !slices.Contains(conditionFields, field) {
			return nil, invalid("Condition field '%s' must be one of '[%s]'", field, strings.Join(conditionFields, ", "))
		}
		if seen[field] && field != "http-header" && field != "query-string" {
			return nil, invalid("Condition field '%s' can only be specified once per rule", field)
		}
		seen[field] = true
		if k, err = condition(k, field); err != nil {
			return nil, err
		}
		for _, v := range valuesOf(k) {
			values++
			wildcards += strings.Count(v, "*") + strings.Count(v, "?")
		}
		values += len(regexesOf(k))
		out = append(out, k)
	}
	if values > maxConditionValues {
		return nil, invalid("The maximum number of condition values, %d, has been exceeded", maxConditionValues)
	}
	if wildcards > maxWildcards {
		return nil, invalid("The maximum number of wildcards in conditions, %d, has been exceeded", maxWildcards)
	}
	return out, nil
}

// valuesOf are the values of a condition, as text.
func valuesOf(k api.RuleCondition) (list []string) {
	switch {
	case k.HostHeaderConfig != nil:
		return k.HostHeaderConfig.Values
	case k.PathPatternConfig != nil:
		return k.PathPatternConfig.Values
	case k.HttpHeaderConfig != nil:
		return k.HttpHeaderConfig.Values
	case k.HttpRequestMethodConfig != nil:
		return k.HttpRequestMethodConfig.Values
	case k.SourceIpConfig != nil:
		return k.SourceIpConfig.Values
	case k.QueryStringConfig != nil:
		for _, q := range k.QueryStringConfig.Values {
			list = append(list, cloud.Or(q.Key, "")+"="+cloud.Or(q.Value, ""))
		}
	}
	return list
}

// regexesOf are the regular expressions of a condition.
func regexesOf(k api.RuleCondition) []string {
	switch {
	case k.HostHeaderConfig != nil:
		return k.HostHeaderConfig.RegexValues
	case k.PathPatternConfig != nil:
		return k.PathPatternConfig.RegexValues
	case k.HttpHeaderConfig != nil:
		return k.HttpHeaderConfig.RegexValues
	}
	return nil
}

// condition checks one condition; the older form with plain values is completed.
func condition(k api.RuleCondition, field string) (api.RuleCondition, error) {
	switch field {
	case "host-header":
		if k.HostHeaderConfig == nil {
			k.HostHeaderConfig = &api.HostHeaderConditionConfig{Values: k.Values, RegexValues: k.RegexValues}
		}
		k.Values, k.RegexValues = k.HostHeaderConfig.Values, k.HostHeaderConfig.RegexValues
		return k, valuesOrRegexes(k, field, hostPattern)
	case "path-pattern":
		if k.PathPatternConfig == nil {
			k.PathPatternConfig = &api.PathPatternConditionConfig{Values: k.Values, RegexValues: k.RegexValues}
		}
		k.Values, k.RegexValues = k.PathPatternConfig.Values, k.PathPatternConfig.RegexValues
		return k, valuesOrRegexes(k, field, pathPattern)
	}
	if len(k.RegexValues) > 0 && field == "http-header" && k.HttpHeaderConfig != nil && len(k.HttpHeaderConfig.RegexValues) == 0 {
		with := *k.HttpHeaderConfig
		with.RegexValues = k.RegexValues
		k.HttpHeaderConfig, k.RegexValues = &with, nil
	}
	if len(k.Values) > 0 || len(k.RegexValues) > 0 && field != "http-header" {
		return k, invalid("Condition values cannot be specified for the field '%s'; its own configuration must be", field)
	}
	switch field {
	case "http-header":
		return k, headerCondition(k)
	case "http-request-method":
		if k.HttpRequestMethodConfig == nil {
			return k, missing(field)
		}
		return k, eachValue(k.HttpRequestMethodConfig.Values, field, methodName)
	case "query-string":
		return k, queryCondition(k.QueryStringConfig)
	}
	return k, sourceCondition(k.SourceIpConfig)
}

// The alphabets of values.
var (
	hostPattern = regexp.MustCompile(`^[A-Za-z0-9.*?_-]{1,128}$`)
	pathPattern = regexp.MustCompile(`^[A-Za-z0-9_.$/~"'@:+&*?()!,;=%#\[\]|^{}-]{1,128}$`)
	methodName  = regexp.MustCompile(`^[A-Z_-]{1,40}$`)
	printable   = regexp.MustCompile(`^[\x20-\x7e]{1,128}$`)
	headerField = regexp.MustCompile("^[!#$%&'*+.^_`|~0-9A-Za-z?-]{1,40}$")
)

// valuesOrRegexes checks a condition that can have both; it needs one of them.
func valuesOrRegexes(k api.RuleCondition, field string, form *regexp.Regexp) error {
	list := regexesOf(k)
	for _, text := range list {
		if err := checkRegex(text, maxConditionRegex); err != nil {
			return err
		}
	}
	if len(list) > 0 && len(valuesOf(k)) == 0 {
		return nil
	}
	return eachValue(valuesOf(k), field, form)
}

func missing(field string) error {
	return invalid("A condition value must be specified for the field '%s'", field)
}

func eachValue(list []string, field string, form *regexp.Regexp) error {
	if len(list) == 0 {
		return missing(field)
	}
	for _, v := range list {
		if !form.MatchString(v) {
			return invalid("Condition value '%s' contains a character that is not valid for the field '%s', or has the wrong length", v, field)
		}
	}
	return nil
}

func headerCondition(k api.RuleCondition) error {
	if k.HttpHeaderConfig == nil {
		return missing("http-header")
	}
	name := cloud.Or(k.HttpHeaderConfig.HttpHeaderName, "")
	if !headerField.MatchString(name) {
		return invalid("HTTP header name '%s' is not valid", name)
	}
	if strings.EqualFold(name, "host") {
		return invalid("HTTP header name '%s' cannot be used; use the field 'host-header'", name)
	}
	return valuesOrRegexes(k, "http-header", printable)
}

func queryCondition(k *api.QueryStringConditionConfig) error {
	if k == nil || len(k.Values) == 0 {
		return missing("query-string")
	}
	for _, q := range k.Values {
		if q.Key != nil && !printable.MatchString(*q.Key) || q.Value == nil || !printable.MatchString(*q.Value) {
			return invalid("Query string '%s=%s' is not valid", cloud.Or(q.Key, ""), cloud.Or(q.Value, ""))
		}
	}
	return nil
}

func sourceCondition(k *api.SourceIpConditionConfig) error {
	if k == nil || len(k.Values) == 0 {
		return missing("source-ip")
	}
	for _, v := range k.Values {
		p, err := netip.ParsePrefix(v)
		if err != nil {
			return invalid("Condition value '%s' is not a valid CIDR block", v)
		}
		if p == netip.MustParsePrefix("255.255.255.255/32") {
			return invalid("Condition value '%s' is not supported", v)
		}
	}
	return nil
}
