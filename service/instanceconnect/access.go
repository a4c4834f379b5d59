package instanceconnect

import (
	"pileus/api/ec2"
	api "pileus/api/ec2instanceconnect"
	"pileus/cloud"
	"pileus/identity"
	"pileus/store"
)

// access declares what the operations need.
// https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonec2instanceconnect.html
func access() []cloud.Access {
	return []cloud.Access{
		api.SendSSHPublicKey.Decides([]string{"ec2-instance-connect:SendSSHPublicKey"}, func(c *cloud.Call, _ store.Reader, in *api.SendSSHPublicKeyInput) ([]cloud.Check, error) {
			on, err := instance(c, in.InstanceId)
			return []cloud.Check{{Action: "ec2-instance-connect:SendSSHPublicKey", Resource: on, Keys: tagged(on, cloud.Keys{"ec2:osuser": {in.InstanceOSUser}})}}, err
		}),
		api.SendSerialConsoleSSHPublicKey.Decides([]string{"ec2-instance-connect:SendSerialConsoleSSHPublicKey"}, func(c *cloud.Call, _ store.Reader, in *api.SendSerialConsoleSSHPublicKeyInput) ([]cloud.Check, error) {
			on, err := instance(c, in.InstanceId)
			return []cloud.Check{{Action: "ec2-instance-connect:SendSerialConsoleSSHPublicKey", Resource: on, Keys: tagged(on, cloud.Keys{})}}, err
		}),
	}
}

// instance is an instance as policies see it. One that does not exist has no
// tags.
func instance(c *cloud.Call, id string) (cloud.Resource, error) {
	tags, err := tagsOf(c, id)
	return cloud.Resource{ARN: c.ARN("ec2", "instance/"+id), Account: c.Account, Tags: tags}, err
}

func tagsOf(c *cloud.Call, id string) (map[string]string, error) {
	out, err := ec2.DescribeTags.Call(identity.AsAccount(c), &ec2.DescribeTagsInput{Filters: []ec2.Filter{{Name: new("resource-id"), Values: []string{id}}}})
	if err != nil {
		return nil, err
	}
	tags := map[string]string{}
	for _, t := range out.Tags {
		tags[*t.Key] = cloud.Or(t.Value, "")
	}
	return tags, nil
}

// tagged adds a resource's tags to condition keys under EC2's own name.
func tagged(on cloud.Resource, keys cloud.Keys) cloud.Keys {
	for k, v := range on.Tags {
		keys["ec2:resourcetag/"+k] = []string{v}
	}
	return keys
}
