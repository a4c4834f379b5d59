package main

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/spf13/cobra"

	"pileus/node"
)

// importPath takes the root file systems that become images.
const importPath = "/_pileus/images"

// imported is the cloud's answer.
type imported struct {
	ImageID, Name, Region string
	Bytes                 int64
}

func imageCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "image", Short: "Bring images that instances boot from",
		Example: "  pileus image import debian:12\n  pileus image debian bookworm",
	}
	return group(c, imageImportCommand(), imageDebianCommand())
}

func imageImportCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "import SOURCE",
		Short: "Make a machine image of an OCI image, a root file system or a disk",
		Long: `Make a machine image of an OCI image, a root file system or a disk. SOURCE is a
reference to a registry (debian:12, ghcr.io/owner/image:tag), a folder with an OCI
layout, an archive that "docker save" wrote, an archive of a root file system
(.tar, .tar.gz, .tar.zst), or a disk (raw, or qcow2, VMDK, VHD and VHDX, which
qemu-img then converts). Disks boot in virtual machines, for which QEMU has to be
installed. It is found by describe-images like every other image.`,
		Example: "  pileus image import debian:12\n  pileus image import ./rootfs.tar.gz --name my-linux --user admin\n  pileus image import ./debian-12-genericcloud-amd64.qcow2 --user debian --boot-mode uefi\n  pileus image import ./windows.vhdx --platform windows",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			archive, err := openImage(c.Context(), args[0])
			if err != nil {
				return err
			}
			defer archive.Close()
			return sendImage(c, archive, defaultImageName(args[0]), "from "+args[0])
		},
	}
	imageFlags(c)
	c.Flags().String("platform", "linux", "linux or windows")
	complete(c, "platform", "linux", "windows")
	c.Flags().String("boot-mode", "", "of a disk: legacy-bios, uefi or uefi-preferred (default: BIOS if it can)")
	complete(c, "boot-mode", "legacy-bios", "uefi", "uefi-preferred")
	return c
}

func imageDebianCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "debian [SUITE]",
		Short: "Make a machine image of a fresh Debian (with mmdebstrap)",
		Long: `Make a machine image of a fresh Debian with mmdebstrap, which has to be installed
and loads its packages from a Debian mirror.`,
		Example: "  pileus image debian bookworm --include openssh-server,curl",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			suite := "stable"
			if len(args) > 0 {
				suite = args[0]
			}
			include, _ := c.Flags().GetString("include")
			return debianImage(c, suite, include)
		},
	}
	imageFlags(c)
	c.Flags().String("include", "ca-certificates,iproute2", "packages beyond the smallest system, separated by commas")
	return c
}

func imageFlags(c *cobra.Command) {
	c.Flags().String("name", "", "name of the image (default: made of the source)")
	c.Flags().String("user", "", "login that the key pair opens (default: ec2-user)")
	c.Flags().String("region", "", "region of the image (default: the cloud's)")
}

// openImage opens what source names as the tar archive of a root file system.
func openImage(ctx context.Context, source string) (io.ReadCloser, error) {
	info, err := os.Stat(source)
	switch {
	case err == nil && info.IsDir():
		return fromLayout(source)
	case err == nil && diskFormat(source) != "":
		return openDisk(ctx, source, diskFormat(source))
	case err == nil && savedByDocker(source):
		img, err := tarball.ImageFromPath(source, nil)
		if err != nil {
			return nil, err
		}
		return mutate.Extract(img), nil
	case err == nil:
		return os.Open(source)
	}
	ref, err := name.ParseReference(source)
	if err != nil || strings.HasPrefix(source, ".") || strings.HasPrefix(source, "/") {
		return nil, fmt.Errorf("%s is no file, and no reference to an image in a registry", source)
	}
	img, err := remote.Image(ref, remote.WithContext(ctx), remote.WithPlatform(platform()))
	if err != nil {
		return nil, fmt.Errorf("load %s: %w", ref, err)
	}
	return mutate.Extract(img), nil
}

func platform() v1.Platform { return v1.Platform{OS: "linux", Architecture: runtime.GOARCH} }

