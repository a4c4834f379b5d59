//go:build linux

package qemu

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	system "pileus/guest"
	"pileus/plane"
	"pileus/plane/linux/process"
	"pileus/plane/planetest"
)

// TestMain lets this program be the first process and the tools of the guests
// that its tests boot.
func TestMain(m *testing.M) {
	system.Main()
	code := m.Run()
	planetest.RemoveProgram()
	os.Exit(code)
}

// world is an engine with what its neighbours would give it: volumes on loop
// devices, a network namespace, a metadata service.
type world struct {
	t      testing.TB
	cloud  string
	dir    string
	engine *Engine
	loops  []string
	nets   []string
	server net.Listener
}

// needGuests skips a test where no guest can boot, and says why.
func needGuests(t testing.TB) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("SKIPPED: machines need root; no guest of QEMU was booted")
	}
	for _, p := range []string{"mkfs.ext4", "losetup", "ip", programs["amd64"]} {
		if _, err := exec.LookPath(p); err != nil {
			t.Skipf("SKIPPED: %s is not installed; no guest of QEMU was booted", p)
		}
	}
}

func needKernel(t testing.TB) kernel {
	t.Helper()
	needGuests(t)
	k, err := findKernel(os.Getenv("PILEUS_KERNEL"))
	if err != nil {
		t.Skipf("SKIPPED: %v; no guest of QEMU was booted", err)
	}
	return k
}

func newWorld(t testing.TB) *world {
	t.Helper()
	needGuests(t)
	dir, err := os.MkdirTemp("/tmp", "pileus-qemu-")
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, cloud: "q" + filepath.Base(dir)[len("pileus-qemu-"):], dir: dir}
	t.Cleanup(w.close)
	w.open()
	return w
}

