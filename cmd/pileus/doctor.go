package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"pileus/node"
)

func doctorCommand() *cobra.Command {
	return &cobra.Command{
		Use: "doctor", Short: "Tell what this machine can do for the cloud, and how to get more", Args: cobra.NoArgs,
		Example: "  pileus doctor",
		RunE: func(c *cobra.Command, _ []string) error {
			if err := enterPlane(planeAuto, ""); err != nil {
				return err
			}
			w := c.OutOrStdout()
			fmt.Fprintf(w, "pileus %s, %s/%s, %d processors, %s\n\n", version, runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), runtime.Version())
			bad := 0
			for _, check := range []func(*cobra.Command) finding{checkData, checkSpace, checkPort, checkNames, checkCloud} {
				bad += check(c).print(w)
			}
			for _, tool := range clients {
				tool.print(w)
			}
			checkPlane(w)
			if bad > 0 {
				return &exitError{1, fmt.Sprintf("%d of the above need attention", bad)}
			}
			return nil
		},
	}
}

// finding is the outcome of one check: good, or a problem with its remedy.
type finding struct{ what, state, remedy string }

func (f finding) print(w io.Writer) int {
	if f.remedy == "" {
		fmt.Fprintf(w, "  ok    %-22s %s\n", f.what, f.state)
		return 0
	}
	fmt.Fprintf(w, "  !!    %-22s %s\n        → %s\n", f.what, f.state, f.remedy)
	return 1
}

func checkData(*cobra.Command) finding {
	dir := stateDir()
	f := finding{"data directory", dir, ""}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		f.state, f.remedy = err.Error(), "set XDG_DATA_HOME or pass --data-dir to a place that you may write to"
		return f
	}
	probe := filepath.Join(dir, ".doctor")
	if err := os.WriteFile(probe, []byte("x"), 0o600); err != nil {
		f.state, f.remedy = err.Error(), "make it writable, or pass --data-dir"
		return f
	}
	os.Remove(probe)
	return f
}

// enough is the free space below which a warning is due, in bytes.
const enough = 1 << 30

func checkSpace(*cobra.Command) finding {
	f := finding{"free space", "", ""}
	var s syscall.Statfs_t
	if err := syscall.Statfs(stateDir(), &s); err != nil {
		f.state = "unknown: " + err.Error()
		return f
	}
	free := s.Bavail * uint64(s.Bsize)
	f.state = fmt.Sprintf("%.1f GiB", float64(free)/(1<<30))
	if free < enough {
		f.remedy = "free some space or pass --data-dir: writes are refused when the disk is full"
	}
	return f
}

func checkPort(c *cobra.Command) finding {
	f := finding{"port 4566", "free", ""}
	l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", node.DefaultPort))
	if err == nil {
		l.Close()
		return f
	}
	f.state = "in use"
	usual := client{fmt.Sprintf("http://127.0.0.1:%d", node.DefaultPort)}
	if usual.do(c.Context(), http.MethodGet, "/_pileus/health", nil, nil) != nil {
		f.remedy = "something else listens there: stop it, or use `pileus up --port`"
	}
	return f
}

func checkNames(c *cobra.Command) finding {
	f := finding{"names below localhost", "bucket.s3.localhost resolves", ""}
	ctx, cancel := context.WithTimeout(c.Context(), 2*time.Second) // the name may go all the way to a server that is not there
	defer cancel()
	if _, err := net.DefaultResolver.LookupHost(ctx, "bucket.s3.localhost"); err != nil {
		f.state = "bucket.s3.localhost does not resolve: use path-style S3 addresses (the usual choice with an endpoint URL)"
	}
	return f
}

func checkCloud(c *cobra.Command) finding {
	var s node.Status
	if err := connect(c).do(c.Context(), http.MethodGet, "/_pileus/status", nil, &s); err != nil {
		return finding{"cloud", "none runs here", ""}
	}
	return finding{"cloud", "runs at " + s.Endpoint, ""}
}

// tool is an AWS client that may be on this machine.
type tool struct{ name, command, hint string }

var clients = []tool{
	{"aws CLI", "aws", "pip install awscli"},
	{"Terraform", "terraform", "from your package manager"},
	{"Node.js", "node", "for the AWS SDK for JavaScript and CDK"},
	{"Python", "python3", "for boto3"},
}

func (t tool) print(w io.Writer) {
	path, err := exec.LookPath(t.command)
	if err != nil {
		fmt.Fprintf(w, "  --    %-22s not found (%s)\n", t.name, t.hint)
		return
	}
	fmt.Fprintf(w, "  ok    %-22s %s\n", t.name, path)
}
