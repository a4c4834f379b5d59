// Package ebs is the part of EC2 that is block storage: volumes, their
// attachments, snapshots and what belongs to them.
//
//	room.go, operations.go, access.go   what the room offers, and who may
//	record.go, snapshotrecord.go        volumes and snapshots as the store keeps them
//	kind.go                             volume types and their limits
//	create.go, describe.go, modify.go   volumes
//	attribute.go, status.go             what else can be asked of them
//	attach.go, launch.go                volumes and instances
//	converge.go, content.go             brings the data plane to what is wanted
//	snapshot*.go, copy.go, share.go     snapshots
//	take.go                             reads volumes into snapshots
//	tier.go, lock.go, restore.go        archive, locks, fast restores
//	import.go                           snapshots of disk images in buckets
//	bin.go                              the Recycle Bin
//	setting.go                          encryption by default, public access
//	meter.go                            gigabyte-months
//
// The content of snapshots is the business of package blocks; package direct
// answers the EBS direct APIs.
package ebs