func (w *world) open() {
	w.t.Helper()
	e, err := Open(Options{
		Cloud: w.cloud, Program: planetest.Program(w.t), Dir: filepath.Join(w.dir, "machines"), Kernel: os.Getenv("PILEUS_KERNEL"),
		Device: func(volume string) (string, error) {
			b, err := os.ReadFile(filepath.Join(w.dir, volume+".device"))
			return string(b), err
		},
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.engine = e
}

func (w *world) close() {
	if w.t.Failed() {
		files, _ := filepath.Glob(filepath.Join(w.dir, "machines", "*", consoleFile))
		for _, f := range files {
			b, _ := os.ReadFile(f)
			w.t.Logf("%s:\n%s", f, b[max(0, len(b)-4000):])
		}
	}
	if err := w.engine.Clear(); err != nil {
		w.t.Errorf("clear: %v", err)
	}
	if err := w.engine.Close(); err != nil {
		w.t.Errorf("close: %v", err)
	}
	if w.server != nil {
		w.server.Close()
	}
	for _, n := range w.nets {
		w.command("ip", "netns", "delete", n)
	}
	for _, d := range w.loops {
		w.command("losetup", "-d", d)
	}
	os.RemoveAll(w.dir)
}

func (w *world) command(name string, args ...string) string {
	w.t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		w.t.Errorf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

// volume makes and opens a volume of a file's content.
func (w *world) volume(id, file string) {
	w.t.Helper()
	device := w.command("losetup", "-f", "--show", file)
	w.loops = append(w.loops, device)
	if err := os.WriteFile(filepath.Join(w.dir, id+".device"), []byte(device), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

// empty makes and opens a volume without content.
func (w *world) empty(id string, mib int64) {
	w.t.Helper()
	file := filepath.Join(w.dir, id+".img")
	f, err := os.Create(file)
	if err != nil {
		w.t.Fatal(err)
	}
	if err := f.Truncate(mib << 20); err != nil {
		w.t.Fatal(err)
	}
	f.Close()
	w.volume(id, file)
}

// builtIn makes and opens a root volume of the built-in image.
func (w *world) builtIn(id string) {
	w.t.Helper()
	root := filepath.Join(w.dir, "root-"+id)
	if err := os.MkdirAll(root, 0o755); err != nil {
		w.t.Fatal(err)
	}
	var b bytes.Buffer
	if err := system.Archive(&b); err != nil {
		w.t.Fatal(err)
	}
	unpack := exec.Command("tar", "-x", "--same-owner", "-C", root)
	unpack.Stdin = &b
	if out, err := unpack.CombinedOutput(); err != nil {
		w.t.Fatalf("tar: %v %s", err, out)
	}
	file := filepath.Join(w.dir, id+".img")
	w.command("mkfs.ext4", "-q", "-F", "-m", "0", "-d", root, file, "256M")
	os.RemoveAll(root)
	w.volume(id, file)
}

// network makes a machine's network namespace, with a router next to it that
// has the metadata service.
func (w *world) network(id string, metadata map[string]string) {
	w.t.Helper()
	name := "pileus-" + w.cloud + "-" + id
	router := name + "-r"
	w.nets = append(w.nets, name, router)
	for _, line := range []string{
		"netns add " + name,
		"netns add " + router,
		"-n " + router + " link add name inside type veth peer name eth0 netns " + name,
		"-n " + router + " address add 169.254.169.254/32 dev inside",
		"-n " + router + " address add 10.0.0.1/24 dev inside",
		"-n " + router + " link set lo up",
		"-n " + router + " link set dev inside up",
		"-n " + name + " address add 10.0.0.5/24 dev eth0",
		"-n " + name + " link set eth0 up",
		"-n " + name + " route add default via 10.0.0.1 dev eth0 onlink",
	} {
		w.command("ip", strings.Fields(line)...)
	}
	w.in(id, func() (err error) {
		w.server, err = net.Listen("tcp", "169.254.169.254:80")
		return err
	})
	go http.Serve(w.server, metadataHandler(metadata))
}

// in runs f on a thread in the namespace of a machine's router.
func (w *world) in(id string, f func() error) {
	w.t.Helper()
	err := process.OnThread(func() error {
		n, err := os.Open("/run/netns/pileus-" + w.cloud + "-" + id + "-r")
		if err != nil {
			return err
		}
		defer n.Close()
		if err := unix.Setns(int(n.Fd()), unix.CLONE_NEWNET); err != nil {
			return err
		}
		return f()
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

// metadataHandler is version 2 of the service: nothing without a token.
func metadataHandler(tree map[string]string) http.Handler {
	const token = "AQAEAL"
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		path := strings.TrimPrefix(r.URL.Path, "/latest/")
		text, ok := tree[path]
		switch {
		case r.Method == http.MethodPut && path == "api/token":
			io.WriteString(rw, token)
		case r.Header.Get("X-aws-ec2-metadata-token") != token:
			rw.WriteHeader(http.StatusUnauthorized)
		case !ok:
			rw.WriteHeader(http.StatusNotFound)
		default:
			io.WriteString(rw, text)
		}
	})
}

// machine makes all that a machine of the built-in image needs.
func (w *world) machine(id string, metadata map[string]string) plane.Machine {
	w.t.Helper()
	w.builtIn("vol-" + id)
	w.network(id, metadata)
	return plane.Machine{
		ID: id, Hostname: "ip-10-0-0-5.ec2.internal", Image: plane.Image{ID: "ami-1", Kind: plane.BuiltIn},
		VCPUs: 1, MemoryMiB: 512, Root: plane.Attachment{Volume: "vol-" + id, Device: "/dev/xvda"}, Engine: "qemu",
		Guest: plane.Guest{User: "ec2-user", Environment: []string{"AWS_REGION=us-east-1"}},
	}
}

// patience is how long tests wait for what takes long where the processor does
// not run guests itself.
const testPatience = 90 * time.Second

// hand is how the test gets at the machines, which another process may take
// over meanwhile.
func (w *world) hand() planetest.Hand {
	return planetest.Hand{T: w.t, Machines: w.engine, Patience: testPatience}
}

func (w *world) until(what string, f func() bool)     { w.t.Helper(); w.hand().Until(what, f) }
func (w *world) status(id string) plane.MachineStatus { w.t.Helper(); return w.hand().Status(id) }
func (w *world) ready(id string)                      { w.t.Helper(); w.hand().Ready(id) }
func (w *world) console(id string) string             { w.t.Helper(); return w.hand().Console(id) }

// run runs a shell command in a machine and returns what it wrote.
func (w *world) run(id, script string) (out string, exit int) {
	w.t.Helper()
	return w.hand().Run(id, "", script)
}
