package s3

import (
	"fmt"
	"strings"
	"time"

	"pileus/cloud"
	"pileus/rng"
	"pileus/store"

	api "pileus/api/s3"
)

// Limits of a lifecycle configuration, and what transitions by default: objects
// of at least 128 KiB.
const (
	maxLifecycleRules  = 1000
	minTransition      = 128 << 10 // bytes
	allClasses128K     = "all_storage_classes_128K"
	variesByClass      = "varies_by_storage_class"
	minInfrequentDays  = 30
	maxNewerNoncurrent = 100
)

func getBucketLifecycleConfiguration(c *cloud.Call, r store.Reader, in *api.GetBucketLifecycleConfigurationInput) (*api.GetBucketLifecycleConfigurationOutput, error) {
	b, err := findBucket(r, in.Bucket)
	if err != nil {
		return nil, err
	}
	if len(b.Lifecycle) == 0 {
		return nil, missing(api.ErrNoSuchLifecycleConfiguration, b, "The lifecycle configuration does not exist")
	}
	return &api.GetBucketLifecycleConfigurationOutput{Rules: b.Lifecycle, TransitionDefaultMinimumObjectSize: &b.TransitionMinimum}, nil
}

func putBucketLifecycleConfiguration(c *cloud.Call, tx store.Tx, in *api.PutBucketLifecycleConfigurationInput) (*api.PutBucketLifecycleConfigurationOutput, error) {
	if in.LifecycleConfiguration == nil {
		return nil, errMalformedXML
	}
	minimum := cloud.Or(in.TransitionDefaultMinimumObjectSize, allClasses128K)
	if !oneOf(minimum, allClasses128K, variesByClass) {
		return nil, errArgument("x-amz-transition-default-minimum-object-size", minimum, "Invalid TransitionDefaultMinimumObjectSize found: %s", minimum)
	}
	rules, err := checkLifecycle(c, in.LifecycleConfiguration.Rules)
	if err != nil {
		return nil, err
	}
	_, err = configure(tx, in.Bucket, func(b *Bucket) error {
		if b.MFADelete {
			return errInvalidRequest("Lifecycle configuration is not supported on buckets with MFA Delete enabled.")
		}
		b.Lifecycle, b.TransitionMinimum = rules, minimum
		scheduleLifecycle(c, tx, b)
		return nil
	})
	return &api.PutBucketLifecycleConfigurationOutput{TransitionDefaultMinimumObjectSize: &minimum}, err
}

func deleteBucketLifecycle(c *cloud.Call, tx store.Tx, in *api.DeleteBucketLifecycleInput) (*cloud.Empty, error) {
	return configure(tx, in.Bucket, func(b *Bucket) error {
		b.Lifecycle, b.TransitionMinimum = nil, ""
		return nil
	})
}

// checkLifecycle holds rules to AWS's conditions and gives an id to those that
// have none.
func checkLifecycle(c *cloud.Call, in []api.LifecycleRule) ([]api.LifecycleRule, error) {
	if len(in) == 0 {
		return nil, errMalformedXML
	}
	if len(in) > maxLifecycleRules {
		return nil, errInvalidRequest("The number of lifecycle rules must not exceed the allowed limit of %d rules", maxLifecycleRules)
	}
	rules := append([]api.LifecycleRule(nil), in...)
	ids, scopes := map[string]bool{}, map[string]bool{}
	for i := range rules {
		rule := &rules[i]
		if cloud.Or(rule.ID, "") == "" {
			rule.ID = new(c.Rand().String(48, rng.Base62))
		}
		if len(*rule.ID) > 255 {
			return nil, errArgument("ID", *rule.ID, "ID length should not exceed allowed limit of 255")
		}
		if ids[*rule.ID] {
			return nil, errArgument("ID", *rule.ID, "Rule ID must be unique. Found same ID for more than one rule")
		}
		ids[*rule.ID] = true
		if err := checkRule(rule); err != nil {
			return nil, err
		}
		for _, action := range ruleActions(rule) {
			if at := action + " " + describeFilter(rule); !scopes[at] {
				scopes[at] = true
				continue
			}
			prefix := filterOf(rule).prefix
			return nil, errInvalidRequest("Found overlapping prefixes '%s' and '%s' for same action type '%s'", prefix, prefix, action)
		}
	}
	return rules, nil
}

