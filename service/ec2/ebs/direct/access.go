package direct

import (
	"strings"

	api "pileus/api/ebs"
	"pileus/cloud"
	"pileus/service/ec2/resource"
	"pileus/store"
)

// access declares what each operation needs.
// https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonelasticblockstore.html
func access() []cloud.Access {
	return []cloud.Access{
		api.StartSnapshot.Decides([]string{"ebs:StartSnapshot"}, checkStart),
		onSnapshot(&api.PutSnapshotBlock, func(in *api.PutSnapshotBlockInput) []string { return []string{in.SnapshotId} }),
		onSnapshot(&api.CompleteSnapshot, func(in *api.CompleteSnapshotInput) []string { return []string{in.SnapshotId} }),
		onSnapshot(&api.ListSnapshotBlocks, func(in *api.ListSnapshotBlocksInput) []string { return []string{in.SnapshotId} }),
		onSnapshot(&api.GetSnapshotBlock, func(in *api.GetSnapshotBlockInput) []string { return []string{in.SnapshotId} }),
		onSnapshot(&api.ListChangedBlocks, func(in *api.ListChangedBlocksInput) []string {
			if in.FirstSnapshotId == nil {
				return []string{in.SecondSnapshotId}
			}
			return []string{*in.FirstSnapshotId, in.SecondSnapshotId}
		}),
	}
}

// onSnapshot declares an operation on snapshots that exist.
func onSnapshot[In, Out any](o *cloud.Op[In, Out], ids func(In) []string) cloud.Access {
	action := "ebs:" + o.Name
	return o.Decides([]string{action}, func(c *cloud.Call, r store.Reader, in In) (checks []cloud.Check, err error) {
		for _, id := range ids(in) {
			checks = append(checks, cloud.Check{Action: action, Resource: resource.On(c, r, "snapshot", id)})
		}
		return checks, nil
	})
}

func checkStart(c *cloud.Call, r store.Reader, in *api.StartSnapshotInput) ([]cloud.Check, error) {
	keys := cloud.Keys{}
	for _, t := range in.Tags {
		k := cloud.Or(t.Key, "")
		keys["aws:tagkeys"] = append(keys["aws:tagkeys"], k)
		keys["aws:requesttag/"+strings.ToLower(k)] = []string{cloud.Or(t.Value, "")}
	}
	checks := []cloud.Check{{Action: "ebs:StartSnapshot", Resource: resource.New(c, "snapshot"), Keys: keys}}
	if id := cloud.Or(in.ParentSnapshotId, ""); id != "" {
		checks = append(checks, cloud.Check{Action: "ebs:StartSnapshot", Resource: resource.On(c, r, "snapshot", id), Keys: keys})
	}
	return checks, nil
}
