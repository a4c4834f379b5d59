//go:build linux

package machine

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"pileus/guest"
	"pileus/plane"
	"pileus/plane/linux/process"
	"pileus/plane/linux/volume"
	"pileus/plane/planetest"
)

// TestMain lets this program be the first process and the tools of the
// machines that its tests boot.
func TestMain(m *testing.M) {
	guest.Main()
	volume.Serve()
	if len(os.Args) > 1 && os.Args[1] == launcherArgument {
		launcher(os.Args[2:])
		return
	}
	code := m.Run()
	planetest.RemoveProgram()
	if templates.dir != "" {
		os.RemoveAll(templates.dir)
	}
	os.Exit(code)
}

// world is a plane with what its neighbours would give it: volumes on loop
// devices, network namespaces, a metadata service.
type world struct {
	t        testing.TB
	cloud    string
	dir      string
	machines *Machines
	files    *volume.Store // instead of loop devices; nil for those

	mu      sync.Mutex
	loops   map[string]string // volume: device
	nets    []string
	servers []net.Listener
}

func needRoot(t testing.TB) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("SKIPPED: machines need root; nothing of plane/linux/machine was tested")
	}
	for _, p := range []string{"mkfs.ext4", "losetup", "ip"} {
		if _, err := exec.LookPath(p); err != nil {
			t.Skipf("SKIPPED: the tests of machines need %s", p)
		}
	}
}

func newWorld(t testing.TB) *world { return makeWorld(t, false) }

// makeWorld makes a world whose volumes are files, as they are without root, or
// devices.
func makeWorld(t testing.TB, files bool) *world {
	t.Helper()
	needRoot(t)
	dir, err := os.MkdirTemp("/tmp", "pileus-machine-")
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, cloud: "t" + filepath.Base(dir)[len("pileus-machine-"):], dir: dir, loops: map[string]string{}}
	if files {
		if _, err := exec.LookPath("fuse2fs"); err != nil {
			t.Skip("SKIPPED: volumes without block devices need fuse2fs")
		}
		if w.files, err = volume.Open(volume.Options{Cloud: w.cloud, Dir: filepath.Join(dir, "volumes"), Rootless: true}); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(w.close)
	w.open()
	return w
}

func (w *world) open() {
	w.t.Helper()
	m, err := Open(w.options())
	if err != nil {
		w.t.Fatal(err)
	}
	w.machines = m
}

func (w *world) options() Options {
	program := os.Getenv("PILEUS_PROGRAM")
	if program == "" {
		program = planetest.Program(w.t)
	}
	o := Options{Cloud: w.cloud, Program: program, Dir: filepath.Join(w.dir, "machines"), Device: w.device, Private: []string{w.dir}}
	if w.files != nil {
		o.Files = w.files
	}
	return o
}

// device answers from the files, so that another process can ask as well.
func (w *world) device(volume string) (string, error) {
	if w.files != nil {
		return w.files.OpenVolume(context.Background(), volume)
	}
	b, err := os.ReadFile(filepath.Join(w.dir, volume+".device"))
	return string(b), err
}

