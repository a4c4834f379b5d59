package main

import (
	"encoding/json"
	"errors"
	"flag"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/transport/http"
	"github.com/spf13/cobra"

	"pileus/all"
	"pileus/node"
)

var levels = map[string]slog.Level{"DEBUG": slog.LevelDebug, "INFO": slog.LevelInfo, "WARN": slog.LevelWarn, "ERROR": slog.LevelError}

// bucket makes one.
func (d desk) bucket(name string) {
	d.T.Helper()
	client := s3.NewFromConfig(d.Config(), func(o *s3.Options) { o.UsePathStyle = true })
	if _, err := client.CreateBucket(d.T.Context(), &s3.CreateBucketInput{Bucket: &name}); err != nil {
		d.T.Fatal(err)
	}
}

// every calls f with each of our commands.
func every(c *cobra.Command, f func(*cobra.Command)) {
	f(c)
	for _, sub := range c.Commands() {
		if sub.Name() != "help" && sub.Name() != "completion" {
			every(sub, f)
		}
	}
}

func TestEveryCommandHelps(t *testing.T) {
	n := 0
	every(rootCommand(), func(c *cobra.Command) {
		n++
		if c.Short == "" || !strings.Contains(c.Example, c.CommandPath()) {
			t.Errorf("%s: short %q, example %q", c.CommandPath(), c.Short, c.Example)
		}
		if strings.HasSuffix(c.Short, ".") {
			t.Errorf("%s: the line in the list ends with a dot", c.CommandPath())
		}
	})
	if n < 25 {
		t.Errorf("only %d commands", n)
	}
	d := newDesk(t)
	d.says([]string{"Usage:", "Examples:", "--durability", "PILEUS_<FLAG>"}, "up", "--help")
	d.says([]string{"pileus version dev"}, "--version")
}

// TestExamplesAreRight parses the flags of every example.
func TestExamplesAreRight(t *testing.T) {
	every(rootCommand(), func(c *cobra.Command) {
		for line := range strings.Lines(c.Example) {
			words := strings.Fields(line)
			if len(words) == 0 || words[0] != "pileus" {
				continue
			}
			if i := slices.IndexFunc(words, func(w string) bool { return strings.ContainsAny(w, "&|>#") }); i > 0 {
				words = words[:i]
			}
			found, rest, err := rootCommand().Find(words[1:])
			if err != nil {
				t.Errorf("%q: %v", line, err)
				continue
			}
			if err := found.ParseFlags(rest); err != nil {
				t.Errorf("%q: %v", line, err)
			}
			if !strings.Contains(line, `"`) && found.Args != nil && found.Args(found, found.Flags().Args()) != nil {
				t.Errorf("%q: %v", line, found.Args(found, found.Flags().Args()))
			}
		}
	})
}

func TestMistakes(t *testing.T) {
	d := newDesk(t)
	for _, c := range []struct {
		says string
		args []string
	}{
		{`unknown command "nonsense"`, []string{"nonsense"}},
		{`unknown command "rewind"`, []string{"clock", "rewind"}},
		{`unknown command "drop"`, []string{"snapshot", "drop", "x"}},
		{"unknown flag: --bogus. `pileus trail --help`", []string{"trail", "--bogus"}},
		{"accepts 1 arg", []string{"why"}},
		{"no request never-made is in the trail", []string{"why", "never-made"}},
		{"no request was refused lately", []string{"why", "last"}},
		{"sideways", []string{"clock", "advance", "sideways"}},
		{"goes forward", []string{"clock", "advance", "--", "-1h"}},
		{"no time such as", []string{"clock", "set", "noon"}},
		{"no folder for snapshots", []string{"snapshot", "save", "x"}},
		{`no service "s4"`, []string{"coverage", "s4"}},
		{"--format is sh, fish", []string{"env", "--format", "csh"}},
		{"--format is table or json", []string{"trail", "--format", "xml"}},
		{"no fault has the id", []string{"fault", "remove", "none"}},
		{"rate", []string{"fault", "add", "--error", "SlowDown", "--rate", "7"}},
		{"no duration such as", []string{"fault", "add", "--error", "SlowDown", "--for", "ever"}},
		{"2026-13", []string{"bill", "--from", "2026-13"}},
	} {
		d.refuses(c.says, c.args...)
	}
}

func TestNobodyAnswers(t *testing.T) {
	m := newMachine(t)
	for _, args := range [][]string{{"status"}, {"down"}, {"reset"}, {"trail"}, {"bill"}, {"clock", "show"}, {"fault", "list"}, {"snapshot", "save", "x"}} {
		complaint := m.refuses(append(args, "--endpoint", "127.0.0.1:1")...)
		if !strings.Contains(complaint, "no cloud answers at http://127.0.0.1:1. Start one with `pileus up`") {
			t.Errorf("pileus %v: %s", args, complaint)
		}
	}
	if complaint := m.refuses("wait", "--timeout", "100ms", "--endpoint", "127.0.0.1:1"); !strings.Contains(complaint, "no cloud was ready") {
		t.Error(complaint)
	}
	if out := m.must("snapshot", "list"); !strings.Contains(out, "nothing was saved yet") {
		t.Error(out)
	}
}

