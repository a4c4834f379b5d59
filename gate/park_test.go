package gate_test

import (
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	api "pileus/api/sqs"
	"pileus/cloud"
	"pileus/node/nodetest"
	"pileus/trail"
)

// patient is a service that answers later; the queue's name tells how.
func patient() cloud.Module {
	wait := func(c *cloud.Call, name string) (*api.ReceiveMessageOutput, error) {
		switch name {
		case "panics":
			panic("by a bug")
		case "fails":
			return nil, cloud.Errorf(http.StatusBadRequest, "OverLimit", "Too much of it.")
		case "twice":
			return cloud.Later(c, func(*cloud.Call) (*api.ReceiveMessageOutput, error) { return message("again"), nil })
		}
		return message(strings.Repeat(name, 1<<18)), nil
	}
	return cloud.Module{
		API: &api.Service,
		Operations: []cloud.Binding{
			api.ReceiveMessage.Serve(func(c *cloud.Call, in *api.ReceiveMessageInput) (*api.ReceiveMessageOutput, error) {
				return cloud.Later(c, func(d *cloud.Call) (*api.ReceiveMessageOutput, error) {
					return wait(d, in.QueueUrl)
				})
			}),
			// One service that waits for another, within its own call.
			api.SendMessage.Serve(func(c *cloud.Call, in *api.SendMessageInput) (*api.SendMessageOutput, error) {
				got, err := api.ReceiveMessage.Call(c, &api.ReceiveMessageInput{QueueUrl: in.QueueUrl})
				if err != nil {
					return nil, err
				}
				return &api.SendMessageOutput{MessageId: got.Messages[0].Body, MD5OfMessageBody: new("x")}, nil
			}),
		},
		Access: []cloud.Access{api.ReceiveMessage.Anyone(), api.SendMessage.Anyone()},
	}
}

func message(body string) *api.ReceiveMessageOutput {
	return &api.ReceiveMessageOutput{Messages: []api.Message{{Body: &body}}}
}

// TestAnswersThatComeLater asks for one after the other over one connection.
func TestAnswersThatComeLater(t *testing.T) {
	w := nodetest.New(t, patient())
	c := sqs.NewFromConfig(w.Config(), func(o *sqs.Options) { o.DisableMessageChecksumValidation = true })
	var dialed atomic.Int32
	ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{GotConn: func(i httptrace.GotConnInfo) {
		if !i.Reused {
			dialed.Add(1)
		}
	}})
	for _, test := range []struct{ name, body, code string }{
		{"a", strings.Repeat("a", 1<<18), ""},
		{"fails", "", "OverLimit"},
		{"twice", "again", ""},
		{"panics", "", "InternalError"},
		{"b", strings.Repeat("b", 1<<18), ""},
	} {
		out, err := c.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: aws.String(test.name)})
		if code(err) != test.code {
			t.Errorf("%s: %v", test.name, err)
		}
		if err == nil && *out.Messages[0].Body != test.body {
			t.Errorf("%s: %d bytes, want %d", test.name, len(*out.Messages[0].Body), len(test.body))
		}
	}
	if n := dialed.Load(); n != 1 {
		t.Errorf("%d connections for five answers", n)
	}
	sent, err := c.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: aws.String("x"), MessageBody: aws.String("x")})
	if err != nil || len(*sent.MessageId) != 1<<18 {
		t.Errorf("a service that waits for another within its call: %v", err)
	}
	events, err := w.Trail().Last(t.Context(), 10, trail.Filter{Operation: "ReceiveMessage", External: true})
	if err != nil || len(events) != 5 {
		t.Fatalf("the trail has %d events, %v", len(events), err)
	}
	statuses := map[int]int{}
	for _, e := range events {
		statuses[e.Status]++
		if e.RequestID == "" || e.UserAgent == "" || e.BytesOut == 0 || e.Latency <= 0 || e.Service != "sqs" {
			t.Errorf("the trail has %+v", e)
		}
	}
	if statuses[200] != 3 || statuses[400] != 1 || statuses[500] != 1 {
		t.Errorf("statuses in the trail: %v", statuses)
	}
}
