package s3

import (
	"fmt"
	"iter"

	"pileus/cloud"
	"pileus/store"
)

const (
	gib         = 1 << 30
	smallObject = 128 << 10 // bytes that the infrequent classes bill at least
)

// classPrice is how usage of a storage class is called in bills.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/aws-usage-report-understand.html
type classPrice struct {
	storage, small string // types of storage; small is what is missing to 128 KiB
	requests       string // type of requests up to the tier; "" as for STANDARD
	retrieval      string // type of bytes read; "" is free
	earlyDelete    string
	minimumDays    int
}

var classes = map[string]classPrice{
	"":                    {storage: "TimedStorage-ByteHrs"},
	"REDUCED_REDUNDANCY":  {storage: "TimedStorage-RRS-ByteHrs"},
	"STANDARD_IA":         {"TimedStorage-SIA-ByteHrs", "TimedStorage-SIA-SmObjects", "Requests-SIA-", "Retrieval-SIA", "EarlyDelete-SIA", 30},
	"ONEZONE_IA":          {"TimedStorage-ZIA-ByteHrs", "TimedStorage-ZIA-SmObjects", "Requests-ZIA-", "Retrieval-ZIA", "EarlyDelete-ZIA", 30},
	"INTELLIGENT_TIERING": {storage: "TimedStorage-INT-FA-ByteHrs", requests: "Requests-INT-"},
	"GLACIER_IR":          {"TimedStorage-GIR-ByteHrs", "TimedStorage-GIR-SmObjects", "Requests-GIR-", "Retrieval-GIR", "EarlyDelete-GIR", 90},
	"GLACIER":             {storage: "TimedStorage-GlacierByteHrs", requests: "Requests-GLACIER-", earlyDelete: "EarlyDelete-ByteHrs", minimumDays: 90},
	expressClass:          {storage: "TimedStorage-XZ-ByteHrs", requests: "Requests-XZ-"},
	"DEEP_ARCHIVE":        {storage: "TimedStorage-GDA-ByteHrs", requests: "Requests-GDA-", earlyDelete: "EarlyDelete-GDA", minimumDays: 180},
}

// billed is the size in bytes, and what a class that bills 128 KiB at least
// adds to it.
func (p classPrice) billed(size int64) (bytes, small int64) {
	if p.small != "" && size < smallObject {
		small = smallObject - size
	}
	return size, small
}

// Level is what one lane of a bucket holds. A bucket's level is the sum of its
// lanes: there are many, so that writers of different keys hardly ever write
// the same row. What a lane holds alone may be less than nothing.
type Level struct {
	Bucket string
	Lane   int64
	// Bytes by type of storage ("TimedStorage-ByteHrs").
	Bytes map[string]int64
}

var levels = &store.Table[Level]{
	Name: "s3.level",
	Key:  func(l *Level) store.Key { return store.K(l.Bucket, l.Lane) },
}

// lanes is how many rows the level of a bucket has at most.
const lanes = 256

// hold counts bytes in a storage class that the transaction adds to a bucket,
// or takes away where sign is -1.
func hold(c *cloud.Call, tx store.Tx, bucket, class string, size, sign int64) {
	p, ok := classes[class]
	if !ok || size == 0 && p.small == "" {
		return
	}
	lane := laneOf(c.RequestID)
	l, ok := levels.Get(tx, bucket, lane)
	if !ok {
		l = &Level{Bucket: bucket, Lane: lane, Bytes: make(map[string]int64, 2)}
	}
	size, small := p.billed(size)
	l.add(p.storage, sign*size)
	l.add(p.small, sign*small)
	levels.Insert(tx, l)
}

// holdVersion counts a version that comes, or goes where sign is -1.
func holdVersion(c *cloud.Call, tx store.Tx, o *Object, sign int64) {
	if !o.Marker {
		hold(c, tx, o.Bucket, o.Class, o.Size, sign)
	}
}