func TestStatusAndClock(t *testing.T) {
	d := newDesk(t)
	d.bucket("one")
	d.says([]string{d.Endpoint, "ephemeral: everything is lost", "memory", "s3", "1 buckets", "2026-01-01T00:00:00Z"}, "status")
	var s node.Status
	if err := json.Unmarshal([]byte(d.says(nil, "status", "--json")), &s); err != nil || !s.Ready || s.Services["s3"]["buckets"] != 1 {
		t.Errorf("%+v, %v", s, err)
	}
	d.says([]string{"2026-01-31T00:00:00Z", "frozen"}, "clock", "advance", "30d")
	d.says([]string{"2027-01-01T00:00:00Z"}, "clock", "set", "2027-01-01")
	d.says([]string{"2027-01-01T12:30:00Z"}, "clock", "set", "2027-01-01T12:30:00Z")
	d.says([]string{"2027-01-01T12:30:00Z"}, "clock", "show")
	if out := d.says([]string{"from the machine's time"}, "clock", "resume"); strings.Contains(out, "frozen") {
		t.Error(out)
	}
	d.says([]string{"frozen"}, "clock", "freeze")
	d.says([]string{"(the machine's time)"}, "clock", "reset")
	d.says([]string{"empty again, in"}, "reset")
	d.says(nil, "wait")
}

func TestFaults(t *testing.T) {
	d := newDesk(t)
	d.says([]string{"no faults are in force"}, "fault", "list")
	out := d.says([]string{"s3", "GetObject", "SlowDown", "0.1"}, "fault", "add", "--service", "s3", "--operation", "GetObject", "--error", "SlowDown", "--rate", "0.1")
	d.says([]string{"waits 300ms", "sqs"}, "fault", "add", "--service", "sqs", "--latency", "300ms", "--for", "10m")
	d.says([]string{"cuts the connection"}, "fault", "add", "--service", "s3", "--resource", "arn:aws:s3:::logs/*", "--reset", "--count", "1")
	d.says([]string{"SlowDown", "waits 300ms", "cuts the connection"}, "fault", "list")
	id := strings.Fields(strings.Split(out, "\n")[1])[0]
	d.says(nil, "fault", "remove", id)
	if out := d.says(nil, "fault", "list"); strings.Contains(out, "SlowDown") {
		t.Error(out)
	}
	d.Advance(11 * time.Minute)
	if out := d.says(nil, "fault", "list"); strings.Contains(out, "300ms") {
		t.Errorf("a fault for ten minutes is still in force:\n%s", out)
	}
	d.says(nil, "fault", "clear")
	d.says([]string{"no faults are in force"}, "fault", "list")
}

// TestWhy goes from a refusal that a client sees to its explanation.
func TestWhy(t *testing.T) {
	d := newDesk(t)
	keys := d.User("alice", `{"Version":"2012-10-17","Statement":[{"Sid":"Read","Effect":"Allow","Action":"s3:GetObject","Resource":"*"}]}`)
	client := s3.NewFromConfig(d.ConfigAs(keys), func(o *s3.Options) { o.UsePathStyle = true })
	_, err := client.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: new("wanted")})
	var refused smithy.APIError
	if !errors.As(err, &refused) || refused.ErrorCode() != "AccessDenied" {
		t.Fatalf("not refused: %v", err)
	}
	var response *http.ResponseError
	if !errors.As(err, &response) {
		t.Fatal(err)
	}
	id := response.Response.Header.Get("X-Amz-Request-Id")
	for _, asked := range []string{id, "last"} {
		d.says([]string{id, "s3:CreateBucket", "403 AccessDenied", "alice", "arn:aws:s3:::wanted", "inline policy test", `"Action": "s3:CreateBucket"`}, "why", asked)
	}
	var whole struct{ Trace map[string]any }
	if err := json.Unmarshal([]byte(d.says(nil, "why", id, "--json")), &whole); err != nil || len(whole.Trace) == 0 {
		t.Errorf("%v, %v", whole, err)
	}
	d.says([]string{"AccessDenied", id, "alice"}, "trail", "--errors", "--principal", "alice")
	for line := range strings.Lines(d.says(nil, "trail", "--format", "json", "--limit", "1")) {
		var e struct{ RequestID string }
		if err := json.Unmarshal([]byte(line), &e); err != nil || e.RequestID != id {
			t.Errorf("%s: %v", line, err)
		}
	}
	d.bucket("fine")
	var e struct{ RequestID string }
	if err := json.Unmarshal([]byte(d.says(nil, "trail", "--format", "json", "--limit", "1", "--operation", "CreateBucket")), &e); err != nil {
		t.Fatal(err)
	}
	d.says([]string{"No policy refused this request"}, "why", e.RequestID)
}