// fromLayout takes the image of a layout that fits this machine.
func fromLayout(dir string) (io.ReadCloser, error) {
	index, err := layout.ImageIndexFromPath(dir)
	if err != nil {
		return nil, fmt.Errorf("%s is no OCI layout: %w", dir, err)
	}
	img, err := imageOf(index)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", dir, err)
	}
	return mutate.Extract(img), nil
}

func imageOf(index v1.ImageIndex) (v1.Image, error) {
	m, err := index.IndexManifest()
	if err != nil {
		return nil, err
	}
	want := platform()
	for _, d := range m.Manifests {
		if d.Platform != nil && !d.Platform.Satisfies(want) {
			continue
		}
		if d.MediaType.IsIndex() {
			inner, err := index.ImageIndex(d.Digest)
			if err != nil {
				return nil, err
			}
			return imageOf(inner)
		}
		return index.Image(d.Digest)
	}
	return nil, fmt.Errorf("there is no image for %s/%s", want.OS, want.Architecture)
}

// savedByDocker tells an archive of layers from one of files.
func savedByDocker(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	for r := tar.NewReader(f); ; {
		h, err := r.Next()
		if err != nil {
			return false // also where it is compressed, which docker's are not
		}
		if h.Name == "manifest.json" {
			return true
		}
	}
}

// defaultImageName makes a name of a source: "debian:12" becomes "debian-12".
func defaultImageName(source string) string {
	base := filepath.Base(source)
	for _, suffix := range []string{".gz", ".zst", ".xz", ".bz2", ".tar", ".raw", ".img", ".qcow2", ".vmdk", ".vhd", ".vhdx"} {
		base = strings.TrimSuffix(base, suffix)
	}
	return strings.NewReplacer(":", "-", "@", "-").Replace(base)
}

func debianImage(c *cobra.Command, suite, include string) error {
	program, err := exec.LookPath("mmdebstrap")
	if err != nil {
		return errors.New("mmdebstrap is not installed: `apt install mmdebstrap` installs it")
	}
	cmd := exec.CommandContext(c.Context(), program, "--variant=minbase", "--include="+include, "--format=tar", suite, "-")
	cmd.Stderr = c.ErrOrStderr()
	archive, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	err = sendImage(c, archive, "debian-"+suite, "Debian "+suite+", made by mmdebstrap")
	return errors.Join(err, cmd.Wait())
}

// sendImage has the cloud make an image of an archive, and tells its id.
func sendImage(c *cobra.Command, archive io.Reader, fallback, description string) error {
	k := connect(c)
	var s node.Status
	if err := k.do(c.Context(), http.MethodGet, "/_pileus/status", nil, &s); err != nil {
		return err
	}
	flag := func(name, def string) string {
		if v, _ := c.Flags().GetString(name); v != "" {
			return v
		}
		return def
	}
	q := url.Values{
		"account": {s.Account}, "region": {flag("region", s.Region)}, "name": {flag("name", fallback)},
		"user": {flag("user", "")}, "description": {description}, "platform": {flag("platform", "")}, "boot-mode": {flag("boot-mode", "")},
	}
	progress := &counted{Reader: archive, to: c.ErrOrStderr()}
	var out imported
	if err := k.do(c.Context(), http.MethodPost, importPath+"?"+q.Encode(), progress, &out); err != nil {
		return err
	}
	progress.end()
	fmt.Fprintf(c.OutOrStdout(), "%s\t%s\t%s\t%d MiB\n", out.ImageID, out.Name, out.Region, out.Bytes>>20)
	return nil
}

// counted tells how far a long upload has come.
type counted struct {
	io.Reader
	to    io.Writer
	bytes int64
	shown int64
}

func (r *counted) Read(b []byte) (int, error) {
	n, err := r.Reader.Read(b)
	r.bytes += int64(n)
	if mib := r.bytes >> 20; mib >= r.shown+16 {
		r.shown = mib
		fmt.Fprintf(r.to, "\r%d MiB", mib)
	}
	return n, err
}

func (r *counted) end() {
	if r.shown > 0 {
		fmt.Fprintln(r.to)
	}
}
