package ssm

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"pileus/ami"
	api "pileus/api/ssm"
	"pileus/cloud"
	"pileus/identity"
	"pileus/node/nodetest"
	"pileus/store"
)

func world(t *testing.T) (*nodetest.World, *ssm.Client) {
	w := nodetest.New(t, Module())
	return w, ssm.NewFromConfig(w.Config())
}

func put(w *nodetest.World, name, value, kind string) {
	w.T.Helper()
	nodetest.Do(w, &api.PutParameter, &api.PutParameterInput{Name: name, Value: value, Type: &kind, Overwrite: new(true)})
}

func TestThroughTheSDK(t *testing.T) {
	w, c := world(t)
	ctx := t.Context()
	out, err := c.PutParameter(ctx, &ssm.PutParameterInput{Name: new("/app/db/password"), Value: new("hunter2"), Type: types.ParameterTypeSecureString, Tags: []types.Tag{{Key: new("team"), Value: new("a")}}})
	if err != nil || out.Version != 1 || out.Tier != types.ParameterTierStandard {
		t.Fatalf("put: %+v, %v", out, err)
	}
	if _, err := c.PutParameter(ctx, &ssm.PutParameterInput{Name: new("/app/db/password"), Value: new("x"), Type: types.ParameterTypeSecureString}); !strings.Contains(err.Error(), "ParameterAlreadyExists") {
		t.Errorf("put again: %v", err)
	}
	sealed, err := c.GetParameter(ctx, &ssm.GetParameterInput{Name: new("/app/db/password")})
	if err != nil || strings.Contains(*sealed.Parameter.Value, "hunter2") {
		t.Errorf("without decryption: %+v, %v", sealed, err)
	}
	open, err := c.GetParameter(ctx, &ssm.GetParameterInput{Name: new("/app/db/password"), WithDecryption: new(true)})
	if err != nil || *open.Parameter.Value != "hunter2" || *open.Parameter.ARN != "arn:aws:ssm:us-east-1:000000000000:parameter/app/db/password" {
		t.Errorf("with decryption: %+v, %v", open, err)
	}
	for range 25 {
		put(w, "/app/list/"+w.Call().Rand().String(6, "abcdef"), "v", "String")
	}
	n := 0
	pages := ssm.NewGetParametersByPathPaginator(c, &ssm.GetParametersByPathInput{Path: new("/app"), Recursive: new(true)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			t.Fatal(err)
		}
		n += len(page.Parameters)
	}
	if n != 26 {
		t.Errorf("%d parameters below /app", n)
	}
	if one, err := c.GetParametersByPath(ctx, &ssm.GetParametersByPathInput{Path: new("/app")}); err != nil || len(one.Parameters) != 0 {
		t.Errorf("one level below /app: %+v, %v", one, err)
	}
}

