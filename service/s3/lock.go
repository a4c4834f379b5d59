package s3

import (
	"time"

	"pileus/cloud"
	"pileus/store"

	api "pileus/api/s3"
)

// lockProperties are the object lock headers of an upload.
type lockProperties struct {
	mode  *string
	until *time.Time
	hold  *string
}

func (p lockProperties) given() bool { return p.mode != nil || p.until != nil || p.hold != nil }

// read checks the headers and writes them to the record, or what the bucket
// has as default retention.
func (p lockProperties) read(c *cloud.Call, b *Bucket, o *Object) error {
	if p.given() && !b.LockEnabled() {
		return errNoLockConfig
	}
	if p.hold != nil {
		if !oneOf(*p.hold, "ON", "OFF") {
			return errArgument("x-amz-object-lock-legal-hold", *p.hold, "Legal Hold must be either of 'ON' or 'OFF'")
		}
		o.LegalHold = *p.hold == "ON"
	}
	switch {
	case (p.mode == nil) != (p.until == nil):
		return errArgument("x-amz-object-lock-mode", cloud.Or(p.mode, "null"), "x-amz-object-lock-retain-until-date and x-amz-object-lock-mode must both be supplied")
	case p.mode != nil:
		if err := checkRetention(c, p.mode, p.until); err != nil {
			return err
		}
		o.LockMode, o.LockUntil = *p.mode, *p.until
	default:
		o.LockMode, o.LockUntil = b.defaultRetention(c.Now)
	}
	return nil
}

func checkRetention(c *cloud.Call, mode *string, until *time.Time) error {
	if !oneOf(*mode, "GOVERNANCE", "COMPLIANCE") {
		return errArgument("x-amz-object-lock-mode", *mode, "Unknown wormMode directive.")
	}
	if !until.After(c.Now) {
		return errArgument("x-amz-object-lock-retain-until-date", until.UTC().Format(time.RFC3339), "The retain until date must be in the future!")
	}
	return nil
}

// defaultRetention is how new objects of the bucket are kept.
func (b *Bucket) defaultRetention(now time.Time) (mode string, until time.Time) {
	if b.ObjectLock == nil || b.ObjectLock.Rule == nil || b.ObjectLock.Rule.DefaultRetention == nil {
		return "", time.Time{}
	}
	d := b.ObjectLock.Rule.DefaultRetention
	if d.Mode == nil {
		return "", time.Time{}
	}
	return *d.Mode, now.AddDate(int(cloud.Or(d.Years, 0)), 0, int(cloud.Or(d.Days, 0)))
}

// protected tells whether object lock keeps a version from being deleted at
// the time; bypass is a governance lock's key.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lock.html
func (o *Object) protected(now time.Time, bypass bool) bool {
	if o.LegalHold {
		return true
	}
	if o.LockMode == "" || !o.LockUntil.After(now) {
		return false
	}
	return o.LockMode == "COMPLIANCE" || !bypass
}

// lockedObject is the version that a lock operation means, of a bucket that
// has object lock.
func lockedObject(c *cloud.Call, r store.Reader, bucket, key string, version *string, method string) (*Bucket, *Object, error) {
	b, o, err := findIn(c, r, bucket, key, version, method)
	if err == nil && !b.LockEnabled() {
		err = errNoLockConfig
	}
	return b, o, err
}

func getObjectRetention(c *cloud.Call, r store.Reader, in *api.GetObjectRetentionInput) (*api.GetObjectRetentionOutput, error) {
	_, o, err := lockedObject(c, r, in.Bucket, in.Key, in.VersionId, "GET")
	if err != nil {
		return nil, err
	}
	if o.LockMode == "" {
		return nil, errNoObjectLock
	}
	return &api.GetObjectRetentionOutput{Retention: &api.ObjectLockRetention{Mode: &o.LockMode, RetainUntilDate: &o.LockUntil}}, nil
}

func putObjectRetention(c *cloud.Call, tx store.Tx, in *api.PutObjectRetentionInput) (*api.PutObjectRetentionOutput, error) {
	b, o, err := lockedObject(c, tx, in.Bucket, in.Key, in.VersionId, "PUT")
	if err != nil {
		return nil, err
	}
	changed := *o
	changed.LockMode, changed.LockUntil = "", time.Time{}
	if want := in.Retention; want != nil && (want.Mode != nil || want.RetainUntilDate != nil) {
		if want.Mode == nil || want.RetainUntilDate == nil {
			return nil, errMalformedXML
		}
		if !oneOf(*want.Mode, "GOVERNANCE", "COMPLIANCE") {
			return nil, errMalformedXML
		}
		if !want.RetainUntilDate.After(c.Now) {
			return nil, errArgument("RetainUntilDate", want.RetainUntilDate.UTC().Format(time.RFC3339), "The retain until date must be in the future!")
		}
		changed.LockMode, changed.LockUntil = *want.Mode, *want.RetainUntilDate
	}
	if o.loosens(&changed, c.Now, cloud.Or(in.BypassGovernanceRetention, false)) {
		return nil, errLocked
	}
	updateVersion(tx, &changed)
	return &api.PutObjectRetentionOutput{RequestCharged: charged(c, b)}, nil
}

// loosens tells whether the change would weaken a lock that stands: compliance
// can only be prolonged, governance needs the bypass for anything else.
func (o *Object) loosens(next *Object, now time.Time, bypass bool) bool {
	if o.LockMode == "" || !o.LockUntil.After(now) {
		return false
	}
	longer := !next.LockUntil.Before(o.LockUntil)
	switch o.LockMode {
	case "COMPLIANCE":
		return next.LockMode != "COMPLIANCE" || !longer
	default:
		return !bypass && (next.LockMode != "GOVERNANCE" || !longer)
	}
}

func getObjectLegalHold(c *cloud.Call, r store.Reader, in *api.GetObjectLegalHoldInput) (*api.GetObjectLegalHoldOutput, error) {
	_, o, err := lockedObject(c, r, in.Bucket, in.Key, in.VersionId, "GET")
	if err != nil {
		return nil, err
	}
	return &api.GetObjectLegalHoldOutput{LegalHold: &api.ObjectLockLegalHold{Status: holdAnswer(o)}}, nil
}

func putObjectLegalHold(c *cloud.Call, tx store.Tx, in *api.PutObjectLegalHoldInput) (*api.PutObjectLegalHoldOutput, error) {
	b, o, err := lockedObject(c, tx, in.Bucket, in.Key, in.VersionId, "PUT")
	if err != nil {
		return nil, err
	}
	if in.LegalHold == nil || in.LegalHold.Status == nil || !oneOf(*in.LegalHold.Status, "ON", "OFF") {
		return nil, errMalformedXML
	}
	changed := *o
	changed.LegalHold = *in.LegalHold.Status == "ON"
	updateVersion(tx, &changed)
	return &api.PutObjectLegalHoldOutput{RequestCharged: charged(c, b)}, nil
}

func holdAnswer(o *Object) *string {
	if o.LegalHold {
		return new("ON")
	}
	return new("OFF")
}

// lockAnswer are the object lock headers of a read.
func lockAnswer(b *Bucket, o *Object) (mode *string, until *time.Time, hold *string) {
	if o.LockMode != "" {
		mode, until = &o.LockMode, &o.LockUntil
	}
	if o.LegalHold {
		hold = holdAnswer(o)
	}
	return mode, until, hold
}
