package guest

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/klauspost/compress/gzip"
)

// part is one piece of user data.
type part struct {
	kind string // its MIME type
	body []byte
}

// The kinds of parts that are acted upon.
const (
	scriptPart  = "text/x-shellscript"
	configPart  = "text/cloud-config"
	hookPart    = "text/cloud-boothook"
	unknownPart = "text/x-not-multipart"
)

// maxDepth bounds multipart messages within others.
const maxDepth = 4

// userDataParts takes user data apart: compressed, in several parts, or one
// thing by its first line.
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/user-data.html
func userDataParts(data []byte, depth int) ([]part, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("user data: more than %d messages within one another", maxDepth)
	}
	if bytes.HasPrefix(data, []byte{0x1f, 0x8b}) {
		r, err := gzip.NewReader(bytes.NewReader(data))
		if err != nil {
			return nil, fmt.Errorf("user data: %w", err)
		}
		plain, err := io.ReadAll(io.LimitReader(r, userDataLimit))
		if err != nil {
			return nil, fmt.Errorf("user data: %w", err)
		}
		return userDataParts(plain, depth+1)
	}
	text := bytes.TrimLeft(data, "\r\n\t ")
	first, _, _ := bytes.Cut(text, []byte("\n"))
	lower := strings.ToLower(string(first))
	switch {
	case len(text) == 0:
		return nil, nil
	case strings.HasPrefix(lower, "content-type:"), strings.HasPrefix(lower, "mime-version:"):
		return messageParts(text, depth)
	case strings.HasPrefix(lower, "#cloud-config"):
		return []part{{configPart, text}}, nil
	case strings.HasPrefix(lower, "#cloud-boothook"):
		return []part{{hookPart, text}}, nil
	case strings.HasPrefix(lower, "#!"):
		return []part{{scriptPart, text}}, nil
	}
	return []part{{unknownPart, data}}, nil
}

// messageParts reads a MIME message.
func messageParts(text []byte, depth int) ([]part, error) {
	msg, err := mail.ReadMessage(bytes.NewReader(text))
	if err != nil {
		return nil, fmt.Errorf("user data: %w", err)
	}
	return bodyParts(msg.Header.Get("Content-Type"), msg.Header.Get("Content-Transfer-Encoding"), msg.Body, depth)
}

func bodyParts(kind, encoding string, body io.Reader, depth int) (all []part, err error) {
	media, params, err := mime.ParseMediaType(kind)
	if err != nil {
		media = "text/plain"
	}
	if strings.HasPrefix(media, "multipart/") {
		for r := multipart.NewReader(body, params["boundary"]); ; {
			p, err := r.NextRawPart()
			if err == io.EOF {
				return all, nil
			}
			if err != nil {
				return nil, fmt.Errorf("user data: %w", err)
			}
			if depth >= maxDepth {
				return nil, fmt.Errorf("user data: more than %d messages within one another", maxDepth)
			}
			inner, err := bodyParts(p.Header.Get("Content-Type"), p.Header.Get("Content-Transfer-Encoding"), p, depth+1)
			if err != nil {
				return nil, err
			}
			all = append(all, inner...)
		}
	}
	switch strings.ToLower(strings.TrimSpace(encoding)) {
	case "base64":
		body = base64.NewDecoder(base64.StdEncoding, body)
	case "quoted-printable":
		body = quotedprintable.NewReader(body)
	}
	b, err := io.ReadAll(io.LimitReader(body, userDataLimit))
	if err != nil {
		return nil, fmt.Errorf("user data: %w", err)
	}
	switch media {
	case scriptPart, configPart, hookPart:
		return []part{{media, b}}, nil
	}
	return userDataParts(b, depth+1) // by its first line
}

// runUserData runs what the user gave the machine, in the order in which
// cloud-init does: hooks and configuration before scripts.
func (m *machine) runUserData(ctx context.Context, data []byte) {
	log, err := os.OpenFile(outputLog, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o640)
	if err != nil {
		m.console.printf("pileus: user data: %v\n", err)
		return
	}
	r := &runner{m: m, ctx: ctx, out: io.MultiWriter(m.console, log)}
	defer func() {
		go func() {
			r.copies.Wait() // what user data has left in the background writes on
			log.Close()
		}()
	}()
	parts, err := userDataParts(data, 0)
	if err != nil {
		r.printf("%v", err)
		return
	}
	for i, p := range parts {
		if p.kind == hookPart {
			r.script(fmt.Sprintf("boothooks/part-%03d", i+1), p.body)
		}
	}
	var configs []*cloudConfig
	for _, p := range parts {
		if p.kind != configPart {
			continue
		}
		c, err := parseCloudConfig(p.body)
		if err != nil {
			r.printf("cloud-config: %v", err)
			continue
		}
		configs = append(configs, c)
		r.configure(c)
	}
	for i, p := range parts {
		switch p.kind {
		case scriptPart:
			r.script(fmt.Sprintf("scripts/part-%03d", i+1), p.body)
		case unknownPart:
			first, _, _ := bytes.Cut(p.body, []byte("\n"))
			r.printf("Unhandled non-multipart (%s) userdata: '%.40s...'", unknownPart, first)
		}
	}
	for _, c := range configs {
		r.finish(c)
	}
}

// runner runs what user data asks for, with its output in the log and on the
// console.
type runner struct {
	m   *machine
	ctx context.Context
	out io.Writer

	copies sync.WaitGroup // of what programs write
}

func (r *runner) printf(format string, args ...any) { fmt.Fprintf(r.out, format+"\n", args...) }

// script writes a script to a file and runs that.
func (r *runner) script(name string, text []byte) {
	file := filepath.Join(cloudFolder, "instance", name)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		r.printf("%v", err)
		return
	}
	if bytes.HasPrefix(text, []byte("#cloud-boothook")) {
		_, text, _ = bytes.Cut(text, []byte("\n"))
		text = append([]byte("#!/bin/sh\n"), text...)
	}
	if err := os.WriteFile(file, text, 0o700); err != nil {
		r.printf("%v", err)
		return
	}
	if exit, err := r.command(file); err != nil {
		r.printf("%s: %v", file, err)
	} else if exit != 0 {
		r.printf("%s: exit status %d", file, exit)
	}
}

// command runs a program as root until it ends or the machine does.
func (r *runner) command(args ...string) (exit int, err error) {
	root, err := findAccount("root")
	if err != nil {
		return 0, err
	}
	env := r.m.environment(root)
	path, err := lookProgram(args[0], env, "/")
	if err != nil {
		return 127, err
	}
	read, write, err := os.Pipe()
	if err != nil {
		return 0, err
	}
	null, err := os.Open(os.DevNull)
	if err != nil {
		read.Close()
		write.Close()
		return 0, err
	}
	defer null.Close()
	c, err := r.m.children.start(path, args, &syscall.ProcAttr{
		Dir: "/", Env: env, Files: []uintptr{null.Fd(), write.Fd(), write.Fd()}, Sys: &syscall.SysProcAttr{Setsid: true},
	})
	write.Close()
	if err != nil {
		read.Close()
		return 126, err
	}
	stop := context.AfterFunc(r.ctx, func() { unix.Kill(-c.pid, unix.SIGKILL) })
	defer stop()
	copied := make(chan struct{})
	r.copies.Go(func() {
		io.Copy(r.out, read) // goes on for what the script leaves in the background
		read.Close()
		close(copied)
	})
	status := <-c.done
	bounded, cancel := context.WithTimeout(context.Background(), again)
	defer cancel()
	select {
	case <-copied:
	case <-bounded.Done():
	}
	return exitCode(status), nil
}