func TestVersionsAndLabels(t *testing.T) {
	w, _ := world(t)
	for _, v := range []string{"one", "two", "three"} {
		put(w, "p", v, "String")
	}
	get := func(name string) string {
		out, err := nodetest.Try(w, &api.GetParameter, &api.GetParameterInput{Name: name})
		if err != nil {
			return err.Error()
		}
		return *out.Parameter.Value
	}
	label := func(version int64, labels ...string) *api.LabelParameterVersionOutput {
		return nodetest.Do(w, &api.LabelParameterVersion, &api.LabelParameterVersionInput{Name: "p", ParameterVersion: &version, Labels: labels})
	}
	if out := label(1, "prod", "aws-no", "9th"); len(out.InvalidLabels) != 2 {
		t.Errorf("invalid labels: %v", out.InvalidLabels)
	}
	for name, want := range map[string]string{
		"p": "three", "p:1": "one", "p:prod": "one", "arn:aws:ssm:us-east-1:000000000000:parameter/p:2": "two",
		"p:9":     "ParameterVersionNotFound: Systems Manager could not find version 9 of p. Verify the version and try again.",
		"p:alpha": "ParameterVersionNotFound: Systems Manager could not find version alpha of p. Verify the version and try again.",
		"q":       "ParameterNotFound: Parameter q not found.",
	} {
		if got := get(name); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
	label(3, "prod")
	if got := get("p:prod"); got != "three" {
		t.Errorf("a label that moved shows %s", got)
	}
	out := nodetest.Do(w, &api.UnlabelParameterVersion, &api.UnlabelParameterVersionInput{Name: "p", ParameterVersion: 3, Labels: []string{"prod", "none"}})
	if len(out.RemovedLabels) != 1 || len(out.InvalidLabels) != 1 {
		t.Errorf("unlabel: %+v", out)
	}
	label(1, "keep")
	for range maxVersions - 3 {
		put(w, "p", "more", "String")
	}
	if _, err := nodetest.Try(w, &api.PutParameter, &api.PutParameterInput{Name: "p", Value: "x", Overwrite: new(true)}); !api.ErrParameterMaxVersionLimitExceeded.Is(err) {
		t.Errorf("a hundred versions, the oldest with a label: %v", err)
	}
	history := nodetest.Do(w, &api.GetParameterHistory, &api.GetParameterHistoryInput{Name: "p"})
	if len(history.Parameters) != 50 || history.NextToken == nil || *history.Parameters[0].Value != "one" {
		t.Errorf("history: %d, %v", len(history.Parameters), history.NextToken)
	}
}

func TestRefusals(t *testing.T) {
	w, _ := world(t)
	put(w, "there", "1", "String")
	advanced := api.ParameterTierAdvanced
	for name, c := range map[string]struct {
		in   api.PutParameterInput
		code string
	}{
		"no type":           {api.PutParameterInput{Name: "a", Value: "v"}, "ValidationException"},
		"reserved aws":      {api.PutParameterInput{Name: "/aws/x", Value: "v", Type: new("String")}, "AccessDeniedException"},
		"reserved ssm":      {api.PutParameterInput{Name: "ssm-x", Value: "v", Type: new("String")}, "ValidationException"},
		"not qualified":     {api.PutParameterInput{Name: "a/b", Value: "v", Type: new("String")}, "ValidationException"},
		"too deep":          {api.PutParameterInput{Name: strings.Repeat("/a", 16), Value: "v", Type: new("String")}, "HierarchyLevelLimitExceededException"},
		"other type":        {api.PutParameterInput{Name: "there", Value: "v", Type: new("StringList"), Overwrite: new(true)}, "HierarchyTypeMismatchException"},
		"pattern":           {api.PutParameterInput{Name: "a", Value: "v", Type: new("String"), AllowedPattern: new(`^\d+$`)}, "ParameterPatternMismatchException"},
		"bad pattern":       {api.PutParameterInput{Name: "a", Value: "v", Type: new("String"), AllowedPattern: new(`(`)}, "InvalidAllowedPatternException"},
		"large standard":    {api.PutParameterInput{Name: "a", Value: strings.Repeat("x", 4097), Type: new("String")}, "ValidationException"},
		"large advanced":    {api.PutParameterInput{Name: "a", Value: strings.Repeat("x", 8193), Type: new("String"), Tier: &advanced}, "ValidationException"},
		"tags on overwrite": {api.PutParameterInput{Name: "there", Value: "v", Overwrite: new(true), Tags: []api.Tag{{Key: "a", Value: "b"}}}, "ValidationException"},
		"foreign key":       {api.PutParameterInput{Name: "a", Value: "v", Type: new("SecureString"), KeyId: new("alias/mine")}, "InvalidKeyId"},
		"no image":          {api.PutParameterInput{Name: "a", Value: "v", Type: new("String"), DataType: new("aws:ec2:image")}, "ValidationException"},
		"standard policy":   {api.PutParameterInput{Name: "a", Value: "v", Type: new("String"), Tier: new("Standard"), Policies: new(`[{"Type":"Expiration","Version":"1.0","Attributes":{"Timestamp":"2030-01-01T00:00:00Z"}}]`)}, "ValidationException"},
		"unknown policy":    {api.PutParameterInput{Name: "a", Value: "v", Type: new("String"), Tier: &advanced, Policies: new(`[{"Type":"Never","Version":"1.0"}]`)}, "InvalidPolicyTypeException"},
	} {
		_, err := nodetest.Try(w, &api.PutParameter, &c.in)
		if e, ok := err.(*cloud.Error); !ok || e.Code != c.code {
			t.Errorf("%s: %v, want %s", name, err, c.code)
		}
	}
	if _, err := nodetest.Try(w, &api.GetParameter, &api.GetParameterInput{Name: "a"}); err == nil {
		t.Error("a refused put left a parameter")
	}
}

func TestExpiration(t *testing.T) {
	w, _ := world(t)
	at := w.Now().Add(30 * 24 * time.Hour)
	nodetest.Do(w, &api.PutParameter, &api.PutParameterInput{Name: "short", Value: "v", Type: new("String"), Tier: new("Advanced"),
		Policies: new(`[{"Type":"Expiration","Version":"1.0","Attributes":{"Timestamp":"` + at.Format(time.RFC3339) + `"}}]`)})
	w.Advance(29 * 24 * time.Hour)
	nodetest.Do(w, &api.GetParameter, &api.GetParameterInput{Name: "short"})
	w.Advance(25 * time.Hour)
	if _, err := nodetest.Try(w, &api.GetParameter, &api.GetParameterInput{Name: "short"}); !api.ErrParameterNotFound.Is(err) {
		t.Errorf("after its expiration: %v", err)
	}
}

func TestFilters(t *testing.T) {
	w, _ := world(t)
	put(w, "/a/one", "1", "String")
	put(w, "/a/b/two", "2", "StringList")
	put(w, "three", "3", "SecureString")
	nodetest.Do(w, &api.AddTagsToResource, &api.AddTagsToResourceInput{ResourceType: "Parameter", ResourceId: "three", Tags: []api.Tag{{Key: "env", Value: "prod"}}})
	for name, c := range map[string]struct {
		key, option string
		values      []string
		want        string
	}{
		"name":      {"Name", "Equals", []string{"three"}, "three"},
		"begins":    {"Name", "BeginsWith", []string{"/a"}, "/a/b/two /a/one"},
		"contains":  {"Name", "Contains", []string{"t"}, "/a/b/two three"},
		"type":      {"Type", "Equals", []string{"StringList", "String"}, "/a/b/two /a/one"},
		"path":      {"Path", "Recursive", []string{"/a"}, "/a/b/two /a/one"},
		"one level": {"Path", "OneLevel", []string{"/a"}, "/a/one"},
		"tag":       {"tag:env", "Equals", []string{"prod"}, "three"},
		"no tag":    {"tag:env", "Equals", []string{"dev"}, ""},
		"key":       {"KeyId", "Equals", []string{"alias/aws/ssm"}, "three"},
	} {
		out := nodetest.Do(w, &api.DescribeParameters, &api.DescribeParametersInput{ParameterFilters: []api.ParameterStringFilter{{Key: c.key, Option: &c.option, Values: c.values}}})
		var got []string
		for _, p := range out.Parameters {
			got = append(got, *p.Name)
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: %v, want %s", name, got, c.want)
		}
	}
	if _, err := nodetest.Try(w, &api.DescribeParameters, &api.DescribeParametersInput{ParameterFilters: []api.ParameterStringFilter{{Key: "Label", Values: []string{"red"}}}}); !api.ErrInvalidFilterKey.Is(err) {
		t.Errorf("an unknown filter: %v", err)
	}
}

func TestPublicParameters(t *testing.T) {
	w, _ := world(t)
	image := ami.All()[0]
	for _, region := range []string{"us-east-1", "eu-west-1"} {
		c := w.Call().In(nodetest.Account, region)
		out, err := api.GetParameter.Call(c, &api.GetParameterInput{Name: image.Parameters[0]})
		if err != nil || *out.Parameter.Value != image.ID(region) {
			t.Errorf("%s: %+v, %v", region, out, err)
		}
	}
	var names []string
	var token *string
	for {
		out := nodetest.Do(w, &api.GetParametersByPath, &api.GetParametersByPathInput{Path: "/aws/service/ami-amazon-linux-latest", MaxResults: new(int32(3)), NextToken: token})
		for _, p := range out.Parameters {
			names = append(names, *p.Name)
		}
		if token = out.NextToken; token == nil {
			break
		}
	}
	want := 0
	for _, i := range ami.All() {
		for _, p := range i.Parameters {
			if strings.HasPrefix(p, "/aws/service/ami-amazon-linux-latest/") {
				want++
			}
		}
	}
	if len(names) != want {
		t.Errorf("%d of %d: %v", len(names), want, names)
	}
	if out := nodetest.Do(w, &api.GetParameter, &api.GetParameterInput{Name: "/aws/service/global-infrastructure/regions/eu-west-1/longName"}); *out.Parameter.Value != "Europe (Ireland)" {
		t.Errorf("the region's name: %s", *out.Parameter.Value)
	}
}

func TestSharing(t *testing.T) {
	w, _ := world(t)
	other := w.Call().In("111111111111", nodetest.Region)
	w.Update(func(tx store.Tx) { identity.EnsureAccount(tx, "111111111111", "secret", w.Now()) })
	other = other.As(&cloud.Principal{Kind: cloud.Root, Account: "111111111111", ARN: "arn:aws:iam::111111111111:root"})
	arn := arnOf(nodetest.Region, nodetest.Account, "/s")
	nodetest.Do(w, &api.PutParameter, &api.PutParameterInput{Name: "/s", Value: "v", Type: new("String"), Tier: new("Advanced")})
	if _, err := api.GetParameter.Call(other, &api.GetParameterInput{Name: arn}); err == nil {
		t.Fatal("another account reads what is not shared")
	}
	doc := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"111111111111"},"Action":["ssm:GetParameter"],"Resource":"` + arn + `"}]}`
	out := nodetest.Do(w, &api.PutResourcePolicy, &api.PutResourcePolicyInput{ResourceArn: arn, Policy: doc})
	got, err := api.GetParameter.Call(other, &api.GetParameterInput{Name: arn})
	if err != nil || *got.Parameter.Value != "v" {
		t.Errorf("another account reads what is shared: %+v, %v", got, err)
	}
	list := nodetest.Do(w, &api.GetResourcePolicies, &api.GetResourcePoliciesInput{ResourceArn: arn})
	if len(list.Policies) != 1 || *list.Policies[0].PolicyId != *out.PolicyId {
		t.Errorf("policies: %+v", list)
	}
	nodetest.Do(w, &api.DeleteResourcePolicy, &api.DeleteResourcePolicyInput{ResourceArn: arn, PolicyId: *out.PolicyId, PolicyHash: *out.PolicyHash})
	if _, err := api.GetParameter.Call(other, &api.GetParameterInput{Name: arn}); err == nil {
		t.Error("another account reads what is not shared any more")
	}
}

func TestAccess(t *testing.T) {
	w, _ := world(t)
	nodetest.Do(w, &api.PutParameter, &api.PutParameterInput{Name: "/x", Value: "v", Type: new("String"), Tier: new("Advanced")})
	arn := arnOf(nodetest.Region, nodetest.Account, "/x")
	policyID := nodetest.Do(w, &api.PutResourcePolicy, &api.PutResourcePolicyInput{ResourceArn: arn, Policy: `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"111111111111"},"Action":"ssm:GetParameter","Resource":"` + arn + `"}]}`})
	trials := map[string]func(*cloud.Call) error{
		"AddTagsToResource":       of(&api.AddTagsToResource, &api.AddTagsToResourceInput{ResourceType: "Parameter", ResourceId: "/x", Tags: []api.Tag{{Key: "a", Value: "b"}}}),
		"DescribeParameters":      of(&api.DescribeParameters, &api.DescribeParametersInput{}),
		"GetParameter":            of(&api.GetParameter, &api.GetParameterInput{Name: "/x"}),
		"GetParameterHistory":     of(&api.GetParameterHistory, &api.GetParameterHistoryInput{Name: "/x"}),
		"GetParameters":           of(&api.GetParameters, &api.GetParametersInput{Names: []string{"/x"}}),
		"GetParametersByPath":     of(&api.GetParametersByPath, &api.GetParametersByPathInput{Path: "/"}),
		"GetResourcePolicies":     of(&api.GetResourcePolicies, &api.GetResourcePoliciesInput{ResourceArn: arn}),
		"LabelParameterVersion":   of(&api.LabelParameterVersion, &api.LabelParameterVersionInput{Name: "/x", Labels: []string{"l"}}),
		"ListTagsForResource":     of(&api.ListTagsForResource, &api.ListTagsForResourceInput{ResourceType: "Parameter", ResourceId: "/x"}),
		"PutParameter":            of(&api.PutParameter, &api.PutParameterInput{Name: "/x", Value: "w", Overwrite: new(true)}),
		"PutResourcePolicy":       of(&api.PutResourcePolicy, &api.PutResourcePolicyInput{ResourceArn: arn, Policy: `{"Version":"2012-10-17","Statement":[]}`, PolicyId: policyID.PolicyId, PolicyHash: policyID.PolicyHash}),
		"RemoveTagsFromResource":  of(&api.RemoveTagsFromResource, &api.RemoveTagsFromResourceInput{ResourceType: "Parameter", ResourceId: "/x", TagKeys: []string{"a"}}),
		"UnlabelParameterVersion": of(&api.UnlabelParameterVersion, &api.UnlabelParameterVersionInput{Name: "/x", ParameterVersion: 1, Labels: []string{"l"}}),
		"DeleteResourcePolicy":    of(&api.DeleteResourcePolicy, &api.DeleteResourcePolicyInput{ResourceArn: arn, PolicyId: *policyID.PolicyId, PolicyHash: *policyID.PolicyHash}),
		"DeleteParameter":         of(&api.DeleteParameter, &api.DeleteParameterInput{Name: "/x"}),
		"DeleteParameters":        of(&api.DeleteParameters, &api.DeleteParametersInput{Names: []string{"/x"}}),
	}
	nobody := w.As(w.User("nobody", `{"Version":"2012-10-17","Statement":[]}`))
	for _, b := range Module().Operations {
		try := trials[b.Op.Name]
		if try == nil {
			t.Errorf("%s has no case", b.Op.Name)
			continue
		}
		if err := try(nobody); err == nil || err.(*cloud.Error).Code != "AccessDeniedException" {
			t.Errorf("%s by nobody: %v", b.Op.Name, err)
		}
		able := w.As(w.User("able-"+b.Op.Name, `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"ssm:`+b.Op.Name+`","Resource":"*"}]}`))
		if err := try(able); err != nil {
			if e := err.(*cloud.Error); e.Code == "AccessDeniedException" {
				t.Errorf("%s by somebody who may: %v", b.Op.Name, err)
			}
		}
	}
}

func of[In, Out any](op *cloud.Op[In, Out], in In) func(*cloud.Call) error {
	return func(c *cloud.Call) error {
		_, err := op.Call(c, in)
		return err
	}
}
