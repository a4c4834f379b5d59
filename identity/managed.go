package identity

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base32"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"slices"
	"sync"
	"time"

	"pileus/internal/packed"
)

// managedFile holds managed/*.json, one after the other.
//
//go:embed managed.json.gz
var managedFile []byte

// AWSPolicy is a policy that AWS manages: present in every account. The
// documents are those that AWS published on the day in Updated (AWS Managed
// Policy Reference Guide); the descriptions are ours.
type AWSPolicy struct {
	ARN, Name, Path, ID string
	Description         string
	Document            string // the default version
	Version             string // its id, "v1"
	Created, Updated    time.Time
}

var managedOnce = sync.OnceValue(func() map[string]*AWSPolicy {
	all := map[string]*AWSPolicy{}
	files := json.NewDecoder(bytes.NewReader(packed.Text(managedFile)))
	for {
		var list []struct {
			Name, Path, ID, Description, Version string
			Created, Updated                     time.Time
			Document                             json.RawMessage
		}
		err := files.Decode(&list)
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			panic("identity: managed.json.gz: " + err.Error())
		}
		for _, p := range list {
			if p.Path == "" {
				p.Path = "/"
			}
			arn := "arn:aws:iam::aws:policy" + p.Path + p.Name
			if p.ID == "" {
				p.ID = managedID(arn)
			}
			all[arn] = &AWSPolicy{ARN: arn, Name: p.Name, Path: p.Path, ID: p.ID, Description: p.Description,
				Document: string(p.Document), Version: p.Version, Created: p.Created, Updated: p.Updated}
		}
	}
})

// managedID is the unique id of an AWS-managed policy. AWS does not publish
// its own, so it is made from the ARN: the same on every cloud.
func managedID(arn string) string {
	sum := sha256.Sum256([]byte(arn))
	return ManagedID + base32.StdEncoding.EncodeToString(sum[:])[:17]
}

// AWSManaged is the AWS-managed policy with the ARN.
func AWSManaged(arn string) (*AWSPolicy, bool) {
	p, ok := managedOnce()[arn]
	return p, ok
}

// AWSManagedAll are all of them, by ARN.
func AWSManagedAll() []*AWSPolicy {
	all := managedOnce()
	out := make([]*AWSPolicy, 0, len(all))
	for _, arn := range slices.Sorted(maps.Keys(all)) {
		out = append(out, all[arn])
	}
	return out
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