// ruleActions are the kinds of action that the rule takes.
func ruleActions(rule *api.LifecycleRule) (list []string) {
	if rule.Expiration != nil {
		list = append(list, "Expiration")
	}
	if len(rule.Transitions) > 0 {
		list = append(list, "Transition")
	}
	if rule.NoncurrentVersionExpiration != nil {
		list = append(list, "NoncurrentVersionExpiration")
	}
	if len(rule.NoncurrentVersionTransitions) > 0 {
		list = append(list, "NoncurrentVersionTransition")
	}
	if rule.AbortIncompleteMultipartUpload != nil {
		list = append(list, "AbortIncompleteMultipartUpload")
	}
	return list
}

func checkRule(rule *api.LifecycleRule) error {
	if !oneOf(rule.Status, "Enabled", "Disabled") || (rule.Filter == nil) == (rule.Prefix == nil) {
		return errMalformedXML
	}
	if rule.Filter != nil {
		if err := checkRuleFilter(rule.Filter); err != nil {
			return err
		}
	}
	if len(ruleActions(rule)) == 0 {
		return errInvalidRequest("At least one action needs to be specified in a rule")
	}
	if e := rule.Expiration; e != nil {
		if err := checkExpiration(rule, e); err != nil {
			return err
		}
	}
	if err := checkTransitions(rule); err != nil {
		return err
	}
	return checkNoncurrent(rule)
}

func checkRuleFilter(f *api.LifecycleRuleFilter) error {
	n := trues(f.Prefix != nil, f.Tag != nil, f.ObjectSizeGreaterThan != nil, f.ObjectSizeLessThan != nil, f.And != nil)
	if n > 1 {
		return errMalformedXML
	}
	greater, less := f.ObjectSizeGreaterThan, f.ObjectSizeLessThan
	var tags []api.Tag
	if f.Tag != nil {
		tags = append(tags, *f.Tag)
	}
	if and := f.And; and != nil {
		if trues(and.Prefix != nil, and.ObjectSizeGreaterThan != nil, and.ObjectSizeLessThan != nil)+len(and.Tags) < 2 {
			return errMalformedXML
		}
		greater, less, tags = and.ObjectSizeGreaterThan, and.ObjectSizeLessThan, and.Tags
	}
	if greater != nil && *greater < 0 {
		return errInvalidRequest("'ObjectSizeGreaterThan' must be a nonnegative integer")
	}
	if less != nil && *less <= 0 {
		return errInvalidRequest("'ObjectSizeLessThan' must be a positive integer")
	}
	if greater != nil && less != nil && *less <= *greater {
		return errInvalidRequest("'ObjectSizeLessThan' has to be a value greater than 'ObjectSizeGreaterThan'")
	}
	seen := map[string]bool{}
	for _, t := range tags {
		if t.Key == "" || len(t.Key) > 128 {
			return errTagKey
		}
		if len(t.Value) > 256 {
			return errTagValue
		}
		if seen[t.Key] {
			return errInvalidRequest("Duplicate Tag Keys are not allowed.")
		}
		seen[t.Key] = true
	}
	return nil
}

func trues(conditions ...bool) (n int) {
	for _, x := range conditions {
		if x {
			n++
		}
	}
	return n
}

func checkExpiration(rule *api.LifecycleRule, e *api.LifecycleExpiration) error {
	if trues(e.Days != nil, e.Date != nil, e.ExpiredObjectDeleteMarker != nil) != 1 {
		return errMalformedXML
	}
	switch {
	case e.Days != nil && *e.Days <= 0:
		return errArgument("Days", fmt.Sprint(*e.Days), "'Days' for Expiration action must be a positive integer")
	case e.Date != nil && !midnight(*e.Date):
		return errArgument("Date", e.Date.UTC().Format(time.RFC3339), "'Date' must be at midnight GMT")
	case e.ExpiredObjectDeleteMarker != nil && filterOf(rule).tags != nil:
		return errInvalidRequest("ExpiredObjectDeleteMarker cannot be specified with Tags.")
	}
	return nil
}

