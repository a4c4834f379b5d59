package gate_test

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/smithy-go"

	api "pileus/api/sqs"
	"pileus/cloud"
	"pileus/fault"
	"pileus/node"
	"pileus/node/nodetest"
	"pileus/policy"
	"pileus/store"
)

// echo is a service with just enough behind it to see the gate at work.
func echo() cloud.Module {
	queue := func(c *cloud.Call, _ store.Reader, in *api.SendMessageInput) (cloud.Resource, error) {
		return cloud.Resource{ARN: c.ARN("sqs", in.QueueUrl[strings.LastIndexByte(in.QueueUrl, '/')+1:])}, nil
	}
	return cloud.Module{
		API: &api.Service,
		Operations: []cloud.Binding{
			api.SendMessage.Update(func(c *cloud.Call, tx store.Tx, in *api.SendMessageInput) (*api.SendMessageOutput, error) {
				n, _ := tx.Get([]byte("test/sent"))
				tx.Put([]byte("test/sent"), append(n[:len(n):len(n)], '.'))
				return &api.SendMessageOutput{MessageId: new(c.Account + " " + c.Region), MD5OfMessageBody: new(string(n))}, nil
			}),
			api.PurgeQueue.Serve(func(*cloud.Call, *api.PurgeQueueInput) (*cloud.Empty, error) { panic("by a bug") }),
			api.ListQueues.View(func(*cloud.Call, store.Reader, *api.ListQueuesInput) (*api.ListQueuesOutput, error) {
				return &api.ListQueuesOutput{}, nil
			}),
		},
		Access: []cloud.Access{
			api.SendMessage.Needs("sqs:SendMessage", queue),
			api.PurgeQueue.Anyone(),
		},
	}
}

const queueURL = "http://localhost/000000000000/jobs"

func send(cfg aws.Config, body string) (*sqs.SendMessageOutput, error) {
	return sqs.NewFromConfig(cfg).SendMessage(context.Background(), &sqs.SendMessageInput{
		QueueUrl: aws.String(queueURL), MessageBody: aws.String(body),
	}, func(o *sqs.Options) { o.DisableMessageChecksumValidation = true })
}

// code is AWS's code of an error, with the status of the answer.
func code(err error) string {
	var e smithy.APIError
	if errors.As(err, &e) {
		return e.ErrorCode()
	}
	if err != nil {
		return err.Error()
	}
	return ""
}

func TestSignatureDecidesWhoAsks(t *testing.T) {
	w := nodetest.New(t, echo())
	root := nodetest.Keys{AccessKey: node.DefaultKey, Secret: node.DefaultSecret}
	for name, test := range map[string]struct {
		keys nodetest.Keys
		want string // error code, or the account and region that the handler saw
	}{
		"root":                         {root, "000000000000 us-east-1"},
		"12 digits are an account":     {nodetest.Keys{AccessKey: "123456789012", Secret: node.DefaultSecret}, "123456789012 us-east-1"},
		"wrong secret":                 {nodetest.Keys{AccessKey: node.DefaultKey, Secret: "guess"}, "InvalidSignatureException"},
		"12 digits with wrong secret":  {nodetest.Keys{AccessKey: "123456789013", Secret: "guess"}, "InvalidSignatureException"},
		"unknown key":                  {nodetest.Keys{AccessKey: "AKIAUNKNOWN", Secret: "x"}, "UnrecognizedClientException"},
		"user without any policy":      {w.User("nobody", ""), "AccessDenied"},
		"user who may":                 {w.User("sender", nodetest.Allow("sqs:SendMessage")), "000000000000 us-east-1"},
		"user who may something else":  {w.User("reader", nodetest.Allow("sqs:ReceiveMessage")), "AccessDenied"},
		"user of another account":      {w.UserIn("222222222222", "sender", nodetest.Allow("sqs:*")), "222222222222 us-east-1"},
		"user with the wrong password": {nodetest.Keys{AccessKey: w.User("x", nodetest.Allow("*")).AccessKey, Secret: "x"}, "InvalidSignatureException"},
	} {
		t.Run(name, func(t *testing.T) {
			out, err := send(w.ConfigAs(test.keys), "hi")
			got := code(err)
			if err == nil {
				got = *out.MessageId
			}
			if got != test.want {
				t.Errorf("%s, want %s (%v)", got, test.want, err)
			}
		})
	}
}

func TestDenialIsExplained(t *testing.T) {
	w := nodetest.New(t, echo())
	_, err := send(w.ConfigAs(w.User("bob", nodetest.Allow("s3:*"))), "hi")
	const want = "User: arn:aws:iam::000000000000:user/bob is not authorized to perform: sqs:sendmessage on resource: arn:aws:sqs:us-east-1:000000000000:jobs because no identity-based policy allows the sqs:sendmessage action"
	var e smithy.APIError
	if !errors.As(err, &e) || e.ErrorMessage() != want {
		t.Errorf("message %v\nwant %s", err, want)
	}
	var id interface{ ServiceRequestID() string }
	if !errors.As(err, &id) {
		t.Fatalf("no request id in %v", err)
	}
	var x struct{ Trace policy.Trace }
	get(t, w.Endpoint+"/_pileus/why/"+id.ServiceRequestID(), &x)
	if x.Trace.Allowed || !strings.Contains(policy.Suggest(&x.Trace), "sqs:SendMessage") {
		t.Errorf("the trace does not explain the denial: %+v", x.Trace)
	}
}

