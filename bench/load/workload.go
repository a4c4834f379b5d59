package load

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	"pileus/sigv4"
)

// Workload is one thing that clients do all day.
type Workload struct {
	Name    string
	Service string // "s3", "sqs", "iam"
	Conns   int    // connections, each with one request at a time
	Bytes   int64  // content of one operation
	Items   int    // messages of one operation
	Rate    int    // operations a second of all connections together; 0: as many as can be

	// setup makes what the workload needs, once per target.
	setup func(s *Session, c *conn) error
	// each is called before every measurement, with how many operations there
	// will be at most.
	each func(s *Session, c *conn, most int) error
	// worker makes the operation that a connection repeats.
	worker func(s *Session, number int) (operation, error)
}

// operation performs one round of a workload.
type operation func(c *conn) error

// errEmpty says that a queue ran dry before the time was over.
var errEmpty = errors.New("the queue ran empty: the fill was too small for this speed")

const (
	variants    = 64  // different requests that a connection cycles through
	messageSize = 256 // bytes of a message's body
	fillRate    = 12000
)

// Workloads are all that there are, in the order in which they run.
func Workloads() []Workload {
	return []Workload{
		put("s3-put-4k", 4<<10, 16), get("s3-get-4k", 4<<10, 16),
		put("s3-put-1m", 1<<20, 8), get("s3-get-1m", 1<<20, 8),
		put("s3-put-16m", 16<<20, 4), get("s3-get-16m", 16<<20, 4),
		list(),
		send("sqs-send", 1), send("sqs-send-batch10", 10),
		receive("sqs-recv-del", 0), receive("sqs-recv-del-1m", 1_000_000),
		getUser(),
	}
}

func bucket(name string) func(*Session, *conn) error {
	return func(s *Session, c *conn) error {
		_, err := s.must(c, s.object(http.MethodPut, "/"+name, nil), http.StatusConflict)
		return err
	}
}

// cycle repeats calls that were signed beforehand, all of which must succeed.
func (s *Session) cycle(calls []call) (operation, error) { return s.cycleOf(-1, calls) }

// cycleOf is cycle where each answer must be size bytes long, unless -1.
func (s *Session) cycleOf(size int64, calls []call) (operation, error) {
	ready := make([]*request, len(calls))
	for i, k := range calls {
		q, err := s.sign(k)
		if err != nil {
			return nil, err
		}
		ready[i] = q
	}
	next := 0
	return func(c *conn) error {
		q := ready[next]
		if next++; next == len(ready) {
			next = 0
		}
		a, err := c.do(q)
		if err != nil {
			return err
		}
		if size >= 0 && a.size != size && a.status == http.StatusOK {
			return fmt.Errorf("an answer of %d bytes in place of %d", a.size, size)
		}
		return a.check("request")
	}, nil
}

func content(size int) []byte {
	return bytes.Repeat([]byte("pileus benchmark"), size/16)
}

// objectVariants is how many objects of a size a connection works on.
func objectVariants(size int) int { return max(1, min(variants, 32<<20/size)) }

func objectPath(size, worker, i int) string { return fmt.Sprintf("/bench/%d/%d-%d", size, worker, i) }

func put(name string, size, conns int) Workload {
	body := content(size)
	return Workload{Name: name, Service: "s3", Conns: conns, Bytes: int64(size), setup: bucket("bench"),
		worker: func(s *Session, number int) (operation, error) {
			var calls []call
			for i := range objectVariants(size) {
				calls = append(calls, s.object(http.MethodPut, objectPath(size, number, i), body))
			}
			return s.cycle(calls)
		}}
}

func get(name string, size, conns int) Workload {
	return Workload{Name: name, Service: "s3", Conns: conns, Bytes: int64(size),
		setup: func(s *Session, c *conn) error {
			if err := bucket("bench")(s, c); err != nil {
				return err
			}
			for number := range conns {
				for i := range objectVariants(size) {
					if _, err := s.must(c, s.object(http.MethodPut, objectPath(size, number, i), content(size))); err != nil {
						return err
					}
				}
			}
			return nil
		},
		worker: func(s *Session, number int) (operation, error) {
			var calls []call
			for i := range objectVariants(size) { // further connections share the objects
				calls = append(calls, s.object(http.MethodGet, objectPath(size, number%conns, i), nil))
			}
			return s.cycleOf(int64(size), calls)
		}}
}

