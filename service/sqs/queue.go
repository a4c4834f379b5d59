package sqs

import (
	"strings"
	"time"

	"pileus/cloud"
	"pileus/store"
)

// queue is a queue's desired state. Its messages are rows of their own, under
// ID, which is never used again: a queue that is made anew has none.
type queue struct {
	Account, Region, Name string
	ID                    int64
	FIFO                  bool
	Created, Modified     time.Time
	Purged                time.Time // when PurgeQueue was last called

	VisibilityTimeout int // seconds, like the following three
	Delay             int
	Retention         int
	Wait              int
	MaxSize           int // bytes of a message

	ContentDedup    bool
	DedupScope      string // "queue" or "messageGroup"; FIFO only, like the next
	ThroughputLimit string // "perQueue" or "perMessageGroupId"
	Policy          string
	Redrive         *redrive
	RedriveAllow    *redriveAllow
	SSE             bool
	Tags            map[string]string
}

// queues are shared by all who read them: copy one before changing it.
var queues = &store.Table[queue]{
	Name: "sqs.queue",
	Key:  func(q *queue) store.Key { return q.name().key() },
	Indexes: map[string]func(*queue) store.Key{
		// by the ARN of the dead-letter queue
		"dead": func(q *queue) store.Key {
			if q.Redrive == nil {
				return nil
			}
			return store.K(q.Redrive.Target)
		},
	},
	Memo: 4096,
}

// queueName is what a queue is found by.
type queueName struct{ Account, Region, Name string }

func (n queueName) key() store.Key { return store.K(n.Account, n.Region, n.Name) }

func (n queueName) arn() string {
	return cloud.ARN{Partition: "aws", Service: "sqs", Region: n.Region, Account: n.Account, Resource: n.Name}.String()
}

func (n queueName) find(r store.Reader) (*queue, bool) {
	return queues.Get(r, n.Account, n.Region, n.Name)
}

// named is the queue that an ARN names.
func named(arn string) (n queueName, ok bool) {
	a, ok := cloud.ParseARN(arn)
	if !ok || a.Service != "sqs" || strings.ContainsAny(a.Resource, ":/") {
		return n, false
	}
	return queueName{a.Account, a.Region, a.Resource}, true
}

func (q *queue) name() queueName { return queueName{q.Account, q.Region, q.Name} }
func (q *queue) arn() string     { return q.name().arn() }

// url names the queue as the client addresses this cloud.
func (q *queue) url(c *cloud.Call) string {
	base := c.Cloud.Endpoint()
	if c.HTTP != nil && c.HTTP.BaseURL != "" {
		base = c.HTTP.BaseURL
	}
	return base + "/" + q.Account + "/" + q.Name
}

// addressed is the queue that a URL names: the last two segments of its path
// are the account and the name, whatever the host; the region is the call's.
func addressed(c *cloud.Call, url string) (queueName, error) {
	rest := strings.TrimSuffix(url, "/")
	slash := strings.LastIndexByte(rest, '/')
	if slash < 0 {
		return queueName{}, errAddress(url)
	}
	name, rest := rest[slash+1:], rest[:slash]
	account := rest[strings.LastIndexByte(rest, '/')+1:]
	if name == "" || !isAccount(account) {
		return queueName{}, errAddress(url)
	}
	return queueName{account, c.Region, name}, nil
}

func isAccount(s string) bool {
	if len(s) != 12 {
		return false
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

// lookup finds the queue that a URL names.
func lookup(c *cloud.Call, r store.Reader, url string) (*queue, error) {
	n, err := addressed(c, url)
	if err != nil {
		return nil, err
	}
	q, ok := n.find(r)
	if !ok {
		return nil, errNoQueue
	}
	return q, nil
}

// edit is a copy that may be changed.
func (q *queue) edit() *queue {
	d := *q
	return &d
}

func (q *queue) retention() time.Duration { return time.Duration(q.Retention) * time.Second }

// checkName holds a queue's name to the rules of its type.
func checkName(name string, fifo bool) error {
	stem, bad := name, errStandardName
	if fifo {
		var ok bool
		if stem, ok = strings.CutSuffix(name, ".fifo"); !ok {
			return errFIFOName
		}
		bad = errFIFOName
	}
	if len(name) > 80 || !isLabel(stem) {
		return bad
	}
	return nil
}

// isLabel tells whether s consists of letters, digits, hyphens and
// underscores, at least one.
func isLabel(s string) bool {
	for i := range len(s) {
		switch b := s[i]; {
		case b >= 'a' && b <= 'z', b >= 'A' && b <= 'Z', b >= '0' && b <= '9', b == '-', b == '_':
		default:
			return false
		}
	}
	return s != ""
}

// gone remembers a deleted queue for the time in which its name is not free.
type gone struct {
	Account, Region, Name string
	At                    time.Time
}

var goners = &store.Table[gone]{
	Name: "sqs.gone",
	Key:  func(g *gone) store.Key { return store.K(g.Account, g.Region, g.Name) },
}
