//go:build linux

package toolbox

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/signal"
	"os/user"
	"strings"
	"syscall"

	"pileus/guest/handoff"
)

// askInit sends the first process a request.
func askInit(ctx context.Context, r handoff.Request, files ...*os.File) (handoff.Answer, error) {
	c, err := net.Dial("unix", handoff.Inside)
	if err != nil {
		return handoff.Answer{}, fmt.Errorf("the first process does not answer: %w", err)
	}
	defer c.Close()
	return handoff.Ask(ctx, c.(*net.UnixConn), r, files...)
}

// shutdown is shutdown, poweroff, halt, reboot and init.
func shutdown(c *call) error {
	restart := c.name == "reboot"
	for _, a := range c.args {
		switch a {
		case "-r", "--reboot", "6":
			restart = true
		case "-h", "-P", "-H", "-p", "-f", "-n", "now", "+0", "0", "--poweroff", "--halt", "--force":
		default:
			if c.name == "shutdown" && len(a) > 1 && a[0] == '+' {
				return fmt.Errorf("only \"now\" is supported, not %q", a)
			}
			return usage(fmt.Sprintf("unexpected argument %q", a))
		}
	}
	if c.name == "init" && (len(c.args) != 1 || c.args[0] != "0" && c.args[0] != "6") {
		return usage("init 0 powers off, init 6 reboots")
	}
	_, err := askInit(c.ctx, handoff.Request{Do: handoff.Stop, Restart: restart})
	return err
}

// systemctl steers services, which the first process runs.
func systemctl(c *call) error {
	var args []string
	now := false
	for _, a := range c.args {
		switch {
		case a == "--now":
			now = true
		case strings.HasPrefix(a, "-"): // --quiet, --no-pager, --type=service
		default:
			args = append(args, a)
		}
	}
	if len(args) > 0 && (args[0] == "poweroff" || args[0] == "halt" || args[0] == "reboot") {
		return shutdown(&call{ctx: c.ctx, name: args[0], errors: c.errors, out: c.out})
	}
	if err := c.service(args); err != nil {
		return err
	}
	if now && len(args) > 1 {
		return c.service(append([]string{map[string]string{"enable": "start", "disable": "stop"}[args[0]]}, args[1:]...))
	}
	return nil
}

func (c *call) service(args []string) error {
	out, ok := c.out.(*os.File)
	if !ok {
		out = os.Stdout
	}
	a, err := askInit(c.ctx, handoff.Request{Do: handoff.Service, Args: args}, os.Stdin, out)
	if err != nil {
		c.complain(err)
		return exit(max(a.Exit, 1))
	}
	if a.Exit != 0 && args[0] != "start" && args[0] != "restart" && args[0] != "enable" && args[0] != "disable" {
		return exit(a.Exit)
	}
	return nil
}

// service is systemctl with its arguments the other way round.
func service(c *call) error {
	if len(c.args) < 2 {
		return usage("service NAME start|stop|restart|status")
	}
	return c.service([]string{c.args[1], c.args[0]})
}

// sudo runs a command as root, or as another user, by asking the first process.
func sudo(c *call) error {
	user, args := "root", c.args
	shellWanted, login := false, false
	for len(args) > 0 && strings.HasPrefix(args[0], "-") {
		a := args[0]
		args = args[1:]
		switch {
		case a == "--":
		case a == "-u" && len(args) > 0:
			user, args = args[0], args[1:]
			continue
		case strings.HasPrefix(a, "--user="):
			user = strings.TrimPrefix(a, "--user=")
			continue
		case a == "-v" || a == "--validate" || a == "-l" || a == "--list":
			err := c.runAs(user, []string{"true"}, false)
			if host, _ := os.Hostname(); err == exit(0) && (a == "-l" || a == "--list") {
				c.printf("User %s may run the following commands on %s:\n    (ALL) NOPASSWD: ALL\n", userName(os.Getuid()), host)
			}
			return err
		case a == "-i" || a == "--login":
			shellWanted, login = true, true
			continue
		case a == "-s" || a == "--shell":
			shellWanted = true
			continue
		case strings.Trim(a, "-nEHSkb") == "" || a == "--non-interactive" || a == "--preserve-env":
			continue
		default:
			return usage(fmt.Sprintf("unrecognized option %q", a))
		}
		break
	}
	return c.runAs(user, asShell(args, shellWanted, login), login)
}

// asShell is a shell, or a command in a shell, where one is wanted.
func asShell(args []string, wanted, login bool) []string {
	if !wanted {
		return args
	}
	sh := []string{"/bin/sh"}
	if login {
		sh = append(sh, "-l")
	}
	if len(args) > 0 {
		sh = append(sh, "-c", strings.Join(args, " "))
	}
	return sh
}

// su is a shell as another user.
func su(c *call) error {
	p, err := c.parse(options{letters: "lc:s:", long: map[string]string{"login": "l", "command": "c:", "shell": "s:"}}, false)
	if err != nil {
		return err
	}
	user, login := "root", p.has("l")
	for _, a := range p.args {
		if a == "-" {
			login = true
			continue
		}
		user = a
		break
	}
	var command []string
	if p.has("c") {
		command = []string{p.value("c")}
	}
	return c.runAs(user, asShell(command, true, login), login)
}

// runAs runs a command as another user and ends as it ends.
func (c *call) runAs(user string, args []string, login bool) error {
	if len(args) == 0 {
		return usage("no command")
	}
	var env []string
	for _, e := range os.Environ() {
		name, _, _ := strings.Cut(e, "=")
		switch name {
		case "TERM", "LANG", "SSH_CONNECTION", "SSH_CLIENT", "SSH_TTY":
			env = append(env, e)
		}
	}
	env = append(env, "SUDO_USER="+userName(os.Getuid()), fmt.Sprintf("SUDO_UID=%d", os.Getuid()))
	for len(args) > 0 && strings.Contains(args[0], "=") && !strings.Contains(args[0], "/") {
		env, args = append(env, args[0]), args[1:]
	}
	dir, err := os.Getwd()
	if err != nil {
		dir = "/"
	}
	if login {
		dir = homeOf(user)
	}
	conn, err := net.Dial("unix", handoff.Inside)
	if err != nil {
		return fmt.Errorf("the first process does not answer: %w", err)
	}
	defer conn.Close()
	u := conn.(*net.UnixConn)
	forwardSignals(u)
	a, err := handoff.Ask(c.ctx, u, handoff.Request{Do: handoff.Run, Args: args, Env: env, Dir: dir, User: user}, os.Stdin, os.Stdout, os.Stderr)
	if err != nil {
		c.complain(err)
		return exit(max(a.Exit, 1))
	}
	return exit(a.Exit)
}

// homeOf is where a login begins.
func homeOf(name string) string {
	u, err := user.Lookup(name)
	if err != nil {
		return "/"
	}
	return u.HomeDir
}

// forwardSignals passes signals on to the command, whose process group is
// another one.
func forwardSignals(u *net.UnixConn) {
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGQUIT, syscall.SIGHUP, syscall.SIGWINCH, syscall.SIGTSTP)
	go func() {
		for s := range signals {
			if s == syscall.SIGTSTP {
				continue // what is asked for here runs in a session of its own, and would go on
			}
			u.Write([]byte{byte(s.(syscall.Signal))})
		}
	}()
}