// holdInstead counts a version that comes in the place of another, nil for
// none. Most often the level stays as it is, and nothing is written.
func holdInstead(c *cloud.Call, tx store.Tx, gone, o *Object) {
	switch {
	case gone == nil || gone.Marker:
		holdVersion(c, tx, o, 1)
	case !o.Marker && o.Class == gone.Class && o.Size == gone.Size:
	case !o.Marker && o.Class == gone.Class && classes[o.Class].small == "":
		hold(c, tx, o.Bucket, o.Class, o.Size-gone.Size, 1)
	default:
		holdVersion(c, tx, gone, -1)
		holdVersion(c, tx, o, 1)
	}
}

// laneOf spreads requests over the lanes; one transaction stays in its own.
func laneOf(request string) int64 {
	h := uint32(2166136261) // FNV-1a
	for i := range len(request) {
		h = (h ^ uint32(request[i])) * 16777619
	}
	return int64(h % lanes)
}

func (l *Level) add(kind string, n int64) {
	if n == 0 || kind == "" {
		return
	}
	if l.Bytes[kind] += n; l.Bytes[kind] == 0 {
		delete(l.Bytes, kind)
	}
}

// AppendRecord implements store.Record: each PUT writes one.
func (l *Level) AppendRecord(b []byte) []byte {
	w := writer{b}
	w.str(1, l.Bucket)
	w.num(2, l.Lane)
	for i, kind := range storageKinds {
		w.num(byte(3+i), l.Bytes[kind])
	}
	return w.b
}

// ParseRecord implements store.Record.
func (l *Level) ParseRecord(raw []byte) error {
	l.Bytes = make(map[string]int64, 2)
	r := reader{s: string(raw)}
	for r.next() {
		switch at := int(r.field) - 3; {
		case r.field == 1:
			l.Bucket = r.str()
		case r.field == 2:
			l.Lane = r.num()
		case at >= 0 && at < len(storageKinds):
			l.Bytes[storageKinds[at]] = r.num()
		default:
			return fmt.Errorf("s3: level has unknown field %d", r.field)
		}
	}
	return r.err
}

// storageKinds number the types of storage in records. New ones go to the end.
var storageKinds = [...]string{
	"TimedStorage-ByteHrs", "TimedStorage-RRS-ByteHrs",
	"TimedStorage-SIA-ByteHrs", "TimedStorage-SIA-SmObjects",
	"TimedStorage-ZIA-ByteHrs", "TimedStorage-ZIA-SmObjects",
	"TimedStorage-INT-FA-ByteHrs",
	"TimedStorage-GIR-ByteHrs", "TimedStorage-GIR-SmObjects",
	"TimedStorage-GlacierByteHrs", "TimedStorage-GDA-ByteHrs",
	"TimedStorage-XZ-ByteHrs",
}

// stored yields the bytes that each bucket holds in each storage class: of all
// versions, and of the parts of uploads under way.
func stored(r store.Reader) iter.Seq[cloud.Usage] {
	return func(yield func(cloud.Usage) bool) {
		sum := Level{Bytes: map[string]int64{}}
		for l := range levels.Scan(r) {
			if l.Bucket != sum.Bucket {
				if !sum.yield(r, yield) {
					return
				}
				sum.Bucket = l.Bucket
				clear(sum.Bytes)
			}
			for kind, n := range l.Bytes {
				sum.add(kind, n)
			}
		}
		sum.yield(r, yield)
	}
}

// yield passes a bucket's level on.
func (l *Level) yield(r store.Reader, yield func(cloud.Usage) bool) bool {
	b, ok := buckets.Get(r, l.Bucket)
	if !ok {
		return true
	}
	for kind, bytes := range l.Bytes {
		if bytes > 0 && !yield(b.usage(b.Account, "StandardStorage", kind, float64(bytes))) {
			return false
		}
	}
	return true
}
