package s3

import (
	"strconv"
	"strings"

	"pileus/cloud"
	"pileus/store"

	api "pileus/api/s3"
)

// maxRoutingRules is the limit of one website configuration.
const maxRoutingRules = 50

func getBucketWebsite(c *cloud.Call, r store.Reader, in *api.GetBucketWebsiteInput) (*api.GetBucketWebsiteOutput, error) {
	b, err := findBucket(r, in.Bucket)
	if err != nil {
		return nil, err
	}
	if b.Website == nil {
		return nil, errNoWebsite(b)
	}
	return &api.GetBucketWebsiteOutput{
		RedirectAllRequestsTo: b.Website.RedirectAllRequestsTo,
		IndexDocument:         b.Website.IndexDocument,
		ErrorDocument:         b.Website.ErrorDocument,
		RoutingRules:          b.Website.RoutingRules,
	}, nil
}

func errNoWebsite(b *Bucket) *cloud.Error {
	return missing(api.ErrNoSuchWebsiteConfiguration, b, "The specified bucket does not have a website configuration")
}

func putBucketWebsite(c *cloud.Call, tx store.Tx, in *api.PutBucketWebsiteInput) (*cloud.Empty, error) {
	return configure(tx, in.Bucket, func(b *Bucket) error {
		if err := checkWebsite(&in.WebsiteConfiguration); err != nil {
			return err
		}
		b.Website = &in.WebsiteConfiguration
		return nil
	})
}

func deleteBucketWebsite(c *cloud.Call, tx store.Tx, in *api.DeleteBucketWebsiteInput) (*cloud.Empty, error) {
	return configure(tx, in.Bucket, func(b *Bucket) error {
		b.Website = nil
		return nil
	})
}

func checkWebsite(w *api.WebsiteConfiguration) error {
	if all := w.RedirectAllRequestsTo; all != nil {
		if w.IndexDocument != nil || w.ErrorDocument != nil || len(w.RoutingRules) > 0 || all.HostName == "" {
			return errMalformedXML
		}
		return checkProtocol(all.Protocol)
	}
	if w.IndexDocument == nil {
		return errArgument("IndexDocument", "null", "A value for IndexDocument Suffix must be provided if RedirectAllRequestsTo is empty")
	}
	if suffix := w.IndexDocument.Suffix; suffix == "" || strings.Contains(suffix, "/") {
		return errArgument("IndexDocument", suffix, "The IndexDocument Suffix is not well formed")
	}
	if w.ErrorDocument != nil && w.ErrorDocument.Key == "" {
		return errArgument("ErrorDocument", "", "The ErrorDocument Key is not well formed")
	}
	if n := len(w.RoutingRules); n > maxRoutingRules {
		return errInvalidRequest("%d routing rules provided, the number of routing rules in a website configuration is limited to %d.", n, maxRoutingRules)
	}
	for i := range w.RoutingRules {
		if err := checkRoutingRule(&w.RoutingRules[i]); err != nil {
			return err
		}
	}
	return nil
}

func checkRoutingRule(rule *api.RoutingRule) error {
	to := &rule.Redirect
	if to.HostName == nil && to.HttpRedirectCode == nil && to.Protocol == nil && to.ReplaceKeyPrefixWith == nil && to.ReplaceKeyWith == nil {
		return errMalformedXML
	}
	if to.ReplaceKeyPrefixWith != nil && to.ReplaceKeyWith != nil {
		return errInvalidRequest("You can only define ReplaceKeyPrefix or ReplaceKey but not both.")
	}
	if code := to.HttpRedirectCode; code != nil {
		if n, err := strconv.Atoi(*code); err != nil || n <= 300 || n > 399 {
			return errInvalidRequest("The provided HTTP redirect code (%s) is not valid. Valid codes are 3XX except 300.", *code)
		}
	}
	if when := rule.Condition; when != nil {
		if when.HttpErrorCodeReturnedEquals == nil && when.KeyPrefixEquals == nil {
			return errInvalidRequest("Condition cannot be empty. To redirect all requests without a condition, the condition element shouldn't be present.")
		}
		if code := when.HttpErrorCodeReturnedEquals; code != nil {
			if n, err := strconv.Atoi(*code); err != nil || n < 400 || n > 599 {
				return errInvalidRequest("The provided HTTP error code (%s) is not valid. Valid codes are 4XX or 5XX.", *code)
			}
		}
	}
	return checkProtocol(to.Protocol)
}

func checkProtocol(p *string) error {
	if p != nil && !oneOf(*p, "http", "https") {
		return errInvalidRequest("Invalid protocol, protocol can be http or https. If not defined the protocol will be selected automatically.")
	}
	return nil
}

// route is where the rules send a request for key; status is 0 before the
// object was asked for, and afterwards the error that was met.
func route(rules []api.RoutingRule, key string, status int) (*api.RoutingRule, bool) {
	for i := range rules {
		rule := &rules[i]
		prefix, code := "", 0
		if when := rule.Condition; when != nil {
			prefix = cloud.Or(when.KeyPrefixEquals, "")
			code, _ = strconv.Atoi(cloud.Or(when.HttpErrorCodeReturnedEquals, "0"))
		}
		if code == status && strings.HasPrefix(key, prefix) {
			return rule, true
		}
	}
	return nil, false
}

// location is where the rule redirects a request for key to, and the code.
func location(rule *api.RoutingRule, scheme, host, key string) (url string, code int) {
	to := &rule.Redirect
	switch {
	case to.ReplaceKeyWith != nil:
		key = *to.ReplaceKeyWith
	case to.ReplaceKeyPrefixWith != nil:
		prefix := ""
		if rule.Condition != nil {
			prefix = cloud.Or(rule.Condition.KeyPrefixEquals, "")
		}
		key = *to.ReplaceKeyPrefixWith + strings.TrimPrefix(key, prefix)
	}
	code, err := strconv.Atoi(cloud.Or(to.HttpRedirectCode, "301"))
	if err != nil {
		code = 301
	}
	return cloud.Or(to.Protocol, scheme) + "://" + cloud.Or(to.HostName, host) + "/" + escapePath(key), code
}