func list() Workload {
	return Workload{Name: "s3-list-1000", Service: "s3", Conns: 8, Items: 1000,
		setup: func(s *Session, c *conn) error {
			if err := bucket("bench-list")(s, c); err != nil {
				return err
			}
			for i := range 1000 {
				if _, err := s.must(c, s.object(http.MethodPut, fmt.Sprintf("/bench-list/list/%06d", i), nil)); err != nil {
					return err
				}
			}
			page, err := s.must(c, s.object(http.MethodGet, "/bench-list?list-type=2&max-keys=1000", nil))
			if n := bytes.Count(page, []byte("<Key>")); err == nil && page != nil && n != 1000 {
				err = fmt.Errorf("the page has %d keys", n)
			}
			return err
		},
		worker: func(s *Session, _ int) (operation, error) {
			return s.cycle([]call{s.object(http.MethodGet, "/bench-list?list-type=2&max-keys=1000", nil)})
		}}
}

// createQueue makes a queue and remembers its URL.
func (s *Session) createQueue(c *conn, name string) error {
	k, err := s.sqs("CreateQueue", map[string]any{"QueueName": name})
	if err != nil {
		return err
	}
	b, err := s.must(c, k)
	if err != nil {
		return err
	}
	var out struct{ QueueUrl string }
	if err := json.Unmarshal(b, &out); err != nil || out.QueueUrl == "" {
		return fmt.Errorf("CreateQueue answered %.200s: %v", b, err)
	}
	s.queue = out.QueueUrl
	return nil
}

// sendCall is one SendMessage, or a batch of n.
func (s *Session) sendCall(n int) (call, error) {
	body := string(content(messageSize))
	if n == 1 {
		return s.sqs("SendMessage", map[string]any{"QueueUrl": s.queue, "MessageBody": body})
	}
	var entries []map[string]string
	for i := range n {
		entries = append(entries, map[string]string{"Id": strconv.Itoa(i), "MessageBody": body})
	}
	return s.sqs("SendMessageBatch", map[string]any{"QueueUrl": s.queue, "Entries": entries})
}

func send(name string, batch int) Workload {
	return Workload{Name: name, Service: "sqs", Conns: 16, Items: batch,
		setup: func(s *Session, c *conn) error { return s.createQueue(c, name) },
		worker: func(s *Session, _ int) (operation, error) {
			k, err := s.sendCall(batch)
			if err != nil {
				return nil, err
			}
			return s.cycle([]call{k})
		}}
}

// receive takes one message and deletes it, from a queue that holds backlog
// messages more than are taken.
func receive(name string, backlog int) Workload {
	filled := map[*Session]bool{}
	return Workload{Name: name, Service: "sqs", Conns: 16, Items: 1,
		setup: func(s *Session, c *conn) error { return s.createQueue(c, name) },
		each: func(s *Session, _ *conn, n int) error {
			if !filled[s] {
				n += backlog
			}
			filled[s] = true
			if s.Name == "floor" {
				return nil // it gives the same message for ever
			}
			return s.fill(n)
		},
		worker: receiver}
}

// fill sends n messages in batches of ten over several connections.
func (s *Session) fill(n int) error {
	k, err := s.sendCall(10)
	if err != nil {
		return err
	}
	const conns = 16
	done := make(chan error, conns)
	for i := range conns {
		rounds := n / 10 / conns
		if i < n/10%conns {
			rounds++
		}
		go func() { done <- s.repeat(k, rounds) }()
	}
	for range conns {
		if err2 := <-done; err == nil {
			err = err2
		}
	}
	return err
}

