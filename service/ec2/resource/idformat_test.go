package resource_test

import (
	"errors"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ec2"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/node/nodetest"
	"pileus/service/ec2/resource"
	"pileus/store"
)

func code(err error) string {
	var e *cloud.Error
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

func TestIDFormats(t *testing.T) {
	w := nodetest.New(t, resource.Module())
	c := ec2.NewFromConfig(w.Config())
	all, err := c.DescribeIdFormat(t.Context(), &ec2.DescribeIdFormatInput{})
	if err != nil || len(all.Statuses) < 30 {
		t.Fatalf("%v, %v", all, err)
	}
	for _, s := range all.Statuses {
		if !*s.UseLongIds || s.Deadline.Year() > 2018 {
			t.Errorf("%s: %v %v", *s.Resource, *s.UseLongIds, s.Deadline)
		}
	}
	one := nodetest.Do(w, &api.DescribeIdentityIdFormat, &api.DescribeIdentityIdFormatInput{PrincipalArn: "arn:aws:iam::000000000000:root", Resource: new("vpc")})
	if len(one.Statuses) != 1 || *one.Statuses[0].Resource != "vpc" {
		t.Errorf("%+v", one.Statuses)
	}
	if a := nodetest.Do(w, &api.DescribeAggregateIdFormat, &api.DescribeAggregateIdFormatInput{}); !*a.UseLongIdsAggregated {
		t.Error("ids are short somewhere")
	}
	for name, try := range map[string]struct {
		err  error
		code string
	}{
		"long":            {call(w, &api.ModifyIdFormat, &api.ModifyIdFormatInput{Resource: "instance", UseLongIds: true}), ""},
		"all of them":     {call(w, &api.ModifyIdFormat, &api.ModifyIdFormatInput{Resource: "all-current", UseLongIds: true}), ""},
		"short":           {call(w, &api.ModifyIdFormat, &api.ModifyIdFormatInput{Resource: "instance"}), "InvalidParameterValue"},
		"no type":         {call(w, &api.ModifyIdFormat, &api.ModifyIdFormatInput{Resource: "cat", UseLongIds: true}), "InvalidParameterValue"},
		"nobody":          {call(w, &api.ModifyIdentityIdFormat, &api.ModifyIdentityIdFormatInput{PrincipalArn: "me", Resource: "vpc", UseLongIds: true}), "InvalidParameterValue"},
		"somebody":        {call(w, &api.ModifyIdentityIdFormat, &api.ModifyIdentityIdFormatInput{PrincipalArn: "arn:aws:iam::000000000000:role/r", Resource: "vpc", UseLongIds: true}), ""},
		"types of others": {call(w, &api.DescribePrincipalIdFormat, &api.DescribePrincipalIdFormatInput{Resources: []string{"cat"}}), "InvalidParameterValue"},
	} {
		if code(try.err) != try.code {
			t.Errorf("%s: %v, want %q", name, try.err, try.code)
		}
	}
}

func call[In, Out any](w *nodetest.World, op *cloud.Op[In, Out], in In) error {
	_, err := nodetest.Try(w, op, in)
	return err
}

// TestAccess allows each operation by a policy that names it alone, and denies
// it without one.
func TestAccess(t *testing.T) {
	w := nodetest.New(t, resource.Module())
	w.Update(func(tx store.Tx) { resource.Register(w.Call(), tx, "vpc", "vpc-0123456789abcdef0", nil) })
	root := "arn:aws:iam::000000000000:root"
	trials := map[string]func(*cloud.Call) error{
		"CreateTags":                as(&api.CreateTags, &api.CreateTagsInput{Resources: []string{"vpc-0123456789abcdef0"}, Tags: []api.Tag{{Key: new("a"), Value: new("b")}}}),
		"DeleteTags":                as(&api.DeleteTags, &api.DeleteTagsInput{Resources: []string{"vpc-0123456789abcdef0"}}),
		"DescribeTags":              as(&api.DescribeTags, &api.DescribeTagsInput{}),
		"DescribeIdFormat":          as(&api.DescribeIdFormat, &api.DescribeIdFormatInput{}),
		"DescribeIdentityIdFormat":  as(&api.DescribeIdentityIdFormat, &api.DescribeIdentityIdFormatInput{PrincipalArn: root}),
		"DescribePrincipalIdFormat": as(&api.DescribePrincipalIdFormat, &api.DescribePrincipalIdFormatInput{}),
		"DescribeAggregateIdFormat": as(&api.DescribeAggregateIdFormat, &api.DescribeAggregateIdFormatInput{}),
		"ModifyIdFormat":            as(&api.ModifyIdFormat, &api.ModifyIdFormatInput{Resource: "vpc", UseLongIds: true}),
		"ModifyIdentityIdFormat":    as(&api.ModifyIdentityIdFormat, &api.ModifyIdentityIdFormatInput{PrincipalArn: root, Resource: "vpc", UseLongIds: true}),
	}
	nobody := w.As(w.User("nobody", ""))
	for _, b := range resource.Bindings() {
		try := trials[b.Op.Name]
		if try == nil {
			t.Errorf("%s has no case", b.Op.Name)
			continue
		}
		if err := try(nobody); code(err) != "UnauthorizedOperation" {
			t.Errorf("%s by nobody: %v", b.Op.Name, err)
		}
		if err := try(w.As(w.User("may-"+b.Op.Name, nodetest.Allow("ec2:"+b.Op.Name)))); code(err) == "UnauthorizedOperation" {
			t.Errorf("%s by somebody who may: %v", b.Op.Name, err)
		}
	}
}

func as[In, Out any](op *cloud.Op[In, Out], in In) func(*cloud.Call) error {
	return func(c *cloud.Call) error {
		_, err := op.Call(c, in)
		return err
	}
}
