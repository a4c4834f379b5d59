//go:build linux

package qemu

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"pileus/clock"
	"pileus/plane"
	"pileus/plane/linux/process"
)

// birthLimit bounds how long QEMU may take until it answers.
const birthLimit = 60 * time.Second

func encode(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // of strings and numbers
	}
	return string(b)
}

// launch starts a machine and returns once its QEMU runs the guest. u.op is
// held and the machine does not run.
func (e *Engine) launch(ctx context.Context, u *unit, want plane.Machine) error {
	if err := e.Missing(); err != nil {
		return err
	}
	disks, err := e.disks(want)
	if err != nil {
		return err
	}
	s, err := e.prepare(u, want, disks[0].Path)
	if err != nil {
		return err
	}
	if err := os.WriteFile(u.file(authorityFile), want.Guest.Authority, 0o600); err != nil {
		return err
	}
	if err := e.cgroups.Create(u.id, limits(want)); err != nil {
		return fmt.Errorf("control groups: %w", err)
	}
	if err := e.allow(u.id, disks); err != nil {
		return err
	}
	cards, taps, err := e.plugAll(u.id)
	defer func() {
		for _, t := range taps {
			t.Close()
		}
	}()
	if err != nil {
		return err
	}
	err = u.change(func(r *record) {
		*r = record{Machine: want, Disks: disks, Cards: cards, Started: clock.Machine(), Agent: s.how == byProgram}
	})
	if err == nil && s.how == byProgram {
		err = e.writeSpec(u, want, disks)
	}
	if err != nil {
		return errors.Join(err, unplug(e.Network(u.id), cards), e.cgroups.Remove(u.id))
	}
	if err := e.bear(ctx, u, u.arguments(e.probe(), want, s, disks, cards), taps); err != nil {
		err = errors.Join(err, u.change(func(r *record) { r.Ended = "crashed" }), unplug(e.Network(u.id), cards), e.cgroups.Remove(u.id))
		return fmt.Errorf("boot machine %s: %w", u.id, err)
	}
	return nil
}

// disks are the machine's, the root first.
func (e *Engine) disks(want plane.Machine) (list []disk, err error) {
	for _, a := range append([]plane.Attachment{want.Root}, want.Volumes...) {
		d, err := e.diskOf(a)
		if err != nil {
			return nil, err
		}
		list = append(list, d)
	}
	return list, nil
}

// allow lets a guest's QEMU use its disks, and what runs the guest.
func (e *Engine) allow(id string, disks []disk) error {
	if e.Rootless {
		return nil // there is nobody to allow it
	}
	for _, d := range disks {
		n, err := d.node()
		if err == nil {
			err = e.cgroups.Allow(id, n, true)
		}
		if err != nil {
			return fmt.Errorf("allow %s: %w", d.Path, err)
		}
	}
	if e.probe().kvm != nil {
		return nil
	}
	n, err := deviceNode("/dev/kvm")
	if err == nil {
		err = e.cgroups.Allow(id, n, true)
	}
	return err
}

// plugAll makes the guest's ends of all interfaces that are in the machine's
// namespace.
func (e *Engine) plugAll(id string) (cards []card, taps []*os.File, err error) {
	path := e.Network(id)
	h, err := links(path)
	if err != nil {
		return nil, nil, err
	}
	defer h.Close()
	if cards, err = cardsOf(h); err != nil {
		return nil, nil, err
	}
	for _, c := range cards {
		t, err := plugIn(path, c)
		if err != nil {
			return cards, taps, err
		}
		taps = append(taps, t)
	}
	return cards, taps, nil
}

// bear starts QEMU and takes up the conversation with it.
func (e *Engine) bear(ctx context.Context, u *unit, args []string, taps []*os.File) error {
	monitor, err := u.listen(monitorFile)
	if err != nil {
		return err
	}
	defer monitor.Close()
	port, err := u.listen(agentFile)
	if err != nil {
		return err
	}
	defer port.Close()
	pid, err := e.start(u, args, append([]*os.File{monitor, port}, taps...))
	if err != nil {
		return err
	}
	born, err := process.BirthOf(pid)
	if err != nil {
		return err
	}
	p, err := process.Hold(pid, born, true)
	if err != nil {
		return errors.Join(err, unix.Kill(pid, unix.SIGKILL))
	}
	if err = u.change(func(r *record) { r.PID, r.Boot, r.Birth = pid, e.Boot, born }); err == nil {
		errors.Join(monitor.Close(), port.Close()) // or nobody would notice that QEMU ends
		bounded, cancel := context.WithTimeout(ctx, birthLimit)
		defer cancel()
		err = e.manage(bounded, u, p)
	}
	if err != nil {
		err = errors.Join(err, u.complaint(), p.Kill())
		p.Wait()
		p.Release()
	}
	return err
}

// complaint is what QEMU wrote before it ended.
func (u *unit) complaint() error {
	b, err := os.ReadFile(u.file(errorFile))
	if text := strings.TrimSpace(string(b)); text != "" && err == nil {
		return errors.New(text)
	}
	return err
}

// listen makes a socket on which QEMU answers.
func (u *unit) listen(name string) (*os.File, error) {
	path, done, err := u.short(name)
	if err != nil {
		return nil, err
	}
	defer done()
	if err := remove(u.file(name)); err != nil {
		return nil, err
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, err
	}
	l.SetUnlinkOnClose(false)
	defer l.Close()
	return l.File()
}

// start starts QEMU: in the machine's network namespace and control groups, in
// its folder, and in a session of its own.
func (e *Engine) start(u *unit, args []string, files []*os.File) (pid int, err error) {
	network, err := os.Open(e.Network(u.id))
	if err != nil {
		return 0, fmt.Errorf("network namespace: %w", err)
	}
	defer network.Close()
	null, err := os.Open(os.DevNull)
	if err != nil {
		return 0, err
	}
	defer null.Close()
	log, err := os.OpenFile(u.file(errorFile), os.O_RDWR|os.O_CREATE|os.O_TRUNC|os.O_APPEND, 0o600)
	if err != nil {
		return 0, err
	}
	defer log.Close()
	group, err := e.cgroups.Folder(u.id)
	if err != nil {
		return 0, err
	}
	attr := &syscall.ProcAttr{
		Dir: u.dir, Env: []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin"}, Sys: &syscall.SysProcAttr{Setsid: true},
		Files: []uintptr{null.Fd(), log.Fd(), log.Fd()},
	}
	if group != nil {
		defer group.Close()
		attr.Sys.UseCgroupFD, attr.Sys.CgroupFD = true, int(group.Fd())
	}
	for _, f := range files {
		attr.Files = append(attr.Files, f.Fd())
	}
	program := e.probe().program
	err = process.OnThread(func() error {
		if err := unix.Setns(int(network.Fd()), unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("enter the network namespace: %w", err)
		}
		if err := e.cgroups.Enter(u.id); err != nil {
			return fmt.Errorf("enter the control groups: %w", err)
		}
		pid, err = syscall.ForkExec(program, append([]string{program}, args...), attr)
		return err
	})
	return pid, err
}
