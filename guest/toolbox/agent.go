//go:build linux

package toolbox

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"pileus/clock"
	"pileus/sigv4"
)

// The CloudWatch agent, as small as it can be: it publishes how much of its
// memory and disks the machine uses.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Install-CloudWatch-Agent.html
const (
	agentName   = "amazon-cloudwatch-agent"
	agentConfig = "/opt/aws/" + agentName + "/etc/" + agentName + ".json"
	agentUnit   = "/etc/systemd/system/" + agentName + ".service"
	imds        = "http://169.254.169.254/latest/"
)

// agentPlan is what a configuration file of the agent says, as far as it has an
// effect here.
type agentPlan struct {
	Agent struct {
		Interval int `json:"metrics_collection_interval"`
	} `json:"agent"`
	Metrics struct {
		Namespace string            `json:"namespace"`
		Append    map[string]string `json:"append_dimensions"`
		Collected struct {
			Mem  *struct{} `json:"mem"`
			Disk *struct {
				Resources []string `json:"resources"`
			} `json:"disk"`
		} `json:"metrics_collected"`
	} `json:"metrics"`
}

// defaultPlan is what the agent does without a configuration.
const defaultPlan = `{"agent":{"metrics_collection_interval":60},"metrics":{"append_dimensions":{"InstanceId":"${aws:InstanceId}"},"metrics_collected":{"mem":{},"disk":{"resources":["/"]}}}}`

// agentControl is amazon-cloudwatch-agent-ctl.
func agentControl(c *call) error {
	p, err := c.parse(options{letters: "a:m:c:s"}, false)
	if err != nil {
		return err
	}
	switch p.value("a") {
	case "fetch-config":
		if err := fetchPlan(p.value("c")); err != nil {
			return err
		}
		if !p.has("s") {
			return nil
		}
		return c.service([]string{"restart", agentName})
	case "start", "stop":
		return c.service([]string{p.value("a"), agentName})
	case "status":
		return c.service([]string{"is-active", agentName})
	}
	return usage("-a fetch-config [-m ec2] [-c default|file:PATH] [-s] | -a start | -a stop | -a status")
}

// fetchPlan puts a configuration where the agent reads it, and makes the unit.
func fetchPlan(from string) error {
	text := []byte(defaultPlan)
	if path, ok := strings.CutPrefix(from, "file:"); ok {
		var err error
		if text, err = os.ReadFile(path); err != nil {
			return err
		}
	} else if from != "" && from != "default" {
		return usage("-c wants default or file:PATH")
	}
	if _, err := parsePlan(text); err != nil {
		return err
	}
	program, err := exec.LookPath(agentName)
	if err != nil {
		return err
	}
	unit := "[Unit]\nDescription=Amazon CloudWatch Agent\n[Service]\nExecStart=" + program + "\nRestart=on-failure\n"
	for path, b := range map[string][]byte{agentConfig: text, agentUnit: []byte(unit)} {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, b, 0o644); err != nil {
			return err
		}
	}
	return nil
}

func parsePlan(text []byte) (p agentPlan, err error) {
	if err := json.Unmarshal(text, &p); err != nil {
		return p, fmt.Errorf("configuration: %w", err)
	}
	if p.Metrics.Collected.Mem == nil && p.Metrics.Collected.Disk == nil {
		return p, fmt.Errorf("configuration: metrics_collected has neither mem nor disk, which is all that this agent knows")
	}
	if p.Agent.Interval < 1 {
		p.Agent.Interval = 60
	}
	if p.Metrics.Namespace == "" {
		p.Metrics.Namespace = "CWAgent"
	}
	return p, nil
}

// agent publishes until it is ended.
func agent(c *call) error {
	text, err := os.ReadFile(agentConfig)
	if err != nil {
		return err
	}
	p, err := parsePlan(text)
	if err != nil {
		return err
	}
	for {
		if err := publishOnce(c.ctx, p); err != nil {
			fmt.Fprintf(c.errors, "%s: %v\n", c.name, err) // the next time it may succeed
		}
		if err := clock.New().Wait(c.ctx, time.Duration(p.Agent.Interval)*time.Second); err != nil {
			return nil
		}
	}
}

