package s3

import "pileus/store"

// Unreplicate makes an object wait for its replicas again, as one does whose
// destination cannot be reached.
func Unreplicate(tx store.Tx, bucket, key string) {
	o, _ := objects.Get(tx, bucket, key)
	waiting := *o
	waiting.Replication = "PENDING"
	updateVersion(tx, &waiting)
}

// Replicated is the end of such a wait.
var Replicated = setReplication

// Replica names the version that was replicated.
func Replica(r store.Reader, bucket, key string) *replica {
	o, _ := objects.Get(r, bucket, key)
	return &replica{Bucket: bucket, Key: key, Seq: o.Seq, Since: o.Modified}
}
