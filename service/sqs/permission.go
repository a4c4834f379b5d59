package sqs

import (
	"encoding/json"
	"slices"
	"strings"

	api "pileus/api/sqs"
	"pileus/cloud"
	"pileus/store"
)

// document is a policy as AddPermission and RemovePermission edit it: what
// they do not touch is kept as it is.
type document struct {
	Version   string            `json:"Version"`
	ID        string            `json:"Id,omitempty"`
	Statement []json.RawMessage `json:"Statement"`
}

// statement is what AddPermission adds.
type statement struct {
	Sid       string
	Effect    string
	Principal struct{ AWS any }
	Action    any
	Resource  string
}

// permitted are the actions that AddPermission can give.
var permitted = []string{
	"*", "SendMessage", "ReceiveMessage", "DeleteMessage", "ChangeMessageVisibility",
	"GetQueueAttributes", "GetQueueUrl", "ListDeadLetterSourceQueues", "PurgeQueue",
}

func (s *service) addPermission(c *cloud.Call, tx store.Tx, in *api.AddPermissionInput) (*cloud.Empty, error) {
	have, err := lookup(c, tx, in.QueueUrl)
	if err != nil {
		return nil, err
	}
	if err := checkPermission(in); err != nil {
		return nil, err
	}
	doc, err := have.document()
	if err != nil {
		return nil, err
	}
	if doc.find(in.Label) >= 0 {
		return nil, badValue(in.Label, "Label", "Already exists.")
	}
	add := statement{Sid: in.Label, Effect: "Allow", Resource: have.arn()}
	add.Principal.AWS = oneOrMany(in.AWSAccountIds, func(id string) string { return "arn:aws:iam::" + id + ":root" })
	add.Action = oneOrMany(in.Actions, func(action string) string { return "SQS:" + action })
	raw, err := json.Marshal(add)
	if err != nil {
		return nil, err
	}
	doc.Statement = append(doc.Statement, raw)
	return s.putPolicy(c, "AddPermission", tx, have, doc)
}

func (s *service) removePermission(c *cloud.Call, tx store.Tx, in *api.RemovePermissionInput) (*cloud.Empty, error) {
	have, err := lookup(c, tx, in.QueueUrl)
	if err != nil {
		return nil, err
	}
	doc, err := have.document()
	if err != nil {
		return nil, err
	}
	i := doc.find(in.Label)
	if i < 0 {
		return nil, badValue(in.Label, "Label", "can't find label.")
	}
	doc.Statement = slices.Delete(doc.Statement, i, i+1)
	return s.putPolicy(c, "RemovePermission", tx, have, doc)
}

func (s *service) putPolicy(c *cloud.Call, op string, tx store.Tx, have *queue, doc *document) (*cloud.Empty, error) {
	q := have.edit()
	text := ""
	if len(doc.Statement) > 0 {
		b, err := json.Marshal(doc)
		if err != nil {
			return nil, err
		}
		text = string(b)
	}
	if err := setPolicy(c, tx, q, text); err != nil {
		return nil, err
	}
	s.put(tx, q)
	s.usedOnCommit(c, op, tx, q)
	return &cloud.Empty{}, nil
}

// document is the queue's policy, or an empty one.
func (q *queue) document() (*document, error) {
	doc := &document{Version: "2008-10-17", ID: q.arn() + "/SQSDefaultPolicy"}
	if q.Policy == "" {
		return doc, nil
	}
	var raw struct {
		Version   string
		ID        string `json:"Id"`
		Statement json.RawMessage
	}
	if err := json.Unmarshal([]byte(q.Policy), &raw); err != nil {
		return nil, err
	}
	doc.Version, doc.ID = raw.Version, raw.ID
	if doc.Version == "" {
		doc.Version = "2008-10-17"
	}
	if json.Unmarshal(raw.Statement, &doc.Statement) != nil { // a single statement needs no list
		doc.Statement = []json.RawMessage{raw.Statement}
	}
	return doc, nil
}

// find is the place of the statement with a label, or -1.
func (d *document) find(label string) int {
	return slices.IndexFunc(d.Statement, func(raw json.RawMessage) bool {
		var s struct{ Sid string }
		return json.Unmarshal(raw, &s) == nil && s.Sid == label
	})
}

func checkPermission(in *api.AddPermissionInput) error {
	if len(in.Label) > 80 || !isLabel(in.Label) {
		return badValue(in.Label, "Label", "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length.")
	}
	if len(in.AWSAccountIds) == 0 {
		return errMissing("AWSAccountIds")
	}
	if len(in.Actions) == 0 {
		return errMissing("Actions")
	}
	if len(in.Actions) > 7 {
		return api.ErrOverLimit.New("%d Actions were found, maximum allowed is 7.", len(in.Actions))
	}
	for _, id := range in.AWSAccountIds {
		if !isAccount(id) {
			return badValue("["+strings.Join(in.AWSAccountIds, ", ")+"]", "PrincipalId", "Unable to verify.")
		}
	}
	for _, a := range in.Actions {
		if !slices.Contains(permitted, a) {
			return badValue("SQS:"+a, "ActionName", "Please refer to the appropriate WSDL for a list of valid actions.")
		}
	}
	return nil
}

// oneOrMany is a policy element's value: text for one, a list for more.
func oneOrMany(list []string, f func(string) string) any {
	if len(list) == 1 {
		return f(list[0])
	}
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = f(s)
	}
	return out
}