// repeat performs one call several times over a connection of its own.
func (s *Session) repeat(k call, rounds int) error {
	c, err := dial(s.Addr)
	if err != nil {
		return err
	}
	defer c.close()
	for i := 0; i < rounds; {
		op, err := s.cycle([]call{k}) // signed again now and then: signatures age
		if err != nil {
			return err
		}
		for end := min(rounds, i+2000); i < end; i++ {
			if err := op(c); err != nil {
				return err
			}
		}
	}
	return nil
}

// receiver receives and deletes; the delete is signed as it is made, because
// it names the receipt.
func receiver(s *Session, _ int) (operation, error) {
	k, err := s.sqs("ReceiveMessage", map[string]any{"QueueUrl": s.queue, "MaxNumberOfMessages": 1})
	if err != nil {
		return nil, err
	}
	take, err := s.sign(k)
	if err != nil {
		return nil, err
	}
	return func(c *conn) error {
		a, err := c.do(take)
		if err == nil {
			err = a.check("ReceiveMessage")
		}
		if err != nil {
			return err
		}
		handle, ok := receipt(a.body)
		if !ok {
			return errEmpty
		}
		k, err := s.sqs("DeleteMessage", map[string]string{"QueueUrl": s.queue, "ReceiptHandle": handle})
		if err != nil {
			return err
		}
		q, err := s.sign(k)
		if err != nil {
			return err
		}
		if a, err = c.do(q); err != nil {
			return err
		}
		return a.check("DeleteMessage")
	}, nil
}

// receipt finds the receipt handle in an answer, without decoding the rest.
func receipt(b []byte) (string, bool) {
	_, rest, ok := bytes.Cut(b, []byte(`"ReceiptHandle":`))
	if !ok {
		return "", false
	}
	var handle string
	if json.NewDecoder(bytes.NewReader(rest)).Decode(&handle) != nil {
		return "", false
	}
	return handle, true
}

// getUser is a user with ten managed policies who asks who they are.
func getUser() Workload {
	return Workload{Name: "iam-get-user", Service: "iam", Conns: 16, Items: 1, setup: makeUser,
		worker: func(s *Session, _ int) (operation, error) {
			k := s.iam(url.Values{"Action": {"GetUser"}, "UserName": {"bench"}})
			k.as = &s.user
			return s.cycle([]call{k})
		}}
}

func makeUser(s *Session, c *conn) error {
	if _, err := s.must(c, s.iam(url.Values{"Action": {"CreateUser"}, "UserName": {"bench"}}), http.StatusConflict); err != nil {
		return err
	}
	for i := range 10 {
		action := fmt.Sprintf(`["s3:Get*","sqs:*","ec2:Describe%d*"]`, i)
		if i == 9 {
			action = `["iam:GetUser"]`
		}
		name := fmt.Sprintf("bench-%d", i)
		doc := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":` + action + `,"Resource":"*","Condition":{"DateGreaterThan":{"aws:CurrentTime":"2020-01-01T00:00:00Z"}}}]}`
		if _, err := s.must(c, s.iam(url.Values{"Action": {"CreatePolicy"}, "PolicyName": {name}, "PolicyDocument": {doc}}), http.StatusConflict); err != nil {
			return err
		}
		if _, err := s.must(c, s.iam(url.Values{"Action": {"AttachUserPolicy"}, "UserName": {"bench"}, "PolicyArn": {"arn:aws:iam::000000000000:policy/" + name}})); err != nil {
			return err
		}
	}
	b, err := s.must(c, s.iam(url.Values{"Action": {"CreateAccessKey"}, "UserName": {"bench"}}))
	if err != nil {
		return err
	}
	s.user = sigv4.Credential{AccessKey: element(b, "AccessKeyId"), Secret: element(b, "SecretAccessKey")}
	if s.user.Secret == "" {
		return fmt.Errorf("CreateAccessKey answered %.300s", b)
	}
	return nil
}

// element is the text of an XML element that occurs once.
func element(b []byte, name string) string {
	_, rest, _ := bytes.Cut(b, []byte("<"+name+">"))
	text, _, ok := bytes.Cut(rest, []byte("</"+name+">"))
	if !ok {
		return ""
	}
	return string(text)
}
