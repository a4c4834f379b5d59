package ssm

import (
	"strings"

	api "pileus/api/ssm"
	"pileus/cloud"
	"pileus/store"
)

// access declares what each operation needs.
// https://docs.aws.amazon.com/service-authorization/latest/reference/list_awssystemsmanager.html
func access() []cloud.Access {
	return []cloud.Access{
		one(&api.GetParameter, func(in *api.GetParameterInput) string { return in.Name }),
		one(&api.GetParameterHistory, func(in *api.GetParameterHistoryInput) string { return in.Name }),
		one(&api.DeleteParameter, func(in *api.DeleteParameterInput) string { return in.Name }),
		one(&api.LabelParameterVersion, func(in *api.LabelParameterVersionInput) string { return in.Name }),
		one(&api.UnlabelParameterVersion, func(in *api.UnlabelParameterVersionInput) string { return in.Name }),
		one(&api.PutResourcePolicy, func(in *api.PutResourcePolicyInput) string { return in.ResourceArn }),
		one(&api.GetResourcePolicies, func(in *api.GetResourcePoliciesInput) string { return in.ResourceArn }),
		one(&api.DeleteResourcePolicy, func(in *api.DeleteResourcePolicyInput) string { return in.ResourceArn }),
		many(&api.GetParameters, func(in *api.GetParametersInput) []string { return in.Names }),
		many(&api.DeleteParameters, func(in *api.DeleteParametersInput) []string { return in.Names }),
		api.GetParametersByPath.Decides([]string{"ssm:GetParametersByPath"}, func(c *cloud.Call, _ store.Reader, in *api.GetParametersByPathInput) ([]cloud.Check, error) {
			keys := cloud.Keys{"ssm:recursive": {"false"}}
			if cloud.Or(in.Recursive, false) {
				keys["ssm:recursive"] = []string{"true"}
			}
			return []cloud.Check{{Action: "ssm:GetParametersByPath", Resource: cloud.Resource{ARN: arnOf(c.Region, c.Account, in.Path)}, Keys: keys}}, nil
		}),
		api.DescribeParameters.Needs("ssm:DescribeParameters", nil),
		api.PutParameter.Decides([]string{"ssm:PutParameter", "ssm:AddTagsToResource"}, checkPut),
		tagging(&api.AddTagsToResource, func(in *api.AddTagsToResourceInput) string { return in.ResourceId }, func(in *api.AddTagsToResourceInput) cloud.Keys { return cloud.TagKeys(apiTags(in.Tags).Map()) }),
		tagging(&api.RemoveTagsFromResource, func(in *api.RemoveTagsFromResourceInput) string { return in.ResourceId }, func(in *api.RemoveTagsFromResourceInput) cloud.Keys {
			return cloud.Keys{"aws:tagkeys": in.TagKeys}
		}),
		tagging(&api.ListTagsForResource, func(in *api.ListTagsForResourceInput) string { return in.ResourceId }, nil),
	}
}

// resourceOf is a parameter as authorisation sees it, whether it exists or not.
// Public parameters belong to no account and are everybody's to read.
func resourceOf(c *cloud.Call, r store.Reader, s string) (cloud.Resource, error) {
	n, err := parseName(c, s)
	if err != nil {
		return cloud.Resource{}, err
	}
	if strings.HasPrefix(n.name, publicPrefix) {
		return cloud.Resource{ARN: arnOf(n.region, "", n.name), Account: c.Account}, nil
	}
	if p, ok := n.locate(r); ok {
		return p.resource(c), nil
	}
	return cloud.Resource{ARN: arnOf(n.region, n.account, n.name), Account: n.account}, nil
}

func one[In, Out any](o *cloud.Op[In, Out], name func(In) string) cloud.Access {
	return o.Needs("ssm:"+o.Name, func(c *cloud.Call, r store.Reader, in In) (cloud.Resource, error) {
		return resourceOf(c, r, name(in))
	})
}

func many[In, Out any](o *cloud.Op[In, Out], names func(In) []string) cloud.Access {
	return o.Decides([]string{"ssm:" + o.Name}, func(c *cloud.Call, r store.Reader, in In) (checks []cloud.Check, err error) {
		for _, n := range names(in) {
			res, err := resourceOf(c, r, n)
			if err != nil {
				return nil, err
			}
			checks = append(checks, cloud.Check{Action: "ssm:" + o.Name, Resource: res})
		}
		return checks, nil
	})
}

func tagging[In, Out any](o *cloud.Op[In, Out], id func(In) string, keys func(In) cloud.Keys) cloud.Access {
	return o.Decides([]string{"ssm:" + o.Name}, func(c *cloud.Call, r store.Reader, in In) ([]cloud.Check, error) {
		res, err := resourceOf(c, r, id(in))
		if err != nil {
			return nil, err
		}
		check := cloud.Check{Action: "ssm:" + o.Name, Resource: res}
		if keys != nil {
			check.Keys = keys(in)
		}
		return []cloud.Check{check}, nil
	})
}

func checkPut(c *cloud.Call, r store.Reader, in *api.PutParameterInput) ([]cloud.Check, error) {
	res, err := resourceOf(c, r, in.Name)
	if err != nil {
		return nil, err
	}
	keys := cloud.TagKeys(apiTags(in.Tags).Map())
	keys["ssm:overwrite"] = []string{"false"}
	if cloud.Or(in.Overwrite, false) {
		keys["ssm:overwrite"] = []string{"true"}
	}
	checks := []cloud.Check{{Action: "ssm:PutParameter", Resource: res, Keys: keys}}
	if len(in.Tags) > 0 {
		checks = append(checks, cloud.Check{Action: "ssm:AddTagsToResource", Resource: res, Keys: keys})
	}
	return checks, nil
}