// datum is a value to publish.
type datum struct {
	name  string
	value float64
	dims  map[string]string
}

// collect measures what the plan says.
func (p *agentPlan) collect() (list []datum) {
	if p.Metrics.Collected.Mem != nil {
		if m, err := machine(); err == nil && m.MemoryMiB > 0 {
			var used uint64
			for _, q := range processes() {
				used += q.resident
			}
			list = append(list, datum{"mem_used_percent", min(100*float64(used)/float64(uint64(m.MemoryMiB)<<20), 100), map[string]string{}})
		}
	}
	if d := p.Metrics.Collected.Disk; d != nil {
		for _, path := range d.Resources {
			if path == "*" {
				path = "/"
			}
			var s syscall.Statfs_t
			if syscall.Statfs(path, &s) == nil && s.Blocks > 0 {
				used := s.Blocks - s.Bfree
				list = append(list, datum{"disk_used_percent", 100 * float64(used) / float64(used+s.Bavail), map[string]string{"path": path}})
			}
		}
	}
	return list
}

// publishOnce measures and publishes with the credentials of the machine's
// role.
func publishOnce(ctx context.Context, p agentPlan) error {
	m := &instanceMetadata{ctx: ctx}
	id, region, role := m.get("meta-data/instance-id"), m.get("meta-data/placement/region"), m.get("meta-data/iam/security-credentials/")
	var k struct{ AccessKeyId, SecretAccessKey, Token string }
	if text := m.get("meta-data/iam/security-credentials/" + strings.TrimSpace(role)); m.err == nil {
		m.err = json.Unmarshal([]byte(text), &k)
	}
	if m.err != nil {
		return fmt.Errorf("credentials: %w", m.err)
	}
	form := url.Values{"Action": {"PutMetricData"}, "Version": {"2010-08-01"}, "Namespace": {p.Metrics.Namespace}}
	for i, d := range p.collect() {
		if _, ok := p.Metrics.Append["InstanceId"]; ok {
			d.dims["InstanceId"] = id
		}
		at := "MetricData.member." + strconv.Itoa(i+1) + "."
		form.Set(at+"MetricName", d.name)
		form.Set(at+"Unit", "Percent")
		form.Set(at+"Value", strconv.FormatFloat(d.value, 'f', -1, 64))
		n := 0
		for name, value := range d.dims {
			n++
			dim := at + "Dimensions.member." + strconv.Itoa(n) + "."
			form.Set(dim+"Name", name)
			form.Set(dim+"Value", value)
		}
	}
	body := []byte(form.Encode())
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://monitoring."+region+".amazonaws.com/", bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	req.Header.Set("X-Amz-Security-Token", k.Token)
	sum := sha256.Sum256(body)
	sigv4.Sign(req, sigv4.Credential{AccessKey: k.AccessKeyId, Secret: k.SecretAccessKey, SessionToken: k.Token}, region, "monitoring", clock.Machine(), hex.EncodeToString(sum[:]))
	_, err = do(req)
	return err
}

// instanceMetadata asks the metadata service. After an error it asks no more.
type instanceMetadata struct {
	ctx   context.Context
	token string
	err   error
}

func (m *instanceMetadata) get(path string) string {
	ask := func(method, path string, header http.Header) (text string) {
		req, err := http.NewRequestWithContext(m.ctx, method, imds+path, nil)
		if err == nil {
			req.Header = header
			text, err = do(req)
		}
		m.err = err
		return text
	}
	if m.err == nil && m.token == "" {
		m.token = ask(http.MethodPut, "api/token", http.Header{"X-Aws-Ec2-Metadata-Token-Ttl-Seconds": {"60"}})
	}
	if m.err != nil {
		return ""
	}
	return ask(http.MethodGet, path, http.Header{"X-Aws-Ec2-Metadata-Token": {m.token}})
}

// do is the answer to a request that must succeed.
func do(req *http.Request) (string, error) {
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err == nil && res.StatusCode >= 300 {
		err = fmt.Errorf("%s %s: %s: %s", req.Method, req.URL.Path, res.Status, strings.TrimSpace(string(b)))
	}
	return string(b), err
}
