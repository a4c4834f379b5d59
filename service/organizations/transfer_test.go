package organizations_test

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/organizations/types"
)

const billing = types.ResponsibilityTransferTypeBilling

// TestResponsibilityTransfer hands the bills of one organization to another's
// management account, and takes them back.
func TestResponsibilityTransfer(t *testing.T) {
	w := start(t)
	ctx := t.Context()
	theirs := w.as(rootOf(guest))
	must(theirs.CreateOrganization(ctx, &sdk.CreateOrganizationInput{}))(t)
	month := time.Date(w.Now().Year(), w.Now().Month()+1, 1, 0, 0, 0, 0, time.UTC)
	ask := func(id string, start time.Time) (*sdk.InviteOrganizationToTransferResponsibilityOutput, error) {
		return w.c.InviteOrganizationToTransferResponsibility(ctx, &sdk.InviteOrganizationToTransferResponsibilityInput{Type: billing,
			Target: party(id), SourceName: aws.String("customer"), Notes: aws.String("hello"), StartTimestamp: &start})
	}
	for reason, start := range map[string]time.Time{
		"START_DATE_NOT_BEGINNING_OF_DAY":   month.Add(time.Hour),
		"START_DATE_NOT_BEGINNING_OF_MONTH": month.AddDate(0, 0, 3),
		"START_DATE_TOO_EARLY":              month.AddDate(0, -3, 0),
		"START_DATE_TOO_LATE":               month.AddDate(3, 0, 0),
	} {
		_, err := ask(guest, start)
		refused(t, err, "InvalidInputException", reason)
	}
	_, err := ask(account, month)
	refused(t, err, "HandshakeConstraintViolationException", "SOURCE_AND_TARGET_CANNOT_MATCH")
	h := must(ask(guest, month))(t).Handshake
	_, err = ask(guest, month)
	refused(t, err, "DuplicateHandshakeException", "")
	inbound := func() types.ResponsibilityTransfer {
		t.Helper()
		list := must(w.c.ListInboundResponsibilityTransfers(ctx, &sdk.ListInboundResponsibilityTransfersInput{Type: billing}))(t).ResponsibilityTransfers
		return list[len(list)-1]
	}
	x := inbound()
	equal(t, "status", x.Status, types.ResponsibilityTransferStatusRequested)
	equal(t, "its handshake", *x.ActiveHandshakeId, *h.Id)
	_, err = w.c.TerminateResponsibilityTransfer(ctx, &sdk.TerminateResponsibilityTransferInput{Id: x.Id})
	refused(t, err, "InvalidResponsibilityTransferTransitionException", "")
	_, err = w.c.AcceptHandshake(ctx, &sdk.AcceptHandshakeInput{HandshakeId: h.Id})
	refused(t, err, "AccessDeniedException", "")
	must(theirs.AcceptHandshake(ctx, &sdk.AcceptHandshakeInput{HandshakeId: h.Id}))(t)
	out := must(theirs.ListOutboundResponsibilityTransfers(ctx, &sdk.ListOutboundResponsibilityTransfersInput{Type: billing}))(t).ResponsibilityTransfers
	if len(out) != 1 || out[0].Status != types.ResponsibilityTransferStatusAccepted || *out[0].Source.ManagementAccountId != guest || *out[0].Target.ManagementAccountId != account {
		t.Fatalf("outbound %+v", out)
	}
	if !strings.Contains(*out[0].Arn, "/billing/outbound/"+*x.Id) || !strings.Contains(*inbound().Arn, "/billing/inbound/"+*x.Id) {
		t.Errorf("ARNs %s and %s", *out[0].Arn, *inbound().Arn)
	}
	must(w.c.UpdateResponsibilityTransfer(ctx, &sdk.UpdateResponsibilityTransferInput{Id: x.Id, Name: aws.String("renamed")}))(t)
	equal(t, "name", *must(theirs.DescribeResponsibilityTransfer(ctx, &sdk.DescribeResponsibilityTransferInput{Id: x.Id}))(t).ResponsibilityTransfer.Name, "renamed")
	_, err = theirs.UpdateResponsibilityTransfer(ctx, &sdk.UpdateResponsibilityTransferInput{Id: x.Id, Name: aws.String("mine")})
	refused(t, err, "InvalidInputException", "UNSUPPORTED_ACTION_IN_RESPONSIBILITY_TRANSFER")
	again := must(ask(guest, month))(t).Handshake
	_, err = theirs.AcceptHandshake(ctx, &sdk.AcceptHandshakeInput{HandshakeId: again.Id})
	refused(t, err, "HandshakeConstraintViolationException", "RESPONSIBILITY_TRANSFER_ALREADY_EXISTS")
	_, err = theirs.DeleteOrganization(ctx, &sdk.DeleteOrganizationInput{})
	refused(t, err, "ConstraintViolationException", "ACTIVE_RESPONSIBILITY_TRANSFER_PROCESS")
	must(w.c.CancelHandshake(ctx, &sdk.CancelHandshakeInput{HandshakeId: again.Id}))(t)

	early := month.AddDate(0, -1, 0)
	_, err = theirs.TerminateResponsibilityTransfer(ctx, &sdk.TerminateResponsibilityTransferInput{Id: x.Id, EndTimestamp: &early})
	refused(t, err, "InvalidInputException", "END_DATE_TOO_EARLY")
	_, err = theirs.TerminateResponsibilityTransfer(ctx, &sdk.TerminateResponsibilityTransferInput{Id: x.Id, EndTimestamp: &month})
	refused(t, err, "InvalidInputException", "END_DATE_NOT_END_OF_MONTH")
	ended := must(theirs.TerminateResponsibilityTransfer(ctx, &sdk.TerminateResponsibilityTransferInput{Id: x.Id}))(t).ResponsibilityTransfer
	equal(t, "status", ended.Status, types.ResponsibilityTransferStatusWithdrawn)
	if !ended.EndTimestamp.Add(time.Second).After(month.Add(-time.Second)) || !ended.EndTimestamp.Before(month) {
		t.Errorf("ends at %v", ended.EndTimestamp)
	}
	_, err = theirs.TerminateResponsibilityTransfer(ctx, &sdk.TerminateResponsibilityTransferInput{Id: x.Id})
	refused(t, err, "ResponsibilityTransferAlreadyInStatusException", "")
	w.Advance(40 * 24 * time.Hour)
	must(theirs.DeleteOrganization(ctx, &sdk.DeleteOrganizationInput{}))(t)
	_, err = w.as(rootOf("333333333333")).DescribeResponsibilityTransfer(ctx, &sdk.DescribeResponsibilityTransferInput{Id: x.Id})
	refused(t, err, "AWSOrganizationsNotInUseException", "")
}

