package ebs

import (
	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/service/ec2/ebs/blocks"
	"pileus/store"
)

const (
	billedBy = "AmazonEC2"
	gib      = 1 << 30
)

// volumeUsage are the usage types of volumes; gp2 has none in its name.
func volumeUsage(kind string) string {
	switch kind {
	case "standard":
		return "EBS:VolumeUsage"
	case "io1":
		return "EBS:VolumeUsage.piops"
	}
	return "EBS:VolumeUsage." + kind
}

// stored yields what volumes and snapshots are billed by: levels in bytes, in
// provisioned IOPS, in GiB/s, each for as long as it lasts.
// https://aws.amazon.com/ebs/pricing/
func stored(r store.Reader, yield func(cloud.Usage) bool) {
	for v := range volumes.Scan(r) {
		if !v.stored(yield) {
			return
		}
	}
	domains := map[string]*Snapshot{}
	for s := range snapshots.Scan(r) {
		if s.Content == "" || s.State == api.SnapshotStatePending {
			continue
		}
		domains[s.domain()] = s
		if n := blocks.StoredForeign(r, s.Content); n > 0 && !yield(s.usage(n)) {
			return
		}
	}
	for name, s := range domains {
		u := s.usage(blocks.Stored(r, name))
		u.Resource = "" // blocks belong to all snapshots that have them
		if u.Quantity > 0 && !yield(u) {
			return
		}
	}
}

func (s *Snapshot) usage(bytes int64) cloud.Usage {
	return cloud.Usage{
		Account: s.Account, Region: s.Region, Service: billedBy, Type: "EBS:SnapshotUsage", Operation: "CreateSnapshot",
		Resource: arn(s.Account, s.Region, "snapshot/"+s.ID), Quantity: float64(bytes),
	}
}

// includedIOPS and includedThroughput come with each gp3 volume.
const (
	includedIOPS       = 3000
	includedThroughput = 125 // MiB/s
)

func (v *Volume) stored(yield func(cloud.Usage) bool) bool {
	usage := func(kind, operation string, quantity float64) bool {
		return quantity <= 0 || yield(cloud.Usage{
			Account: v.Account, Region: v.Region, Service: billedBy, Type: kind, Operation: operation,
			Resource: arn(v.Account, v.Region, "volume/"+v.ID), Quantity: quantity,
		})
	}
	if v.State == api.VolumeStateError {
		return true
	}
	operation := map[string]string{"gp2": "CreateVolume-Gp2", "gp3": "CreateVolume-Gp3", "io1": "CreateVolume-P-IOPS", "io2": "CreateVolume-Io2", "st1": "CreateVolume-St1", "sc1": "CreateVolume-Sc1"}[v.Type]
	if operation == "" {
		operation = "CreateVolume"
	}
	if !usage(volumeUsage(v.Type), operation, float64(v.Size)*gib) {
		return false
	}
	switch v.Type {
	case "io1":
		return usage("EBS:VolumeP-IOPS.piops", operation, float64(v.IOPS))
	case "io2": // tiers are each volume's own
		return usage("EBS:VolumeP-IOPS.io2", operation, float64(min(v.IOPS, 32000))) &&
			usage("EBS:VolumeP-IOPS.io2.tier2", operation, float64(min(v.IOPS, 64000)-32000)) &&
			usage("EBS:VolumeP-IOPS.io2.tier3", operation, float64(v.IOPS-64000))
	case "gp3":
		// The price list counts throughput in GiB/s.
		return usage("EBS:VolumeP-IOPS.gp3", operation, float64(v.IOPS-includedIOPS)) &&
			usage("EBS:VolumeP-Throughput.gp3", operation, float64(v.Throughput-includedThroughput)/1024)
	}
	return true
}

func arn(account, region, name string) string {
	return cloud.ARN{Partition: "aws", Service: "ec2", Region: region, Account: account, Resource: name}.String()
}