func midnight(t time.Time) bool { return t.Equal(t.UTC().Truncate(24 * time.Hour)) }

func checkTransitions(rule *api.LifecycleRule) error {
	filter := describeFilter(rule)
	var days, dates bool
	seen := map[string]bool{}
	for i := range rule.Transitions {
		t := &rule.Transitions[i]
		class := cloud.Or(t.StorageClass, "")
		if classRank(class) == 0 || (t.Days == nil) == (t.Date == nil) {
			return errMalformedXML
		}
		days, dates = days || t.Days != nil, dates || t.Date != nil
		switch {
		case t.Days != nil && *t.Days < 0:
			return errArgument("Days", fmt.Sprint(*t.Days), "'Days' in Transition action must be nonnegative")
		case t.Days != nil && infrequent(class) && *t.Days < minInfrequentDays:
			return errArgument("Days", fmt.Sprint(*t.Days), "'Days' in Transition action must be greater than or equal to %d for storageClass '%s'", minInfrequentDays, class)
		case t.Date != nil && !midnight(*t.Date):
			return errArgument("Date", t.Date.UTC().Format(time.RFC3339), "'Date' must be at midnight GMT")
		case seen[class]:
			return errInvalidRequest("'StorageClass' must be different for 'Transition' actions in same 'Rule' with filter '%s'", filter)
		}
		seen[class] = true
		for j := range i {
			if err := checkOrder(&rule.Transitions[j], t, filter); err != nil {
				return err
			}
		}
	}
	e := rule.Expiration
	if e != nil {
		days, dates = days || e.Days != nil, dates || e.Date != nil
	}
	if days && dates {
		return errInvalidRequest("Found mixed 'Date' and 'Days' based Expiration and Transition actions in lifecycle rule for filter '%s'", filter)
	}
	for i := range rule.Transitions {
		switch t := &rule.Transitions[i]; {
		case e != nil && e.Days != nil && t.Days != nil && *e.Days <= *t.Days:
			return errArgument("Days", fmt.Sprint(*e.Days), "'Days' in the Expiration action for filter '%s' must be greater than 'Days' in the Transition action", filter)
		case e != nil && e.Date != nil && t.Date != nil && !e.Date.After(*t.Date):
			return errArgument("Date", e.Date.UTC().Format(time.RFC3339), "'Date' in the Expiration action for filter '%s' must be later than 'Date' in the Transition action", filter)
		}
	}
	return nil
}

// checkOrder refuses two transitions of a rule that go up the waterfall, or
// that leave an infrequent access class before its minimum of 30 days.
func checkOrder(x, y *api.Transition, filter string) error {
	if classRank(*x.StorageClass) > classRank(*y.StorageClass) {
		x, y = y, x
	}
	if x.Days != nil && y.Days != nil {
		least := *x.Days + 1
		if infrequent(*x.StorageClass) {
			least = *x.Days + minInfrequentDays
		}
		if *y.Days < least {
			return errArgument("Days", fmt.Sprint(*y.Days), "'Days' in the 'Transition' action for StorageClass '%s' for filter '%s' must be %d days more than 'filter '%s'' in the 'Transition' action for StorageClass '%s'",
				*y.StorageClass, filter, least-*x.Days, filter, *x.StorageClass)
		}
	}
	if x.Date != nil && y.Date != nil && !y.Date.After(*x.Date) {
		return errArgument("Date", y.Date.UTC().Format(time.RFC3339), "'Date' in the 'Transition' action for StorageClass '%s' for filter '%s' must be later than in the 'Transition' action for StorageClass '%s'",
			*y.StorageClass, filter, *x.StorageClass)
	}
	return nil
}

