package s3

import (
	"pileus/cloud"
	"pileus/store"

	api "pileus/api/s3"
)

func listObjectVersions(c *cloud.Call, r store.Reader, in *api.ListObjectVersionsInput) (*api.ListObjectVersionsOutput, error) {
	b, err := findBucket(r, in.Bucket)
	if err != nil {
		return nil, err
	}
	e, err := newEncoder(in.EncodingType)
	if err != nil {
		return nil, err
	}
	p, err := newPage(in.Prefix, in.Delimiter, in.MaxKeys, "max-keys")
	if err != nil {
		return nil, err
	}
	l := &versionLister{c: c, r: r, b: b, page: p, encoder: e, restore: oneOf("RestoreStatus", in.OptionalObjectAttributes...)}
	l.out = &api.ListObjectVersionsOutput{Name: &b.Name, Prefix: e.text(p.prefix), Delimiter: e.maybe(in.Delimiter), MaxKeys: new(int32(p.limit)),
		KeyMarker: e.text(cloud.Or(in.KeyMarker, "")), VersionIdMarker: new(cloud.Or(in.VersionIdMarker, "")), EncodingType: in.EncodingType, RequestCharged: charged(c, b)}
	if err := l.begin(in); err != nil {
		return nil, err
	}
	walk(r, objects, b.Name, p, func(o *Object) string { return o.Key }, l.key)
	l.out.CommonPrefixes, l.out.IsTruncated = e.prefixes(p.prefixes), &p.truncated
	if p.truncated {
		l.out.NextKeyMarker = e.text(p.last)
		if l.lastVersion != "" && p.last == l.lastKey {
			l.out.NextVersionIdMarker = &l.lastVersion
		}
	}
	meter(c, b, "ListBucketVersions", tier1)
	return l.out, nil
}

// versionLister makes a page of versions: those of each key together, newest
// first.
type versionLister struct {
	c *cloud.Call
	r store.Reader
	b *Bucket
	*page
	encoder
	restore     bool
	out         *api.ListObjectVersionsOutput
	resumeKey   string // of this key only versions older than resumeSeq
	resumeSeq   int64
	lastKey     string
	lastVersion string
}

// begin reads the markers.
func (l *versionLister) begin(in *api.ListObjectVersionsInput) error {
	key, id := cloud.Or(in.KeyMarker, ""), cloud.Or(in.VersionIdMarker, "")
	if in.VersionIdMarker != nil && in.KeyMarker == nil {
		return errArgument("version-id-marker", id, "A version-id marker cannot be specified without a key marker.")
	}
	l.startAfter(key)
	if id == "" {
		return nil
	}
	if err := checkVersionID(id); err != nil {
		return errArgument("version-id-marker", id, "Invalid version id specified")
	}
	seq, _ := versionSeq(id)
	if id == "null" {
		o, ok := findVersion(l.r, l.b, key, id)
		if !ok {
			return nil
		}
		seq = o.Seq
	}
	l.start, l.resumeKey, l.resumeSeq = key, key, seq
	return nil
}

// key adds the versions of a key, whose latest is top.
func (l *versionLister) key(top *Object) bool {
	if !l.add(top, true) {
		return false
	}
	if !top.Older {
		return true
	}
	for v := range versions.Scan(l.r, l.b.Name, top.Key) {
		if v.Key != top.Key {
			break
		}
		if !l.add(v, false) {
			return false
		}
	}
	return true
}

func (l *versionLister) add(o *Object, latest bool) bool {
	if o.Key == l.resumeKey && o.Seq >= l.resumeSeq {
		return true
	}
	if !l.take(o.Key) {
		return false
	}
	l.lastKey, l.lastVersion = o.Key, o.VersionID()
	if o.Marker {
		l.out.DeleteMarkers = append(l.out.DeleteMarkers, api.DeleteMarkerEntry{Key: l.text(o.Key), VersionId: new(o.VersionID()),
			IsLatest: &latest, LastModified: new(o.Modified), Owner: owner(o.Owner)})
		return true
	}
	x := api.ObjectVersion{Key: l.text(o.Key), VersionId: new(o.VersionID()), IsLatest: &latest, LastModified: new(o.Modified),
		ETag: new(quote(o.ETag)), Size: new(o.Size), StorageClass: new(o.StorageClass()), Owner: owner(o.Owner), ChecksumType: o.Sum.Kind()}
	if o.Sum.Algorithm != "" {
		x.ChecksumAlgorithm = []string{o.Sum.Algorithm}
	}
	if l.restore {
		x.RestoreStatus = o.restoreStatus(l.c)
	}
	l.out.Versions = append(l.out.Versions, x)
	return true
}
