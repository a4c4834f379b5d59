package sqs

import (
	"fmt"
	"testing"
	"time"

	api "pileus/api/sqs"
	"pileus/node/nodetest"
)

// published are the metrics of a minute, by name; values times their counts.
func published(w *nodetest.World) map[string]float64 {
	all := map[string]float64{}
	for m := range w.Gate().Measure(w.Call()) {
		for i, v := range m.Values {
			if m.Counts != nil {
				v *= m.Counts[i]
			}
			all[m.Dimensions[0].Value+" "+m.Name] += v
		}
	}
	return all
}

func TestMetrics(t *testing.T) {
	for _, name := range []string{"q", "q.fifo"} {
		t.Run(name, func(t *testing.T) {
			w := nodetest.New(t, Module())
			in := &api.CreateQueueInput{QueueName: name}
			group := (*string)(nil)
			if name == "q.fifo" {
				in.Attributes = map[string]string{"FifoQueue": "true", "ContentBasedDeduplication": "true"}
				group = new("g")
			}
			url := nodetest.Do(w, &api.CreateQueue, in).QueueUrl
			published(w)
			for i := range 3 {
				nodetest.Do(w, &api.SendMessage, &api.SendMessageInput{QueueUrl: *url, MessageBody: fmt.Sprint("body ", i), MessageGroupId: group})
			}
			got := nodetest.Do(w, &api.ReceiveMessage, &api.ReceiveMessageInput{QueueUrl: *url, MaxNumberOfMessages: new(int32(2))})
			nodetest.Do(w, &api.DeleteMessage, &api.DeleteMessageInput{QueueUrl: *url, ReceiptHandle: *got.Messages[0].ReceiptHandle})
			w.Advance(10 * time.Second)
			now := published(w)
			for metric, want := range map[string]float64{
				"NumberOfMessagesSent": 3, "NumberOfMessagesReceived": 2, "NumberOfMessagesDeleted": 1, "NumberOfEmptyReceives": 0, "SentMessageSize": 18,
				"ApproximateNumberOfMessagesVisible": 1, "ApproximateNumberOfMessagesNotVisible": 1, "ApproximateNumberOfMessagesDelayed": 0, "ApproximateAgeOfOldestMessage": 10,
			} {
				if v, ok := now[name+" "+metric]; !ok || v != want {
					t.Errorf("%s is %v, want %v", metric, v, want)
				}
			}
			if again := published(w); again[name+" NumberOfMessagesSent"] != 0 {
				t.Errorf("what was counted is given out twice: %v", again)
			}
			nodetest.Do(w, &api.PurgeQueue, &api.PurgeQueueInput{QueueUrl: *url})
			w.Drain()
			if w.Advance(7 * time.Hour); len(published(w)) != 0 {
				t.Errorf("a queue that is not used publishes %v", published(w))
			}
			nodetest.Do(w, &api.ReceiveMessage, &api.ReceiveMessageInput{QueueUrl: *url})
			if v := published(w)[name+" NumberOfEmptyReceives"]; v != 1 {
				t.Errorf("%v empty receives", v)
			}
		})
	}
}
