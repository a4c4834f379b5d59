package s3control

import (
	"pileus/cloud"
	"pileus/service/s3/point"
	"pileus/store"

	api "pileus/api/s3control"
)

func getPublicAccessBlock(c *cloud.Call, r store.Reader, in *api.GetPublicAccessBlockInput) (*api.GetPublicAccessBlockOutput, error) {
	b, ok := point.AccountBlocks.Get(r, in.AccountId)
	if !ok {
		return nil, api.ErrNoSuchPublicAccessBlockConfiguration.New("The public access block configuration was not found").With("AccountId", in.AccountId)
	}
	return &api.GetPublicAccessBlockOutput{PublicAccessBlockConfiguration: show(b)}, nil
}

func putPublicAccessBlock(c *cloud.Call, tx store.Tx, in *api.PutPublicAccessBlockInput) (*cloud.Empty, error) {
	b := read(&in.PublicAccessBlockConfiguration)
	b.Account = in.AccountId
	point.AccountBlocks.Put(tx, &b)
	return &cloud.Empty{}, nil
}

func deletePublicAccessBlock(c *cloud.Call, tx store.Tx, in *api.DeletePublicAccessBlockInput) (*cloud.Empty, error) {
	point.AccountBlocks.Delete(tx, in.AccountId)
	return &cloud.Empty{}, nil
}

func read(in *api.PublicAccessBlockConfiguration) point.Block {
	return point.Block{
		BlockPublicAcls:       cloud.Or(in.BlockPublicAcls, false),
		IgnorePublicAcls:      cloud.Or(in.IgnorePublicAcls, false),
		BlockPublicPolicy:     cloud.Or(in.BlockPublicPolicy, false),
		RestrictPublicBuckets: cloud.Or(in.RestrictPublicBuckets, false),
	}
}

func show(b *point.Block) *api.PublicAccessBlockConfiguration {
	return &api.PublicAccessBlockConfiguration{
		BlockPublicAcls:       &b.BlockPublicAcls,
		IgnorePublicAcls:      &b.IgnorePublicAcls,
		BlockPublicPolicy:     &b.BlockPublicPolicy,
		RestrictPublicBuckets: &b.RestrictPublicBuckets,
	}
}
