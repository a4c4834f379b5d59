package elbv2

import (
	"regexp"

	api "pileus/api/elbv2"
	"pileus/cloud"
	"pileus/lb"
)

// unicodeClass finds classes like \p{L}, which rules may not have.
var unicodeClass = regexp.MustCompile(`(^|[^\\])(\\\\)*\\[pP]`)

// checkRegex tells why a regular expression cannot be one of a rule. Lookaround,
// references back and the like are not to be had, as on AWS.
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/rule-transforms.html
func checkRegex(text string, most int) error {
	if text == "" || len(text) > most {
		return invalid("Regex '%s' must have between 1 and %d characters", text, most)
	}
	if _, err := regexp.Compile(text); err != nil || unicodeClass.MatchString(text) {
		return invalid("Regex '%s' is not valid", text)
	}
	return nil
}

// transforms checks what a rule makes of requests: at most one transform of
// the host and one of the URL, each with one rewrite.
func transforms(list []api.RuleTransform) ([]api.RuleTransform, error) {
	seen := map[string]bool{}
	for _, t := range list {
		if seen[t.Type] {
			return nil, invalid("Transform type '%s' can only be specified once per rule", t.Type)
		}
		seen[t.Type] = true
		if t.Type == "host-header-rewrite" && t.UrlRewriteConfig != nil || t.Type == "url-rewrite" && t.HostHeaderRewriteConfig != nil {
			return nil, invalid("The configuration of transform type '%s' is not its own", t.Type)
		}
		rewrites := rewritesOf(t)
		if len(rewrites) != 1 {
			return nil, invalid("Transform type '%s' must have exactly one rewrite", t.Type)
		}
		if err := checkRegex(rewrites[0].Regex, maxRewriteRegex); err != nil {
			return nil, err
		}
		if len(rewrites[0].Replace) > maxRewriteRegex {
			return nil, invalid("Replacement '%s' must have at most %d characters", rewrites[0].Replace, maxRewriteRegex)
		}
	}
	return list, nil
}

// rewritesOf are the rewrites of a transform, of either type.
func rewritesOf(t api.RuleTransform) []api.RewriteConfig {
	switch {
	case t.HostHeaderRewriteConfig != nil:
		return t.HostHeaderRewriteConfig.Rewrites
	case t.UrlRewriteConfig != nil:
		return t.UrlRewriteConfig.Rewrites
	}
	return nil
}

// changeTransforms gives a rule other transforms, or none.
func (v *rule) changeTransforms(in *api.ModifyRuleInput) error {
	reset := cloud.Or(in.ResetTransforms, false)
	switch {
	case reset && len(in.Transforms) > 0:
		return invalid("You cannot specify both transforms and ResetTransforms")
	case reset:
		v.Transforms = nil
	case len(in.Transforms) > 0:
		list, err := transforms(in.Transforms)
		if err != nil {
			return err
		}
		v.Transforms = list
	}
	return nil
}

func desiredTransforms(list []api.RuleTransform) (out []lb.Transform) {
	for _, t := range list {
		for _, w := range rewritesOf(t) {
			out = append(out, lb.Transform{Type: t.Type, Regex: w.Regex, Replace: w.Replace})
		}
	}
	return out
}
