// Package s3control is S3 Control: access points, and what S3 keeps of an
// account as a whole.
package s3control

import (
	"pileus/cloud"
	"pileus/service/s3/point"
	"pileus/store"

	api "pileus/api/s3control"
)

// Module is S3 Control.
func Module() cloud.Module {
	return cloud.Module{
		API: &api.Service,
		Operations: []cloud.Binding{
			api.GetPublicAccessBlock.View(getPublicAccessBlock),
			api.PutPublicAccessBlock.Update(putPublicAccessBlock),
			api.DeletePublicAccessBlock.Update(deletePublicAccessBlock),

			api.CreateAccessPoint.Update(createAccessPoint).Partial("access points of directory buckets"),
			api.GetAccessPoint.View(getAccessPoint),
			api.ListAccessPoints.View(listAccessPoints),
			api.DeleteAccessPoint.Update(deleteAccessPoint),
			api.GetAccessPointPolicy.View(getAccessPointPolicy),
			api.PutAccessPointPolicy.Update(putAccessPointPolicy),
			api.DeleteAccessPointPolicy.Update(deleteAccessPointPolicy),
			api.GetAccessPointPolicyStatus.View(getAccessPointPolicyStatus),

			api.ListTagsForResource.View(listTagsForResource),
			api.TagResource.Update(tagResource),
			api.UntagResource.Update(untagResource),
		},
		Access: access(),
		Count: func(r store.Reader) map[string]int {
			n := 0
			for range point.Points.Scan(r) {
				n++
			}
			return map[string]int{"access points": n}
		},
	}
}

// access says what each operation needs, as
// https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html
// has it.
func access() []cloud.Access {
	return []cloud.Access{
		api.GetPublicAccessBlock.Needs("s3:GetAccountPublicAccessBlock", func(c *cloud.Call, r store.Reader, in *api.GetPublicAccessBlockInput) (cloud.Resource, error) {
			return account(in.AccountId), nil
		}),
		api.PutPublicAccessBlock.Needs("s3:PutAccountPublicAccessBlock", func(c *cloud.Call, r store.Reader, in *api.PutPublicAccessBlockInput) (cloud.Resource, error) {
			return account(in.AccountId), nil
		}),
		api.DeletePublicAccessBlock.Needs("s3:PutAccountPublicAccessBlock", func(c *cloud.Call, r store.Reader, in *api.DeletePublicAccessBlockInput) (cloud.Resource, error) {
			return account(in.AccountId), nil
		}),
		api.CreateAccessPoint.Needs("s3:CreateAccessPoint", func(c *cloud.Call, r store.Reader, in *api.CreateAccessPointInput) (cloud.Resource, error) {
			return named(c, in.AccountId, in.Name), nil
		}),
		api.GetAccessPoint.Needs("s3:GetAccessPoint", func(c *cloud.Call, r store.Reader, in *api.GetAccessPointInput) (cloud.Resource, error) {
			return named(c, in.AccountId, in.Name), nil
		}),
		api.ListAccessPoints.Needs("s3:ListAccessPoints", func(c *cloud.Call, r store.Reader, in *api.ListAccessPointsInput) (cloud.Resource, error) {
			return account(in.AccountId), nil
		}),
		api.DeleteAccessPoint.Needs("s3:DeleteAccessPoint", func(c *cloud.Call, r store.Reader, in *api.DeleteAccessPointInput) (cloud.Resource, error) {
			return named(c, in.AccountId, in.Name), nil
		}),
		api.GetAccessPointPolicy.Needs("s3:GetAccessPointPolicy", func(c *cloud.Call, r store.Reader, in *api.GetAccessPointPolicyInput) (cloud.Resource, error) {
			return named(c, in.AccountId, in.Name), nil
		}),
		api.PutAccessPointPolicy.Needs("s3:PutAccessPointPolicy", func(c *cloud.Call, r store.Reader, in *api.PutAccessPointPolicyInput) (cloud.Resource, error) {
			return named(c, in.AccountId, in.Name), nil
		}),
		api.DeleteAccessPointPolicy.Needs("s3:DeleteAccessPointPolicy", func(c *cloud.Call, r store.Reader, in *api.DeleteAccessPointPolicyInput) (cloud.Resource, error) {
			return named(c, in.AccountId, in.Name), nil
		}),
		api.GetAccessPointPolicyStatus.Needs("s3:GetAccessPointPolicyStatus", func(c *cloud.Call, r store.Reader, in *api.GetAccessPointPolicyStatusInput) (cloud.Resource, error) {
			return named(c, in.AccountId, in.Name), nil
		}),
		api.ListTagsForResource.Needs("s3:ListTagsForResource", func(c *cloud.Call, r store.Reader, in *api.ListTagsForResourceInput) (cloud.Resource, error) {
			return tagged(r, in.AccountId, in.ResourceArn)
		}),
		api.TagResource.Needs("s3:TagResource", func(c *cloud.Call, r store.Reader, in *api.TagResourceInput) (cloud.Resource, error) {
			return tagged(r, in.AccountId, in.ResourceArn)
		}),
		api.UntagResource.Needs("s3:UntagResource", func(c *cloud.Call, r store.Reader, in *api.UntagResourceInput) (cloud.Resource, error) {
			return tagged(r, in.AccountId, in.ResourceArn)
		}),
	}
}

// account is what actions without resource-level permissions act on.
func account(id string) cloud.Resource { return cloud.Resource{ARN: "*", Account: id} }

// named is an access point, whether it exists or not.
func named(c *cloud.Call, account, name string) cloud.Resource {
	p := point.Point{Account: account, Region: c.Region, Name: name}
	return cloud.Resource{ARN: p.ARN(), Account: account}
}
