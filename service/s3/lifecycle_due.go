package s3

import (
	"net/url"
	"strings"
	"time"

	"pileus/cloud"

	api "pileus/api/s3"
)

// filter is what a lifecycle rule applies to.
type filter struct {
	prefix        string
	tags          []api.Tag
	greater, less *int64 // bytes, exclusive
}

func filterOf(rule *api.LifecycleRule) (f filter) {
	f.prefix = cloud.Or(rule.Prefix, "")
	q := rule.Filter
	if q == nil {
		return f
	}
	if q.And != nil {
		return filter{cloud.Or(q.And.Prefix, ""), q.And.Tags, q.And.ObjectSizeGreaterThan, q.And.ObjectSizeLessThan}
	}
	f.prefix, f.greater, f.less = cloud.Or(q.Prefix, ""), q.ObjectSizeGreaterThan, q.ObjectSizeLessThan
	if q.Tag != nil {
		f.tags = []api.Tag{*q.Tag}
	}
	return f
}

func (f *filter) sized() bool { return f.greater != nil || f.less != nil }

func (f *filter) match(o *Object) bool {
	if !strings.HasPrefix(o.Key, f.prefix) || f.greater != nil && o.Size <= *f.greater || f.less != nil && o.Size >= *f.less {
		return false
	}
	for _, t := range f.tags {
		if v, ok := o.Tags[t.Key]; !ok || v != t.Value {
			return false
		}
	}
	return true
}

// lifecycle is a bucket's rules, made ready to be asked about many objects.
type lifecycle struct {
	bucket *Bucket
	rules  []readyRule
}

type readyRule struct {
	*api.LifecycleRule
	filter
}

// newLifecycle reads the rules that are switched on.
func newLifecycle(b *Bucket) *lifecycle {
	l := &lifecycle{bucket: b}
	for i := range b.Lifecycle {
		if rule := &b.Lifecycle[i]; rule.Status == "Enabled" {
			l.rules = append(l.rules, readyRule{rule, filterOf(rule)})
		}
	}
	return l
}

// dueAfter is when an action falls due days after t: at the next midnight UTC
// after they have passed.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/intro-lifecycle-rules.html
func dueAfter(t time.Time, days int32) time.Time {
	return nextMidnight(t.UTC().Add(time.Duration(days) * 24 * time.Hour))
}

// nextMidnight is the first midnight UTC at or after t.
func nextMidnight(t time.Time) time.Time {
	day := t.UTC().Truncate(24 * time.Hour)
	if day.Equal(t) {
		return day
	}
	return day.Add(24 * time.Hour)
}

// What lifecycle does to a version.
type deed uint8

const (
	keep       deed = iota
	expire          // the current version: as a DELETE without a version id
	remove          // for good: a noncurrent version, or a delete marker alone
	transition      // to another storage class
)

// verdict is the action due on a version, and when the next one falls due if
// none is.
type verdict struct {
	deed  deed
	class string    // of a transition
	rule  string    // id of the rule
	next  time.Time // zero: never
}

// later takes note of something that falls due at t.
func (v *verdict) later(t time.Time) {
	if v.next.IsZero() || t.Before(v.next) {
		v.next = t
	}
}

// due tells what the rules say of a version at a time. newer is how many
// noncurrent versions of the key are newer than it, -1 for the latest version.
// Where several actions are due, removal comes before transition and
// transition before a delete marker; of transitions the farthest wins.
func (l *lifecycle) due(o *Object, newer int, now time.Time) (v verdict) {
	if o.Replication == "PENDING" {
		v.later(nextMidnight(now.Add(time.Second))) // replicas come first
		return v
	}
	for i := range l.rules {
		rule := &l.rules[i]
		switch {
		case !rule.match(o):
		case newer < 0:
			rule.current(o, now, &v)
			l.transitions(rule, o, now, &v)
		default:
			rule.noncurrent(o, newer, now, &v)
			l.noncurrentTransitions(rule, o, newer, now, &v)
		}
	}
	return v
}

// current looks at the expiration of the latest version.
func (rule *readyRule) current(o *Object, now time.Time, v *verdict) {
	e := rule.Expiration
	if e == nil {
		return
	}
	if o.Marker && o.Older {
		return // it still hides something
	}
	var at time.Time
	switch {
	case o.Marker && cloud.Or(e.ExpiredObjectDeleteMarker, false):
		at = nextMidnight(o.Modified)
	case e.Days != nil:
		at = dueAfter(o.Modified, *e.Days)
	case e.Date != nil:
		at = *e.Date
	default:
		return
	}
	if at.After(now) {
		v.later(at)
		return
	}
	deed := expire
	if o.Marker {
		deed = remove
	}
	v.take(deed, "", *rule.ID)
}

// noncurrent looks at the expiration of an older version.
func (rule *readyRule) noncurrent(o *Object, newer int, now time.Time, v *verdict) {
	e := rule.NoncurrentVersionExpiration
	if e == nil || newer < int(cloud.Or(e.NewerNoncurrentVersions, 0)) {
		return
	}
	if o.protected(now, false) {
		if !o.LegalHold {
			v.later(nextMidnight(o.LockUntil))
		}
		return
	}
	if at := dueAfter(o.Noncurrent, *e.NoncurrentDays); at.After(now) {
		v.later(at)
	} else {
		v.take(remove, "", *rule.ID)
	}
}

