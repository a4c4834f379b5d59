// Package blocks keeps the content of snapshots: blocks of 512 KiB, each
// stored once for all snapshots of an owner that hold it.
//
//	manifest.go  which blocks a content consists of
//	pack.go      blobs that hold the blocks of a few dozen places each
//	take.go      reads a volume and stores what no earlier content has
//	scan.go      the blocks of a volume, compared with an earlier content
//	write.go     new blocks into packs
//	commit.go    a content's manifest and what it refers to, in transactions
//	read.go      blocks out of packs; filling a volume
//	remove.go    a content goes, and with it the blocks that nothing else has
//	compact.go   packs that are mostly dead are written anew
//
// A pack counts for each of its blocks the manifests that refer to it; the
// counts change in the transaction that writes or removes a part of a
// manifest. A crash therefore leaves a content that is there in part, which
// Remove takes away, or blobs that no transaction names, which the blob store
// collects.
package blocks