func checkNoncurrent(rule *api.LifecycleRule) error {
	newer := func(n *int32) error {
		if n != nil && (*n < 1 || *n > maxNewerNoncurrent) {
			return errArgument("NewerNoncurrentVersions", fmt.Sprint(*n), "'NewerNoncurrentVersions' must be an integer between 1 and %d", maxNewerNoncurrent)
		}
		return nil
	}
	var last int32 = -1
	for i := range rule.NoncurrentVersionTransitions {
		t := &rule.NoncurrentVersionTransitions[i]
		class := cloud.Or(t.StorageClass, "")
		if classRank(class) == 0 || t.NoncurrentDays == nil {
			return errMalformedXML
		}
		if *t.NoncurrentDays < 0 {
			return errArgument("NoncurrentDays", fmt.Sprint(*t.NoncurrentDays), "'NoncurrentDays' in NoncurrentVersionTransition action must be nonnegative")
		}
		if infrequent(class) && *t.NoncurrentDays < minInfrequentDays {
			return errArgument("NoncurrentDays", fmt.Sprint(*t.NoncurrentDays), "'NoncurrentDays' in NoncurrentVersionTransition action must be greater than or equal to %d for storageClass '%s'", minInfrequentDays, class)
		}
		if err := newer(t.NewerNoncurrentVersions); err != nil {
			return err
		}
		last = max(last, *t.NoncurrentDays)
	}
	if e := rule.NoncurrentVersionExpiration; e != nil {
		if e.NoncurrentDays == nil {
			return errMalformedXML
		}
		if *e.NoncurrentDays <= 0 {
			return errArgument("NoncurrentDays", fmt.Sprint(*e.NoncurrentDays), "'NoncurrentDays' for NoncurrentVersionExpiration action must be a positive integer")
		}
		if err := newer(e.NewerNoncurrentVersions); err != nil {
			return err
		}
		if last >= 0 && e.NewerNoncurrentVersions == nil && *e.NoncurrentDays <= last {
			return errArgument("NoncurrentDays", fmt.Sprint(*e.NoncurrentDays), "'NoncurrentDays' in the NoncurrentVersionExpiration action for filter '%s' must be greater than 'NoncurrentDays' in the NoncurrentVersionTransition action", describeFilter(rule))
		}
	}
	if a := rule.AbortIncompleteMultipartUpload; a != nil {
		f := filterOf(rule)
		switch {
		case a.DaysAfterInitiation == nil:
			return errMalformedXML
		case *a.DaysAfterInitiation <= 0:
			return errArgument("DaysAfterInitiation", fmt.Sprint(*a.DaysAfterInitiation), "'DaysAfterInitiation' for AbortIncompleteMultipartUpload action must be a positive integer")
		case f.tags != nil:
			return errInvalidRequest("AbortIncompleteMultipartUpload cannot be specified with Tags.")
		case f.sized():
			return errInvalidRequest("AbortIncompleteMultipartUpload cannot be specified with Object Size.")
		}
	}
	return nil
}

// classRank is how far down the waterfall of storage classes one stands; 0 for
// what is not a class that objects can be moved to.
func classRank(class string) int {
	switch class {
	case "STANDARD_IA":
		return 1
	case "INTELLIGENT_TIERING":
		return 2
	case "ONEZONE_IA":
		return 3
	case "GLACIER_IR":
		return 4
	case "GLACIER":
		return 5
	case "DEEP_ARCHIVE":
		return 6
	}
	return 0
}

func infrequent(class string) bool { return class == "STANDARD_IA" || class == "ONEZONE_IA" }

// describeFilter is a rule's filter as AWS's messages show it.
func describeFilter(rule *api.LifecycleRule) string {
	f := filterOf(rule)
	parts := []string{}
	if f.prefix != "" || f.tags == nil && !f.sized() {
		parts = append(parts, "prefix="+f.prefix)
	}
	for _, t := range f.tags {
		parts = append(parts, "tag={key="+t.Key+", value="+t.Value+"}")
	}
	if f.greater != nil {
		parts = append(parts, fmt.Sprintf("objectsizegreaterthan=%d", *f.greater))
	}
	if f.less != nil {
		parts = append(parts, fmt.Sprintf("objectsizelessthan=%d", *f.less))
	}
	return "(" + strings.Join(parts, " and ") + ")"
}
