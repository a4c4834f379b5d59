//go:build linux

package toolbox

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"pileus/clock"
	"pileus/sigv4"
)

// TestCurlSigns has our curl sign requests as the real one does, and a server
// verify them with the secret.
func TestCurlSigns(t *testing.T) {
	tools := linkTools(t)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a, err := sigv4.Parse(r)
		if err != nil || a == nil {
			http.Error(w, "unsigned", http.StatusForbidden)
			return
		}
		res, err := a.Verify(r, "secret", sigv4.Options{Now: clock.Machine(), Family: sigv4.S3})
		if err != nil {
			http.Error(w, err.Error(), http.StatusForbidden)
			return
		}
		body, err := res.Body(r)
		if err != nil {
			http.Error(w, err.Error(), http.StatusForbidden)
			return
		}
		b, err := io.ReadAll(body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusForbidden)
			return
		}
		io.WriteString(w, a.AccessKey+" "+r.Method+" "+string(b))
	}))
	defer s.Close()
	for _, c := range []struct {
		name, secret, want string
		args               []string
	}{
		{"GET", "secret", "AKID GET ", nil},
		{"a body and a session token", "secret", "AKID PUT kept", []string{"-X", "PUT", "-H", "x-amz-security-token: token", "--data-binary", "kept"}},
		{"another secret", "wrong", "does not match", nil},
	} {
		args := append([]string{"-s", "--aws-sigv4", "aws:amz:eu-west-1:s3", "-u", "AKID:" + c.secret, s.URL + "/bucket/key"}, c.args...)
		out, err := exec.Command(filepath.Join(tools, "curl"), args...).CombinedOutput()
		if err != nil || !strings.Contains(string(out), c.want) {
			t.Errorf("%s: %v: %q, want %q", c.name, err, out, c.want)
		}
	}
}
