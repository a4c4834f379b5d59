package sts_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	iamsdk "github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	sqssdk "github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
	sdk "github.com/aws/aws-sdk-go-v2/service/sts"

	"pileus/clock"
	"pileus/node/nodetest"
)

const partner = "333333333333"

// delegation is a partner that asks for access to account, and the queue on
// which it hears what became of it.
type delegation struct {
	w     *nodetest.World
	keys  nodetest.Keys
	queue string // URL
	in    iamsdk.CreateDelegationRequestInput
}

func newDelegation(t *testing.T, w *nodetest.World) *delegation {
	t.Helper()
	ctx := t.Context()
	d := &delegation{w: w, keys: nodetest.Keys{AccessKey: partner, Secret: "test"}}
	q := sqssdk.NewFromConfig(w.ConfigAs(d.keys))
	arn := "arn:aws:sqs:us-east-1:" + partner + ":notices"
	d.queue = *must(q.CreateQueue(ctx, &sqssdk.CreateQueueInput{QueueName: aws.String("notices"), Attributes: map[string]string{
		"Policy": `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"iam.amazonaws.com"},"Action":"sqs:SendMessage","Resource":"` + arn + `"}]}`}}))(t).QueueUrl
	template := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["iam:ListUsers","sqs:CreateQueue"],"Resource":"*"},
		{"Effect":"Allow","Action":"s3:*","Resource":["arn:aws:s3:::@{buckets}","arn:aws:s3:::@{bucket}/*"]}]}`
	p := must(d.iam().CreatePolicy(ctx, &iamsdk.CreatePolicyInput{PolicyName: aws.String("template"), PolicyDocument: &template}))(t)
	d.in = iamsdk.CreateDelegationRequestInput{OwnerAccountId: aws.String(account), Description: aws.String("Sets the product up."),
		RequestorWorkflowId: aws.String("workflow-1"), NotificationChannel: &arn, SessionDuration: aws.Int32(900),
		Permissions: &iamtypes.DelegationPermission{PolicyTemplateArn: p.Policy.Arn, Parameters: []iamtypes.PolicyParameter{
			{Name: aws.String("buckets"), Type: iamtypes.PolicyParameterTypeEnumStringList, Values: []string{"x", "y"}},
			{Name: aws.String("bucket"), Type: iamtypes.PolicyParameterTypeEnumString, Values: []string{"x"}}}}}
	return d
}

func (d *delegation) iam() *iamsdk.Client { return iamsdk.NewFromConfig(d.w.ConfigAs(d.keys)) }

func (d *delegation) ask(t *testing.T, more ...func(*iamsdk.CreateDelegationRequestInput)) *string {
	t.Helper()
	in := d.in
	in.RequestorWorkflowId = aws.String(d.w.Gate().Rand().UUID())
	for _, f := range more {
		f(&in)
	}
	return must(d.iam().CreateDelegationRequest(t.Context(), &in))(t).DelegationRequestId
}

// hears is the newest notice on the partner's queue.
func (d *delegation) hears(t *testing.T) (n struct{ State, ExchangeToken, RequestorWorkflowID, RejectionReason string }) {
	t.Helper()
	d.w.Drain()
	q := sqssdk.NewFromConfig(d.w.ConfigAs(d.keys))
	for {
		got := must(q.ReceiveMessage(t.Context(), &sqssdk.ReceiveMessageInput{QueueUrl: &d.queue, MessageSystemAttributeNames: []sqstypes.MessageSystemAttributeName{"All"}}))(t).Messages
		if len(got) == 0 {
			return n
		}
		for _, m := range got {
			if err := json.Unmarshal([]byte(*m.Body), &n); err != nil {
				t.Fatal(err)
			}
			must(q.DeleteMessage(t.Context(), &sqssdk.DeleteMessageInput{QueueUrl: &d.queue, ReceiptHandle: m.ReceiptHandle}))(t)
		}
	}
}

func TestDelegatedAccess(t *testing.T) {
	w := world(t)
	ctx := t.Context()
	d := newDelegation(t, w)
	_, err := d.iam().CreateDelegationRequest(ctx, &d.in)
	refused(t, err, "", "")
	_, err = d.iam().CreateDelegationRequest(ctx, &d.in)
	refused(t, err, "EntityAlreadyExists", "workflow-1")
	id := d.ask(t)
	owner := w.User("owner", nodetest.Allow("iam:AssociateDelegationRequest"))
	boss := w.User("boss", nodetest.Allow("iam:*", "s3:*"))
	own, approve := iamsdk.NewFromConfig(w.ConfigAs(owner)), iamsdk.NewFromConfig(w.ConfigAs(boss))
	_, err = iamsdk.NewFromConfig(w.ConfigAs(nodetest.Keys{AccessKey: other, Secret: "test"})).AssociateDelegationRequest(ctx, &iamsdk.AssociateDelegationRequestInput{DelegationRequestId: id})
	refused(t, err, "NoSuchEntity", "")
	_, err = own.GetDelegationRequest(ctx, &iamsdk.GetDelegationRequestInput{DelegationRequestId: id})
	refused(t, err, "AccessDenied", "")
	must(own.AssociateDelegationRequest(ctx, &iamsdk.AssociateDelegationRequestInput{DelegationRequestId: id}))(t)
	if n := d.hears(t); n.State != "ASSIGNED" {
		t.Errorf("heard %+v", n)
	}

	// The owner may see and hand on, by default; it takes more to approve.
	got := must(own.GetDelegationRequest(ctx, &iamsdk.GetDelegationRequestInput{DelegationRequestId: id, DelegationPermissionCheck: true}))(t)
	if p := *got.DelegationRequest.PermissionPolicy; !strings.Contains(p, `["arn:aws:s3:::x","arn:aws:s3:::y","arn:aws:s3:::x/*"]`) {
		t.Errorf("policy %s", p)
	}
	if *got.DelegationRequest.OwnerId != owner.Principal.ARN || got.PermissionCheckResult != iamtypes.PermissionCheckResultTypeDenied {
		t.Errorf("owner %s, check %s", *got.DelegationRequest.OwnerId, got.PermissionCheckResult)
	}
	must(own.UpdateDelegationRequest(ctx, &iamsdk.UpdateDelegationRequestInput{DelegationRequestId: id, Notes: aws.String("please")}))(t)
	arn := "arn:aws:iam::" + account + ":delegation-request/" + *id
	if s := must(own.GetHumanReadableSummary(ctx, &iamsdk.GetHumanReadableSummaryInput{EntityArn: &arn}))(t); !strings.Contains(*s.SummaryContent, "s3:* on arn:aws:s3:::x, arn:aws:s3:::y") {
		t.Errorf("summary %s", *s.SummaryContent)
	}
	_, err = own.AcceptDelegationRequest(ctx, &iamsdk.AcceptDelegationRequestInput{DelegationRequestId: id})
	refused(t, err, "AccessDenied", "iam:AcceptDelegationRequest")
	_, err = approve.SendDelegationToken(ctx, &iamsdk.SendDelegationTokenInput{DelegationRequestId: id})
	refused(t, err, "InvalidInput", "PENDING_APPROVAL")
	must(approve.AcceptDelegationRequest(ctx, &iamsdk.AcceptDelegationRequestInput{DelegationRequestId: id}))(t)
	must(approve.SendDelegationToken(ctx, &iamsdk.SendDelegationTokenInput{DelegationRequestId: id}))(t)
	n := d.hears(t)
	if n.State != "FINALIZED" || n.ExchangeToken == "" {
		t.Fatalf("heard %+v", n)
	}
	_, err = approve.RejectDelegationRequest(ctx, &iamsdk.RejectDelegationRequestInput{DelegationRequestId: id})
	refused(t, err, "InvalidInput", "FINALIZED")

	trade := &sdk.GetDelegatedAccessTokenInput{TradeInToken: &n.ExchangeToken}
	_, err = client(w, boss).GetDelegatedAccessToken(ctx, trade)
	refused(t, err, "AccessDenied", "")
	_, err = client(w, w.UserIn(partner, "nobody", "")).GetDelegatedAccessToken(ctx, trade)
	refused(t, err, "AccessDenied", "sts:GetDelegatedAccessToken")
	out := must(client(w, d.keys).GetDelegatedAccessToken(ctx, trade))(t)
	if *out.AssumedPrincipal != boss.Principal.ARN || out.Credentials.Expiration.Sub(clock.Machine()) > 15*time.Minute {
		t.Errorf("got %s until %v", *out.AssumedPrincipal, out.Credentials.Expiration)
	}
	// What both the approver and the request have, and nothing else.
	k := session(out.Credentials)
	must(iamsdk.NewFromConfig(w.ConfigAs(k)).ListUsers(ctx, nil))(t)
	_, err = iamsdk.NewFromConfig(w.ConfigAs(k)).ListRoles(ctx, nil)
	refused(t, err, "AccessDenied", "no session policy allows the iam:ListRoles action")
	_, err = sqssdk.NewFromConfig(w.ConfigAs(k)).CreateQueue(ctx, &sqssdk.CreateQueueInput{QueueName: aws.String("q")})
	refused(t, err, "AccessDenied", "no identity-based policy allows")
}

func TestDelegationRefusals(t *testing.T) {
	w := world(t)
	ctx := t.Context()
	d := newDelegation(t, w)
	root := iamsdk.NewFromConfig(w.Config())
	for name, x := range map[string]struct {
		change func(*iamsdk.CreateDelegationRequestInput)
		text   string
	}{
		"a template that is not there": {func(in *iamsdk.CreateDelegationRequestInput) {
			in.Permissions = &iamtypes.DelegationPermission{PolicyTemplateArn: aws.String("arn:aws:iam::" + partner + ":policy/none")}
		}, "was not found"},
		"parameters are missing": {func(in *iamsdk.CreateDelegationRequestInput) {
			in.Permissions = &iamtypes.DelegationPermission{PolicyTemplateArn: in.Permissions.PolicyTemplateArn}
		}, "Parameter buckets is missing"},
		"a parameter too many": {func(in *iamsdk.CreateDelegationRequestInput) {
			in.Permissions = &iamtypes.DelegationPermission{PolicyTemplateArn: in.Permissions.PolicyTemplateArn, Parameters: append(in.Permissions.Parameters[:2:2],
				iamtypes.PolicyParameter{Name: aws.String("another"), Values: []string{"x"}})}
		}, "Parameter another is not in the policy template"},
		"nowhere to answer": {func(in *iamsdk.CreateDelegationRequestInput) {
			in.NotificationChannel = aws.String("arn:aws:lambda:us-east-1:1:f")
		}, "NotificationChannel"},
	} {
		in := d.in
		x.change(&in)
		_, err := d.iam().CreateDelegationRequest(ctx, &in)
		t.Run(name, func(t *testing.T) { refused(t, err, "InvalidInput", x.text) })
	}
	id := d.ask(t, func(in *iamsdk.CreateDelegationRequestInput) { in.OnlySendByOwner = true })
	if list := must(root.ListDelegationRequests(ctx, nil))(t); len(list.DelegationRequests) != 0 {
		t.Errorf("listed before it has an owner: %v", list.DelegationRequests)
	}
	must(root.AssociateDelegationRequest(ctx, &iamsdk.AssociateDelegationRequestInput{DelegationRequestId: id}))(t)
	if list := must(root.ListDelegationRequests(ctx, nil))(t); len(list.DelegationRequests) != 1 || *list.DelegationRequests[0].DelegationRequestId != *id {
		t.Errorf("listed %v", list.DelegationRequests)
	}
	boss := iamsdk.NewFromConfig(w.ConfigAs(w.User("boss", nodetest.Allow("iam:*"))))
	must(boss.AcceptDelegationRequest(ctx, &iamsdk.AcceptDelegationRequestInput{DelegationRequestId: id}))(t)
	_, err := boss.SendDelegationToken(ctx, &iamsdk.SendDelegationTokenInput{DelegationRequestId: id})
	refused(t, err, "InvalidInput", "only be sent by the owner")
	must(boss.RejectDelegationRequest(ctx, &iamsdk.RejectDelegationRequestInput{DelegationRequestId: id, Notes: aws.String("not today")}))(t)
	if n := d.hears(t); n.State != "REJECTED" || n.RejectionReason != "not today" {
		t.Errorf("heard %+v", n)
	}

	// A request that nobody takes on expires after a day and is forgotten a
	// week later.
	late := d.ask(t)
	w.Advance(25 * time.Hour)
	_, err = root.AssociateDelegationRequest(ctx, &iamsdk.AssociateDelegationRequestInput{DelegationRequestId: late})
	refused(t, err, "InvalidInput", "EXPIRED")
	w.Advance(8 * 24 * time.Hour)
	_, err = root.GetDelegationRequest(ctx, &iamsdk.GetDelegationRequestInput{DelegationRequestId: late})
	refused(t, err, "NoSuchEntity", *late)
	_, err = client(w, d.keys).GetDelegatedAccessToken(ctx, &sdk.GetDelegatedAccessTokenInput{TradeInToken: aws.String("forged")})
	refused(t, err, "AccessDenied", "not valid")
}