func (l *lifecycle) transitions(rule *readyRule, o *Object, now time.Time, v *verdict) {
	for i := range rule.Transitions {
		t := &rule.Transitions[i]
		if !l.canMove(rule, o, *t.StorageClass) {
			continue
		}
		at := cloud.Or(t.Date, time.Time{})
		if t.Days != nil {
			at = dueAfter(o.Modified, *t.Days)
		}
		if at.After(now) {
			v.later(at)
		} else {
			v.take(transition, *t.StorageClass, *rule.ID)
		}
	}
}

func (l *lifecycle) noncurrentTransitions(rule *readyRule, o *Object, newer int, now time.Time, v *verdict) {
	for i := range rule.NoncurrentVersionTransitions {
		t := &rule.NoncurrentVersionTransitions[i]
		if newer < int(cloud.Or(t.NewerNoncurrentVersions, 0)) || !l.canMove(rule, o, *t.StorageClass) {
			continue
		}
		if at := dueAfter(o.Noncurrent, *t.NoncurrentDays); at.After(now) {
			v.later(at)
		} else {
			v.take(transition, *t.StorageClass, *rule.ID)
		}
	}
}

// take notes a deed that is due, if it comes before what is noted.
func (v *verdict) take(d deed, class, rule string) {
	order := [...]int{keep: 0, expire: 1, transition: 2, remove: 3}
	if order[d] < order[v.deed] || d == v.deed && classRank(class) <= classRank(v.class) {
		return
	}
	v.deed, v.class, v.rule = d, class, rule
}

// canMove tells whether an object may go to a class from where it is, and is
// large enough. A filter on size takes the place of the default minimum.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/lifecycle-transition-general-considerations.html
func (l *lifecycle) canMove(rule *readyRule, o *Object, class string) bool {
	from := o.StorageClass()
	if o.Marker || classRank(class) <= classRank(from) || from == "ONEZONE_IA" && class == "GLACIER_IR" {
		return false
	}
	if o.Size >= minTransition || rule.sized() {
		return true
	}
	return l.bucket.TransitionMinimum == variesByClass && oneOf(class, "GLACIER", "DEEP_ARCHIVE")
}

// soonest is when something that is written or changed after now can first
// fall due; zero when no rule acts by age.
func (l *lifecycle) soonest(now time.Time) (at time.Time) {
	days := int32(-1)
	see := func(n *int32) {
		if n != nil && (days < 0 || *n < days) {
			days = *n
		}
	}
	for i := range l.rules {
		rule := &l.rules[i]
		if e := rule.Expiration; e != nil {
			see(e.Days)
			if e.Date != nil || e.ExpiredObjectDeleteMarker != nil {
				see(new(int32(0)))
			}
		}
		for _, t := range rule.Transitions {
			see(t.Days)
			if t.Date != nil {
				see(new(int32(0)))
			}
		}
		for _, t := range rule.NoncurrentVersionTransitions {
			see(t.NoncurrentDays)
		}
		if e := rule.NoncurrentVersionExpiration; e != nil {
			see(e.NoncurrentDays)
		}
		if a := rule.AbortIncompleteMultipartUpload; a != nil {
			see(a.DaysAfterInitiation)
		}
	}
	if days < 0 {
		return time.Time{}
	}
	return dueAfter(now.Add(time.Nanosecond), days)
}

// expirationAnswer is x-amz-expiration: when the rules will expire an object,
// and which does.
func expirationAnswer(b *Bucket, o *Object) *string {
	if len(b.Lifecycle) == 0 || o.Marker || !o.current() {
		return nil
	}
	var at time.Time
	id := ""
	l := newLifecycle(b)
	for i := range l.rules {
		rule := &l.rules[i]
		e := rule.Expiration
		if e == nil || e.Days == nil && e.Date == nil || !rule.match(o) {
			continue
		}
		when := cloud.Or(e.Date, time.Time{})
		if e.Days != nil {
			when = dueAfter(o.Modified, *e.Days)
		}
		if at.IsZero() || when.Before(at) {
			at, id = when, *rule.ID
		}
	}
	if at.IsZero() {
		return nil
	}
	return new(`expiry-date="` + httpTime(at) + `", rule-id="` + url.QueryEscape(id) + `"`)
}

// abortAnswer is x-amz-abort-date and x-amz-abort-rule-id: when the rules will
// abort a multipart upload, and which does.
func abortAnswer(b *Bucket, u *Upload) (date *time.Time, rule *string) {
	o := &Object{Key: u.Key}
	for i := range b.Lifecycle {
		r := &b.Lifecycle[i]
		f := filterOf(r)
		a := r.AbortIncompleteMultipartUpload
		if a == nil || r.Status != "Enabled" || !f.match(o) {
			continue
		}
		if at := dueAfter(u.Initiated, *a.DaysAfterInitiation); date == nil || at.Before(*date) {
			date, rule = &at, r.ID
		}
	}
	return date, rule
}