func (w *world) close() {
	if err := w.machines.Clear(); err != nil {
		w.t.Errorf("clear: %v", err)
	}
	if err := w.machines.Close(); err != nil {
		w.t.Errorf("close: %v", err)
	}
	for _, l := range w.servers {
		l.Close()
	}
	if w.files != nil {
		if err := w.files.Clear(); err != nil {
			w.t.Errorf("clear the volumes: %v", err)
		}
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

// templates are file systems that volumes are copied from.
var templates struct {
	sync.Mutex
	dir string
}

// template makes an ext4 of the built-in image, or an empty one, once.
func template(t testing.TB, builtIn bool) string {
	t.Helper()
	templates.Lock()
	defer templates.Unlock()
	if templates.dir == "" {
		dir, err := os.MkdirTemp("/tmp", "pileus-machine-template-")
		if err != nil {
			t.Fatal(err)
		}
		templates.dir = dir
	}
	file := filepath.Join(templates.dir, fmt.Sprint(builtIn))
	if _, err := os.Stat(file); err == nil {
		return file
	}
	root := filepath.Join(templates.dir, "root")
	if err := os.MkdirAll(root, 0o755); err != nil {
		t.Fatal(err)
	}
	if builtIn {
		var b bytes.Buffer
		if err := guest.Archive(&b); err != nil {
			t.Fatal(err)
		}
		tarOf := exec.Command("tar", "-x", "--same-owner", "-C", root)
		tarOf.Stdin = &b
		if out, err := tarOf.CombinedOutput(); err != nil {
			t.Fatalf("tar: %v %s", err, out)
		}
	}
	args := []string{"-q", "-F", "-m", "0", "-E", "lazy_itable_init=1,lazy_journal_init=1", "-d", root, file, "256M"}
	if out, err := exec.Command("mkfs.ext4", args...).CombinedOutput(); err != nil {
		t.Fatalf("mkfs: %v %s", err, out)
	}
	os.RemoveAll(root)
	return file
}

// volume makes and opens a volume.
func (w *world) volume(id string, builtIn bool) {
	w.t.Helper()
	if w.files != nil {
		if err := w.files.CreateRoot(w.t.Context(), id, plane.Image{Kind: plane.BuiltIn}, 256<<20); err != nil {
			w.t.Fatal(err)
		}
		return
	}
	file := filepath.Join(w.dir, id+".img")
	w.command("cp", "--sparse=always", template(w.t, builtIn), file)
	device := w.command("losetup", "-f", "--show", file)
	w.mu.Lock()
	w.loops[id] = device
	w.mu.Unlock()
	if err := os.WriteFile(filepath.Join(w.dir, id+".device"), []byte(device), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

// network makes a machine's network namespace, with a router next to it that
// has the metadata service.
func (w *world) network(id string, metadata map[string]string) {
	w.t.Helper()
	name := "pileus-" + w.cloud + "-" + id
	router := name + "-r"
	w.mu.Lock()
	w.nets = append(w.nets, name, router)
	w.mu.Unlock()
	for _, line := range []string{
		"netns add " + name,
		"netns add " + router,
		"-n " + router + " link add name inside type veth peer name eth0 netns " + name,
		"-n " + router + " address add 169.254.169.254/32 dev inside",
		"-n " + router + " link set lo up",
		"-n " + router + " link set dev inside up",
		"-n " + name + " address add 10.0.0.5/24 dev eth0",
		"-n " + name + " link set eth0 up",
		"-n " + name + " route add default dev eth0",
		"-n " + router + " route add 10.0.0.0/24 dev inside",
	} {
		w.command("ip", strings.Fields(line)...)
	}
	l, err := listenIn("/run/netns/"+router, "169.254.169.254:80")
	if err != nil {
		w.t.Fatal(err)
	}
	w.mu.Lock()
	w.servers = append(w.servers, l)
	w.mu.Unlock()
	go http.Serve(l, metadataHandler(metadata))
}

// metadataHandler is version 2 of the service: nothing without a token.
func metadataHandler(tree map[string]string) http.Handler {
	const token = "AQAEAL"
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		path := strings.TrimPrefix(r.URL.Path, "/latest/")
		text, ok := tree[path]
		switch {
		case r.Method == http.MethodPut && path == "api/token" && r.Header.Get("X-aws-ec2-metadata-token-ttl-seconds") != "":
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

// inNamespace runs f on a thread in a network namespace.
func inNamespace(path string, f func() error) error {
	return process.OnThread(func() error {
		n, err := os.Open(path)
		if err != nil {
			return err
		}
		defer n.Close()
		if err := unix.Setns(int(n.Fd()), unix.CLONE_NEWNET); err != nil {
			return err
		}
		return f()
	})
}

func listenIn(namespace, address string) (l net.Listener, err error) {
	err = inNamespace(namespace, func() (e error) {
		l, e = net.Listen("tcp", address)
		return e
	})
	return l, err
}

// dial connects to a machine from next to it.
func (w *world) dial(id, address string) (c net.Conn, err error) {
	err = inNamespace("/run/netns/pileus-"+w.cloud+"-"+id+"-r", func() (e error) {
		c, e = net.Dial("tcp", address)
		return e
	})
	return c, err
}

// machine makes all that a built-in machine needs.
func (w *world) machine(id string, metadata map[string]string) plane.Machine {
	w.t.Helper()
	w.volume("vol-"+id, true)
	w.network(id, metadata)
	return plane.Machine{
		ID: id, Hostname: "ip-10-0-0-5.ec2.internal", Image: plane.Image{ID: "ami-1", Kind: plane.BuiltIn},
		VCPUs: 1, MemoryMiB: 512, Root: plane.Attachment{Volume: "vol-" + id, Device: "/dev/xvda"},
		Guest: plane.Guest{User: "ec2-user", Environment: []string{"AWS_REGION=us-east-1"}},
	}
}

// boot boots a machine and waits until its user data has run.
func (w *world) boot(id string, metadata map[string]string) plane.Machine {
	w.t.Helper()
	m := w.machine(id, metadata)
	if err := w.machines.EnsureMachine(w.t.Context(), m); err != nil {
		w.t.Fatal(err)
	}
	w.ready(id)
	return m
}

// patience is how long tests wait for what should take no time.
var patience = planetest.Patient(60 * time.Second)

// hand is how the test gets at the machines, which another process may take
// over meanwhile.
func (w *world) hand() planetest.Hand {
	return planetest.Hand{T: w.t, Machines: w.machines, Patience: patience}
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

func (w *world) runAs(id, user, script string) (out string, exit int) {
	w.t.Helper()
	return w.hand().Run(id, user, script)
}
