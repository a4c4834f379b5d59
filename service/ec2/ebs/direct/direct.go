// Package direct answers the EBS direct APIs: snapshots that are read and
// written block by block.
//
//	write.go    StartSnapshot, PutSnapshotBlock, CompleteSnapshot
//	read.go     ListSnapshotBlocks, ListChangedBlocks, GetSnapshotBlock
//	token.go    block and page tokens
//	access.go   who may
//	errors.go   errors
package direct

import (
	api "pileus/api/ebs"
	"pileus/cloud"
)

// Module is the service. It works on the snapshots of EC2's module.
func Module() cloud.Module {
	return cloud.Module{
		API: &api.Service,
		Operations: []cloud.Binding{
			api.StartSnapshot.Serve(startSnapshot),
			api.PutSnapshotBlock.Serve(putBlock),
			api.CompleteSnapshot.Update(completeSnapshot),
			api.ListSnapshotBlocks.View(listBlocks),
			api.ListChangedBlocks.View(listChanged),
			api.GetSnapshotBlock.Serve(getBlock),
		},
		Access: access(),
	}
}