// TestEffectivePolicyValidation: a policy further down appends to what must be
// one value.
func TestEffectivePolicyValidation(t *testing.T) {
	w := start(t)
	ctx := t.Context()
	w.enable(t, types.PolicyTypeTagPolicy)
	w.invite(t, guest)
	const up = `{"tags":{"team":{"tag_key":{"@@assign":"Team"}}}}`
	w.attach(t, w.policy(t, types.PolicyTypeTagPolicy, "up", up), w.root)
	in := &sdk.ListEffectivePolicyValidationErrorsInput{AccountId: aws.String(guest), PolicyType: types.EffectivePolicyTypeTagPolicy}
	equal(t, "faults at first", len(must(w.c.ListEffectivePolicyValidationErrors(ctx, in))(t).EffectivePolicyValidationErrors), 0)
	for name, x := range map[string]struct{ down, code string }{
		"two keys":    {`{"tags":{"team":{"tag_key":{"@@append":["Other"]}}}}`, "ELEMENT_TYPE_INVALID"},
		"another key": {`{"tags":{"team":{"tag_key":{"@@assign":"Other"}}}}`, "TAG_KEY_INVALID"},
	} {
		t.Run(name, func(t *testing.T) {
			down := w.policy(t, types.PolicyTypeTagPolicy, name, x.down)
			w.attach(t, down, guest)
			got := must(w.c.ListEffectivePolicyValidationErrors(ctx, in))(t)
			if len(got.EffectivePolicyValidationErrors) != 1 {
				t.Fatalf("faults %+v", got.EffectivePolicyValidationErrors)
			}
			e := got.EffectivePolicyValidationErrors[0]
			equal(t, "code", *e.ErrorCode, x.code)
			equal(t, "path", *e.PathToError, "$.tags.team.tag_key")
			equal(t, "contributors", len(e.ContributingPolicies), 2)
			bad := must(w.c.ListAccountsWithInvalidEffectivePolicy(ctx, &sdk.ListAccountsWithInvalidEffectivePolicyInput{PolicyType: types.EffectivePolicyTypeTagPolicy}))(t).Accounts
			if len(bad) != 1 || *bad[0].Id != guest {
				t.Errorf("accounts %+v", bad)
			}
			w.detach(t, down, guest)
		})
	}
}
