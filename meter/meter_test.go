package meter_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"math"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"pileus/clock"
	"pileus/cloud"
	"pileus/meter"
	"pileus/store"
	"pileus/store/pebble"
)

var (
	bg    = context.Background()
	start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC) // a month of 744 hours
	day   = 24 * time.Hour
)

const (
	s3  = "AmazonS3"
	sqs = "AWSQueueService"
	gib = 1 << 30
)

type world struct {
	testing.TB
	db  store.Store
	clk clock.Control
	m   *meter.Meter
}

func newWorld(t testing.TB) *world {
	db, err := pebble.OpenMemory()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	w := &world{TB: t, db: db, clk: clock.Still(start)}
	w.restart()
	return w
}

func (w *world) restart() { w.m = meter.New(w.db, w.clk, slog.New(slog.DiscardHandler)) }

func (w *world) advance(d time.Duration) {
	w.Helper()
	if err := w.clk.Advance(bg, d); err != nil {
		w.Fatal(err)
	}
}

// add reports usage of account 000000000000 in us-east-1.
func (w *world) add(service, kind, operation, resource string, quantity float64, tags map[string]string) {
	w.m.Add(cloud.Usage{
		Account: "000000000000", Region: "us-east-1", Service: service, Type: kind, Operation: operation,
		Resource: resource, Quantity: quantity, Tags: tags,
	})
}

// bill is of the year, unless the query says otherwise.
func (w *world) bill(q meter.Query) (b *meter.Bill) {
	w.Helper()
	if q.From.IsZero() {
		q.From = start
	}
	if q.To.IsZero() {
		q.To = start.Add(366 * day)
	}
	if err := w.m.Settle(bg); err != nil {
		w.Fatal(err)
	}
	err := w.db.View(bg, func(r store.Reader) (err error) {
		b, err = meter.NewBill(r, q)
		return err
	})
	if err != nil {
		w.Fatal(err)
	}
	return b
}

func near(a, b float64) bool { return math.Abs(a-b) <= 1e-9*max(1, math.Abs(a), math.Abs(b)) }

// lines are a bill's as text.
func lines(b *meter.Bill) string {
	var out []string
	for _, l := range b.Lines {
		out = append(out, fmt.Sprintf("%s %s %g %s at %g = %g", strings.Join(l.Group, "|"), l.Type, l.Quantity, l.Unit, l.Rate, math.Round(l.Cost*1e9)/1e9))
	}
	return strings.Join(out, "\n")
}

