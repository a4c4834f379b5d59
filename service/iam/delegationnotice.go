package iam

import (
	"encoding/json"
	"fmt"

	apisqs "pileus/api/sqs"
	"pileus/cloud"
	"pileus/identity"
	"pileus/store"
)

// noticeTopic holds what requestors are to be told.
const (
	noticeTopic  = "iam.delegation"
	noticeTries  = 20
	iamService   = "iam.amazonaws.com"
	delegationOf = "delegation-request"
)

// notice is a message to a requestor.
type notice struct {
	Account, ARN, Channel string
	Text                  string
}

// tellRequestor writes into the outbox what became of a request; a token goes
// with it once it is final.
func tellRequestor(tx store.Tx, d *identity.Delegation, state, token string) {
	says := map[string]string{"delegationRequestId": d.ID, "requestorWorkflowId": d.Workflow, "state": state,
		"ownerAccountId": d.OwnerAccount, "timestamp": d.Updated.UTC().Format("2006-01-02T15:04:05Z")}
	if token != "" {
		says["exchangeToken"] = token
	}
	if d.Rejection != "" {
		says["rejectionReason"] = d.Rejection
	}
	text, err := json.Marshal(says)
	if err != nil {
		panic(err) // strings
	}
	b, err := json.Marshal(notice{d.Requestor, delegationARN(d), d.Channel, string(text)})
	if err != nil {
		panic(err) // strings
	}
	tx.Emit(noticeTopic, store.K(d.ID), b)
}

func delegationARN(d *identity.Delegation) string {
	return cloud.ARN{Partition: "aws", Service: "iam", Account: d.OwnerAccount, Resource: delegationOf + "/" + d.ID}.String()
}

// deliverNotice sends a notice to the requestor's queue, as IAM.
func deliverNotice(c *cloud.Call, payload []byte) error {
	var n notice
	if err := json.Unmarshal(payload, &n); err != nil {
		return fmt.Errorf("delegation notice: %w", err)
	}
	q, ok := cloud.ParseARN(n.Channel)
	if !ok {
		return fmt.Errorf("delegation notice: queue %q", n.Channel)
	}
	as := c.In(n.Account, q.Region).AsService(iamService, n.ARN)
	as.HTTP, as.Tx = nil, nil
	_, err := apisqs.SendMessage.Call(as, &apisqs.SendMessageInput{
		QueueUrl: c.Cloud.Endpoint() + "/" + q.Account + "/" + q.Resource, MessageBody: n.Text,
	})
	return err
}