func TestBill(t *testing.T) {
	d := newDesk(t)
	d.bucket("billed")
	d.Advance(time.Hour)
	d.says([]string{"SERVICE", "AmazonS3", "total", "USD"}, "bill")
	d.says([]string{"ACCOUNT", "000000000000"}, "bill", "--by", "account,service")
	var b struct{ Lines []any }
	if err := json.Unmarshal([]byte(d.says(nil, "bill", "--json")), &b); err != nil || len(b.Lines) == 0 {
		t.Errorf("%+v, %v", b, err)
	}
}

func TestAmounts(t *testing.T) {
	for q, want := range map[float64]string{0: "0", 3: "3", 1e9: "1000000000", 4.5e-15: "< 0.000001", 0.1234567: "0.123457", 12.5: "12.5"} {
		if got := amount(q); got != want {
			t.Errorf("%g is written %s, want %s", q, got, want)
		}
	}
	if got := price(5e-6); got != "0.000005" {
		t.Error(got)
	}
}

func TestDoctor(t *testing.T) {
	d := newDesk(t)
	out, _ := d.pileus("doctor") // which may have something to complain about here
	for _, want := range []string{"data directory", "free space", "port 4566", "runs at " + d.Endpoint, "aws CLI"} {
		if !strings.Contains(out, want) {
			t.Errorf("it does not say %q:\n%s", want, out)
		}
	}
}

func TestEnvFormats(t *testing.T) {
	d := newDesk(t)
	d.says([]string{"export AWS_ENDPOINT_URL='" + d.Endpoint + "'\n", "export AWS_REGION='us-east-1'\n"}, "env")
	d.says([]string{"set -gx AWS_ACCESS_KEY_ID 'test'\n"}, "env", "--format", "fish")
	d.says([]string{"$Env:AWS_ACCESS_KEY_ID = 'test'\n"}, "env", "--format", "powershell")
	d.says([]string{"AWS_ACCESS_KEY_ID=111122223333\n"}, "env", "--format", "dotenv", "--access-key", "111122223333")
	var values map[string]string
	if err := json.Unmarshal([]byte(d.says(nil, "env", "--format", "json", "--region", "eu-west-1")), &values); err != nil || values["AWS_REGION"] != "eu-west-1" {
		t.Errorf("%v, %v", values, err)
	}
	// What is exported is what was meant, whatever is in it.
	nasty := `it's a "$(secret)" \ ` + "`"
	out := d.says(nil, "env", "--secret-key", nasty)
	got, err := exec.Command("sh", "-c", out+"\nprintf %s \"$AWS_SECRET_ACCESS_KEY\"").Output()
	if err != nil || string(got) != nasty {
		t.Errorf("the shell has %q, %v", got, err)
	}
}

func TestCompletion(t *testing.T) {
	d := newDesk(t)
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		d.says([]string{"pileus"}, "completion", shell)
	}
	for _, c := range []struct {
		want string
		args []string
	}{
		{"snapshot", []string{"sn"}},
		{"advance", []string{"clock", ""}},
		{"s3\n", []string{"coverage", ""}},
		{"async", []string{"up", "--durability", ""}},
		{"fish", []string{"env", "--format", ""}},
	} {
		var out strings.Builder
		root := rootCommand()
		root.SetOut(&out)
		root.SetErr(&out)
		root.SetArgs(append([]string{"__complete"}, c.args...))
		if err := root.ExecuteContext(t.Context()); err != nil || !strings.Contains(out.String(), c.want) {
			t.Errorf("%v offers\n%s, %v; want %q", c.args, out.String(), err, c.want)
		}
	}
}

var update = flag.Bool("update", false, "write the generated pages of docs")

// page compares a page of docs with what a command prints:
//
//	go test ./cmd/pileus -run Page -update
func (d desk) page(name string, command ...string) {
	d.T.Helper()
	want := d.says(nil, command...)
	path := filepath.Join("..", "..", "docs", name)
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			d.T.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil {
		d.T.Fatal(err)
	}
	if string(got) != want {
		d.T.Errorf("docs/%s is not what `pileus %s` prints; `make docs` writes it anew", name, strings.Join(command, " "))
	}
}

func TestCommandLinePage(t *testing.T) { newDesk(t).page("cli.md", "reference") }

func TestCoveragePage(t *testing.T) {
	d := newDesk(t)
	d.page("coverage.md", "coverage", "--markdown")
	summary := d.says([]string{"SERVICE", "NOT BUILT"}, "coverage")
	for _, m := range all.Modules(node.Parts{}) {
		if !strings.Contains(summary, "\n"+m.API.Name+" ") {
			t.Errorf("the summary lacks %s:\n%s", m.API.Name, summary)
		}
	}
	d.says([]string{"PutObject"}, "coverage", "s3")
}