func TestRequestsArePriced(t *testing.T) {
	w := newWorld(t)
	for range 1000 {
		w.add(s3, "Requests-Tier1", "PutObject", "b", 1, nil)
		w.add(s3, "Requests-Tier2", "GetObject", "b", 10, nil)
	}
	got := lines(w.bill(meter.Query{}))
	want := " Requests-Tier1 1000 Requests at 5e-06 = 0.005\n Requests-Tier2 10000 Requests at 4e-07 = 0.004"
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestPrices(t *testing.T) {
	const month = 744 * gib // byte-hours of one GB in January
	for _, test := range []struct {
		service, kind, operation string
		quantity, want           float64
	}{
		{s3, "TimedStorage-ByteHrs", "", month, 0.023},
		{"AmazonEC2", "EBS:VolumeUsage.gp3", "CreateVolume-Gp3", 8 * month, 0.64},
		{"AmazonEC2", "EBS:VolumeP-Throughput.gp3", "CreateVolume-Gp3", 125.0 / 1024 * 744, 5},
		{"AmazonEC2", "EBS:VolumeP-IOPS.piops", "CreateVolume-P-IOPS", 1000 * 744, 65},
		{"AmazonEC2", "EBS:SnapshotUsage", "CreateSnapshot", 100 * month, 5},
		{s3, "TimedStorage-ByteHrs", "", 600_000 * month, 51_200*0.023 + 460_800*0.022 + 88_000*0.021},
		{s3, "TimedStorage-SIA-ByteHrs", "", 100 * month, 1.25},
		{s3, "TimedStorage-GDA-ByteHrs", "", 1000 * month, 0.99},
		{s3, "TimedStorage-GlacierByteHrs", "", 1000 * month, 3.6},
		{s3, "EarlyDelete-GDA", "", 1000 * month, 0.99},
		{s3, "Retrieval-GIR", "", 10, 0.3},
		{s3, "Requests-Tier3", "S3-GlacierTransition", 1000, 0.03},
		{s3, "Requests-Tier3", "S3-GDATransition", 1000, 0.05},
		{s3, "Requests-Tier3", "RestoreObject", 1000, 0.05},
		{s3, "Standard-Retrieval-Bytes", "RestoreObject", 100, 1},
		{s3, "Standard-Retrieval-Bytes", "DeepArchiveRestoreObject", 100, 2},
		{s3, "DataTransfer-Out-Bytes", "", 99, 0},
		{s3, "DataTransfer-Out-Bytes", "", 110, 0.9},
		{s3, "DataTransfer-Out-Bytes", "", 100 + 10_240 + 40_960 + 10, 921.6 + 3481.6 + 0.7},
		{sqs, "Requests-RBP", "SendMessage", 1_000_000, 0},
		{sqs, "Requests-RBP", "SendMessage", 3_000_000, 0.8},
		{sqs, "Requests-FIFO-RBP", "SendMessage", 3_000_000, 1},
		{sqs, "Requests-RBP", "SendMessage", 150e9 + 1e6, 100e9*0.4e-6 + 50e9*0.3e-6},
	} {
		w := newWorld(t)
		w.add(test.service, test.kind, test.operation, "r", test.quantity, nil)
		if got := w.bill(meter.Query{}).Total; !near(got, test.want) {
			t.Errorf("%v of %s %s costs %v, want %v", test.quantity, test.kind, test.operation, got, test.want)
		}
	}
}

func TestAllowancesAreSharedAndReturnEachMonth(t *testing.T) {
	w := newWorld(t)
	send := func() {
		w.add(sqs, "Requests-RBP", "SendMessage", "q", 700_000, nil)
		w.add(sqs, "Requests-FIFO-RBP", "SendMessage", "q.fifo", 700_000, nil)
	}
	send() // 1.4 million, of which one is free
	first := w.bill(meter.Query{}).Total
	if first < 0.4*0.4 || first > 0.4*0.5 {
		t.Errorf("January costs %v", first)
	}
	w.advance(31 * day)
	send()
	if got := w.bill(meter.Query{From: start.Add(31 * day)}).Total; !near(got, first) {
		t.Errorf("February costs %v, January %v", got, first)
	}
	w.m.Add(cloud.Usage{Account: "111111111111", Region: "us-east-1", Service: sqs, Type: "Requests-RBP", Quantity: 1_000_000})
	if got := w.bill(meter.Query{Account: "111111111111"}).Total; got != 0 {
		t.Errorf("another account's free requests cost %v", got)
	}
}

func TestAPartOfAMonthStartsWhereTheTiersStand(t *testing.T) {
	w := newWorld(t)
	w.add(s3, "DataTransfer-Out-Bytes", "GetObject", "b", 150, nil)
	w.advance(10 * day)
	w.add(s3, "DataTransfer-Out-Bytes", "GetObject", "b", 50, nil)
	if got := w.bill(meter.Query{From: start.Add(5 * day)}).Total; !near(got, 4.5) {
		t.Errorf("the later part costs %v: the allowance was used up before", got)
	}
	if got := w.bill(meter.Query{To: start.Add(5 * day)}).Total; !near(got, 4.5) {
		t.Errorf("the earlier part costs %v", got)
	}
}

func TestGroups(t *testing.T) {
	w := newWorld(t)
	for n, team := range []string{"red", "blue", ""} {
		var tags map[string]string
		if team != "" {
			tags = map[string]string{"team": team, "env": "dev"}
		}
		w.add(s3, "Requests-Tier1", "PutObject", fmt.Sprint("b", n), 1000*float64(n+1), tags)
		w.add(s3, "Requests-Tier2", "GetObject", fmt.Sprint("b", n), 1000, tags)
	}
	w.advance(25 * time.Hour)
	w.m.Add(cloud.Usage{Account: "111111111111", Region: "eu-west-1", Service: sqs, Type: "Requests-RBP", Operation: "SendMessage", Quantity: 5})
	for by, want := range map[string]string{
		"":                   "=0.0312",
		"service":            "AWSQueueService=0 AmazonS3=0.0312",
		"account":            "000000000000=0.0312 111111111111=0",
		"region":             "eu-west-1=0 us-east-1=0.0312",
		"operation":          "GetObject=0.0012 PutObject=0.03 SendMessage=0",
		"resource":           "=0 b0=0.0054 b1=0.0104 b2=0.0154",
		"day":                "2026-01-01=0.0312 2026-01-02=0",
		"hour":               "2026-01-01T00:00Z=0.0312 2026-01-02T01:00Z=0",
		"month":              "2026-01=0.0312",
		"tag:team":           "(untagged)=0.0154 blue=0.0104 red=0.0054",
		"tag:env,service":    "(untagged)|AWSQueueService=0 (untagged)|AmazonS3=0.0154 dev|AmazonS3=0.0158",
		"service,type,month": "AWSQueueService|Requests-RBP|2026-01=0 AmazonS3|Requests-Tier1|2026-01=0.03 AmazonS3|Requests-Tier2|2026-01=0.0012",
	} {
		var names []string
		if by != "" {
			names = strings.Split(by, ",")
		}
		var got []string
		for _, g := range w.bill(meter.Query{By: names}).Groups {
			got = append(got, fmt.Sprintf("%s=%g", strings.Join(g.Group, "|"), math.Round(g.Cost*1e9)/1e9))
		}
		if s := strings.Join(got, " "); s != want {
			t.Errorf("by %q: %s, want %s", by, s, want)
		}
	}
	if got := len(w.bill(meter.Query{Region: "eu-west-1"}).Lines); got != 1 {
		t.Errorf("%d lines of one region", got)
	}
	if got := len(w.bill(meter.Query{Service: sqs}).Lines); got != 1 {
		t.Errorf("%d lines of one service", got)
	}
}

func TestWhatHasNoPriceIsShown(t *testing.T) {
	w := newWorld(t)
	w.add("AmazonMagic", "Wand-Hours", "Wave", "w", 3, nil)
	b := w.bill(meter.Query{})
	if len(b.Lines) != 1 || !b.Lines[0].Unpriced || b.Lines[0].Quantity != 3 || b.Total != 0 {
		t.Errorf("lines: %+v", b.Lines)
	}
	if !strings.Contains(strings.Join(b.Notes, " "), "no price") {
		t.Errorf("notes: %q", b.Notes)
	}
}

// level is what a service would hold: bytes in one bucket.
type level struct {
	mu    sync.Mutex
	bytes float64
}

func (l *level) set(b float64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.bytes = b
}

func (l *level) sampler(store.Reader) iter.Seq[cloud.Usage] {
	return func(yield func(cloud.Usage) bool) {
		l.mu.Lock()
		defer l.mu.Unlock()
		yield(cloud.Usage{Account: "000000000000", Region: "us-east-1", Service: s3, Type: "TimedStorage-ByteHrs", Resource: "b", Quantity: l.bytes})
	}
}

// run runs the meter until the test ends or stop is called.
func (w *world) run() (stop func()) {
	ctx, cancel := context.WithCancel(bg)
	ended := make(chan bool)
	m := w.m
	go func() {
		m.Run(ctx)
		close(ended)
	}()
	stop = sync.OnceFunc(func() {
		cancel()
		<-ended
	})
	w.Cleanup(stop)
	return stop
}

// gbMonths is how much storage the bill shows.
func gbMonths(b *meter.Bill) (sum float64) {
	for _, l := range b.Lines {
		sum += l.Quantity
	}
	return sum
}

func TestStorageIsBilledByTheTimeItIsHeld(t *testing.T) {
	w := newWorld(t)
	l := &level{bytes: 10 * gib}
	w.m.Sample(l.sampler)
	w.run()
	w.clk.At(start.Add(10*day+time.Hour), func(time.Time) { l.set(0) }) // as a lifecycle rule would
	w.advance(40 * day)
	b := w.bill(meter.Query{By: []string{"month"}})
	if got, want := gbMonths(b), 10*241.0/744; math.Abs(got-want) > 10*1.0/744 {
		t.Errorf("%v GB-months, want %v to the hour", got, want)
	}
	l.set(gib)
	w.advance(20 * day)
	if got := len(w.bill(meter.Query{By: []string{"month"}}).Groups); got != 3 {
		t.Errorf("%d months", got)
	}
}

func TestStorageOfAYearIsSmall(t *testing.T) {
	w := newWorld(t)
	w.m.Sample((&level{bytes: gib}).sampler)
	w.run()
	w.advance(365 * day)
	b := w.bill(meter.Query{By: []string{"day"}})
	if len(b.Groups) != 365 || !near(gbMonths(b), 12) || !near(b.Total, 12*0.023) {
		t.Errorf("%d days, %v GB-months, $%v", len(b.Groups), gbMonths(b), b.Total)
	}
}

func TestStorageIsBilledWhileTheCloudIsOff(t *testing.T) {
	w := newWorld(t)
	l := &level{bytes: 744 * gib}
	w.m.Sample(l.sampler)
	stop := w.run()
	w.advance(time.Hour)
	w.bill(meter.Query{})
	stop()
	w.advance(9 * time.Hour)
	w.restart()
	w.m.Sample(l.sampler)
	if got := gbMonths(w.bill(meter.Query{})); !near(got, 10) {
		t.Errorf("%v GB-months, want 10: ten hours of 744 GB", got)
	}
	w.clk.Set(bg, start)
	if got := gbMonths(w.bill(meter.Query{})); !near(got, 10) {
		t.Errorf("%v GB-months after the clock went back", got)
	}
}

func TestNothingIsBilledForTheTimeBefore(t *testing.T) {
	w := newWorld(t)
	l := &level{}
	w.m.Sample(func(store.Reader) iter.Seq[cloud.Usage] { return func(func(cloud.Usage) bool) {} })
	stop := w.run()
	w.advance(100 * time.Hour) // with nothing stored
	stop()
	w.restart()
	w.add(s3, "DataTransfer-In-Bytes", "PutObject", "b", 0, nil)
	if err := w.m.Flush(bg); err != nil { // before the first sample
		t.Fatal(err)
	}
	l.set(744 * gib)
	w.m.Sample(l.sampler)
	w.advance(time.Hour)
	if got := gbMonths(w.bill(meter.Query{})); !near(got, 1) {
		t.Errorf("%v GB-months, want that of one hour", got)
	}
}

func TestCountsSurviveAStopAndARestart(t *testing.T) {
	w := newWorld(t)
	for range 3 {
		stop := w.run()
		w.add(s3, "Requests-Tier1", "PutObject", "b", 1, nil)
		stop()
		w.restart()
	}
	if got := w.bill(meter.Query{}).Lines[0].Quantity; got != 3 {
		t.Errorf("counted %v", got)
	}
}

func TestCountsOfManyAreComplete(t *testing.T) {
	w := newWorld(t)
	w.run()
	var all sync.WaitGroup
	for n := range 8 {
		all.Go(func() {
			for i := range 1000 {
				w.add(s3, "Requests-Tier1", "PutObject", fmt.Sprint("b", (n+i)%5), 1, nil)
				if i%100 == 0 {
					w.m.Flush(bg)
				}
			}
		})
	}
	all.Wait()
	if got := w.bill(meter.Query{}).Lines[0].Quantity; got != 8000 {
		t.Errorf("counted %v", got)
	}
}

func TestAFailedFlushLosesNothing(t *testing.T) {
	w := newWorld(t)
	w.add(s3, "Requests-Tier1", "PutObject", "b", 1, nil)
	ended, cancel := context.WithCancel(bg)
	cancel()
	if err := w.m.Flush(ended); err == nil {
		t.Fatal("a flush under an ended context succeeds: this test needs another failure")
	}
	w.add(s3, "Requests-Tier1", "PutObject", "b", 1, nil)
	if got := w.bill(meter.Query{}).Lines[0].Quantity; got != 2 {
		t.Errorf("counted %v", got)
	}
}

func TestReset(t *testing.T) {
	w := newWorld(t)
	w.m.Sample((&level{bytes: gib}).sampler)
	w.bill(meter.Query{})
	w.advance(day)
	w.add(s3, "Requests-Tier1", "PutObject", "b", 1, nil)
	if err := w.db.Clear(bg); err != nil {
		t.Fatal(err)
	}
	w.m.Reset()
	if b := w.bill(meter.Query{}); len(b.Lines) != 0 {
		t.Errorf("after a reset: %s", lines(b))
	}
}

func TestHandler(t *testing.T) {
	w := newWorld(t)
	w.advance(40 * day) // 10 February
	w.add(s3, "Requests-Tier1", "PutObject", "b", 1000, map[string]string{"team": "red"})
	get := func(query string) (int, string) {
		rec := httptest.NewRecorder()
		w.m.Handler().ServeHTTP(rec, httptest.NewRequest("GET", "/_pileus/bill"+query, nil))
		b, _ := io.ReadAll(rec.Body)
		return rec.Code, string(b)
	}
	w.advance(time.Hour)
	status, body := get("?by=service,tag:team")
	var b meter.Bill
	if err := json.Unmarshal([]byte(body), &b); err != nil || status != 200 {
		t.Fatalf("%d %s: %v", status, body, err)
	}
	if !b.From.Equal(start.Add(31*day)) || !b.To.Equal(start.Add(40*day+time.Hour)) || !near(b.Total, 0.005) ||
		len(b.Groups) != 1 || strings.Join(b.Groups[0].Group, " ") != "AmazonS3 red" {
		t.Errorf("got %+v", b)
	}
	if _, body := get("?from=2026-01&to=2026-02-01"); !strings.Contains(body, `"lines":[]`) {
		t.Errorf("January: %s", body)
	}
	for _, bad := range []string{"?by=colour", "?by=tag:", "?from=yesterday", "?to=13"} {
		if status, body := get(bad); status != 400 {
			t.Errorf("%s: %d %s", bad, status, body)
		}
	}
}

func BenchmarkAdd(b *testing.B) {
	w := newWorld(b)
	u := cloud.Usage{Account: "000000000000", Region: "us-east-1", Service: s3, Type: "Requests-Tier1", Operation: "PutObject", Resource: "bucket", Quantity: 1}
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			w.m.Add(u)
		}
	})
}