func get(t *testing.T, url string, out any) {
	t.Helper()
	res, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, _ := io.ReadAll(res.Body)
	if res.StatusCode != 200 {
		t.Fatalf("%s: %s: %s", url, res.Status, b)
	}
	if err := json.Unmarshal(b, out); err != nil {
		t.Fatalf("%s: %v: %s", url, err, b)
	}
}

func TestUpdateThatRunsTwiceTakesEffectOnce(t *testing.T) {
	w := nodetest.New(t, echo())
	for range 3 {
		if _, err := send(w.Config(), "x"); err != nil {
			t.Fatal(err)
		}
	}
	out, err := send(w.Config(), "x")
	if err != nil || *out.MD5OfMessageBody != "..." {
		t.Errorf("the fourth call sees %q, %v; want three dots", aws.ToString(out.MD5OfMessageBody), err)
	}
}

func TestRequestsThatNoHandlerTakes(t *testing.T) {
	w := nodetest.New(t, echo())
	client := sqs.NewFromConfig(w.Config())
	_, err := client.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: aws.String("q")})
	if code(err) != "NotImplemented" || !strings.Contains(err.Error(), "sqs:CreateQueue") {
		t.Errorf("an operation that is not built: %v", err)
	}
	_, err = client.ListQueues(t.Context(), &sqs.ListQueuesInput{})
	if code(err) != "AccessDenied" {
		t.Errorf("an operation without declared access: %v", err)
	}
	_, err = client.PurgeQueue(t.Context(), &sqs.PurgeQueueInput{QueueUrl: aws.String(queueURL)})
	if code(err) != "InternalError" {
		t.Errorf("a handler that panics: %v", err)
	}
	if _, err = send(w.Config(), "still here"); err != nil {
		t.Errorf("after a panic: %v", err)
	}
}

func TestFormsOfErrors(t *testing.T) {
	w := nodetest.New(t, echo())
	for name, test := range map[string]struct {
		header, body string
		status       int
		want         string
	}{
		"query, unknown action": {"application/x-www-form-urlencoded", "Action=Fly&Version=2012-11-05", 400, "<Code>InvalidAction</Code>"},
		"query, no credentials": {"application/x-www-form-urlencoded", "Action=PurgeQueue&Version=2012-11-05", 400, "QueueUrl"},
		"query, other service":  {"application/x-www-form-urlencoded", "Action=DescribeStacks&Version=2010-05-15", 501, "<Code>NotImplemented</Code>"},
		"JSON, other service":   {"application/x-amz-json-1.1", "{}", 501, `"__type"`},
	} {
		t.Run(name, func(t *testing.T) {
			res, err := http.Post(w.Endpoint, test.header, strings.NewReader(test.body))
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			b, _ := io.ReadAll(res.Body)
			if res.StatusCode != test.status || !strings.Contains(string(b), test.want) {
				t.Errorf("%s: %s\nwant %d with %s", res.Status, b, test.status, test.want)
			}
		})
	}
}

func TestOnePortTakesTLSToo(t *testing.T) {
	w := nodetest.New(t, echo())
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, ForceAttemptHTTP2: true}}
	res, err := client.Get(strings.Replace(w.Endpoint, "http:", "https:", 1) + "/_pileus/health")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != 200 || res.ProtoMajor != 2 {
		t.Errorf("%s over %s", res.Status, res.Proto)
	}
}

func TestFaultsStrikeCalls(t *testing.T) {
	w := nodetest.New(t, echo())
	post := func(r fault.Rule) {
		t.Helper()
		b, _ := json.Marshal(r)
		res, err := http.Post(w.Endpoint+"/_pileus/faults", "application/json", strings.NewReader(string(b)))
		if err != nil || res.StatusCode != http.StatusCreated {
			t.Fatalf("%v %v", res, err)
		}
		res.Body.Close()
	}
	post(fault.Rule{Service: "sqs", Operation: "SendMessage", Error: "ThrottlingException", Rate: 1, Count: 1})
	if _, err := send(w.Config(), "x"); code(err) != "ThrottlingException" {
		t.Errorf("a fault that answers an error: %v", err)
	}
	post(fault.Rule{Service: "sqs", Reset: true, Rate: 1, Count: 1})
	if _, err := send(w.Config(), "x"); err == nil || code(err) == "ThrottlingException" {
		t.Errorf("a fault that cuts the connection: %v", err)
	}
	if _, err := send(w.Config(), "x"); err != nil {
		t.Errorf("after the faults: %v", err)
	}
}

func TestResetEmptiesTheCloud(t *testing.T) {
	w := nodetest.New(t, echo())
	gone := w.User("alice", nodetest.Allow("*"))
	if _, err := send(w.ConfigAs(gone), "x"); err != nil {
		t.Fatal(err)
	}
	res, err := http.Post(w.Endpoint+"/moto-api/reset", "", nil)
	if err != nil || res.StatusCode != 200 {
		t.Fatal(res, err)
	}
	if _, err := send(w.ConfigAs(gone), "x"); code(err) != "UnrecognizedClientException" {
		t.Errorf("a user of before: %v", err)
	}
	if out, err := send(w.Config(), "x"); err != nil || aws.ToString(out.MD5OfMessageBody) != "" {
		t.Errorf("root of after: %v, %v", out, err)
	}
}
