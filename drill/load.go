package drill

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"pileus/clock"
)

// outcome is how one request of a user ended.
type outcome struct {
	at, took time.Duration // since the drill's beginning
	again    bool          // its first try got no answer, and there was a second
	failed   string        // why it failed; "" for an answer of 200
	kept     string        // the visit that was acknowledged
}

// users send requests at a steady rate, as browsers do: connections are kept, a
// name with several addresses is tried at one after the other, and a request
// that gets no answer is sent once more. Answers that are errors are failures.
type users struct {
	url       string
	rate      int // a second
	addresses func() []netip.Addr
	watch     clock.Stopwatch
	client    *http.Client
	next      atomic.Uint64
	waiting   atomic.Int64 // requests without an answer yet

	mu   sync.Mutex
	list []outcome
}

const (
	connectWithin = 300 * time.Millisecond
	answerWithin  = time.Second
	visitEvery    = 50 // requests: the pages that keep something cost the instances more
	visitWithin   = 4 * time.Second
	patience      = 4 // seconds' worth of requests that may be without an answer
)

func newUsers(host string, rate int, addresses func() []netip.Addr, watch clock.Stopwatch) *users {
	u := &users{url: "http://" + host, rate: rate, addresses: addresses, watch: watch}
	u.client = &http.Client{Transport: &http.Transport{DialContext: u.dial, MaxIdleConnsPerHost: 64}}
	return u
}

// dial tries the addresses of the name in turn, beginning with another one each
// time.
func (u *users) dial(ctx context.Context, network, address string) (net.Conn, error) {
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	list := u.addresses()
	if len(list) == 0 {
		return nil, errors.New("the name has no address")
	}
	first := int(u.next.Add(1))
	for i := range list {
		a := list[(first+i)%len(list)]
		var c net.Conn
		d := net.Dialer{Timeout: connectWithin}
		if c, err = d.DialContext(ctx, network, net.JoinHostPort(a.String(), port)); err == nil {
			return c, nil
		}
	}
	return nil, err
}

// run sends requests until ctx ends and waits for their answers.
func (u *users) run(ctx context.Context) {
	var all sync.WaitGroup
	machine, watch := clock.New(), clock.Start()
	for n := 0; ; n++ {
		due := time.Duration(n) * time.Second / time.Duration(u.rate)
		if machine.Wait(ctx, due-watch.Elapsed()) != nil {
			break
		}
		visit := ""
		if n%visitEvery == visitEvery-1 {
			visit = fmt.Sprintf("visit-%06d", n)
		}
		if u.waiting.Load() > int64(patience*u.rate) {
			u.keep(outcome{at: u.watch.Elapsed(), failed: "the application is overloaded: the users wait for too many answers"})
			continue
		}
		u.waiting.Add(1)
		all.Go(func() { defer u.waiting.Add(-1); u.request(visit) })
	}
	all.Wait()
	u.client.CloseIdleConnections()
}

// request is one request, with its second try.
func (u *users) request(visit string) {
	o := outcome{at: u.watch.Elapsed()}
	err := u.try(visit)
	var status badStatus
	if err != nil && !errors.As(err, &status) {
		o.again = true
		err = u.try(visit)
	}
	if err != nil {
		o.failed = err.Error()
	} else {
		o.kept = visit
	}
	o.took = u.watch.Elapsed() - o.at
	u.keep(o)
}

func (u *users) keep(o outcome) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.list = append(u.list, o)
}

// badStatus is an answer that is an error.
type badStatus int

func (s badStatus) Error() string { return fmt.Sprintf("status %d", int(s)) }

// try sends a request once. The end of the drill does not cut it off.
func (u *users) try(visit string) error {
	if visit != "" {
		return u.get("/cgi-bin/visit?"+visit, visitWithin)
	}
	return u.get("/", answerWithin)
}

// get reads a page.
func (u *users) get(path string, within time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.url+path, nil)
	if err != nil {
		return err
	}
	res, err := u.client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if _, err := io.Copy(io.Discard, res.Body); err != nil {
		return err
	}
	if res.StatusCode != http.StatusOK {
		return badStatus(res.StatusCode)
	}
	return nil
}

// since is what was sent from a time on.
func (u *users) since(at time.Duration) []outcome {
	u.mu.Lock()
	defer u.mu.Unlock()
	var list []outcome
	for _, o := range u.list {
		if o.at >= at {
			list = append(list, o)
		}
	}
	return list
}

// answers tells whether the application answers now.
func (u *users) answers() bool { return u.try("") == nil }

// pick is one of a list.
func pick[T any](list []T) T { return list[rand.IntN(len(list))] }
