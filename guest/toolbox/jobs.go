//go:build linux

package toolbox

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
	"mvdan.cc/sh/v3/expand"
	"mvdan.cc/sh/v3/interp"
	"mvdan.cc/sh/v3/syntax"
)

// The interpreter runs what is put into the background as goroutines, which
// would end with the shell. Scripts rely on processes: they outlive the script,
// have numbers, and are waited for. So before a script runs, each "x &" in it
// becomes a call of a command of our own, and "$!" a variable.
const (
	background = "__pileus_background"
	lastJob    = "__pileus_last"
	thisShell  = "__pileus_shell" // "$$" in what runs in the background
)

// separate rewrites a script so that its background commands are processes.
func separate(node syntax.Node) {
	syntax.Walk(node, func(n syntax.Node) bool {
		switch x := n.(type) {
		case *syntax.Stmt:
			if x.Background {
				var text strings.Builder
				renameNumber(x)
				redirs := x.Redirs
				inside, outside := partRedirections(redirs)
				x.Background, x.Redirs = false, inside
				if syntax.NewPrinter().Print(&text, x) != nil {
					x.Background, x.Redirs = true, redirs
					return true
				}
				word := &syntax.Word{Parts: []syntax.WordPart{&syntax.SglQuoted{Dollar: false, Value: text.String()}}}
				plain := "no"
				if simple(x) {
					plain = "yes"
				}
				x.Redirs, x.Negated = outside, false
				x.Cmd = &syntax.CallExpr{Args: []*syntax.Word{literal(background), literal(plain), word}}
				return false
			}
		case *syntax.ParamExp:
			if x.Param != nil && x.Param.Value == "!" {
				x.Param.Value = lastJob
			}
		}
		return true
	})
}

// renameNumber has "$$" be the shell's also in the process for a background
// command, which is another.
func renameNumber(stmt *syntax.Stmt) {
	syntax.Walk(stmt, func(n syntax.Node) bool {
		if x, ok := n.(*syntax.ParamExp); ok && x.Param != nil && x.Param.Value == "$" {
			x.Param.Value, x.Short = thisShell, false
		}
		return true
	})
}

// partRedirections tells what a background process redirects itself, its input,
// from what is redirected before it starts: it is to have nothing else open, so
// that who reads what the script writes does not wait for it.
func partRedirections(all []*syntax.Redirect) (inside, outside []*syntax.Redirect) {
	for _, r := range all {
		switch r.Op {
		case syntax.RdrIn, syntax.Hdoc, syntax.DashHdoc, syntax.WordHdoc, syntax.DplIn, syntax.RdrInOut:
			inside = append(inside, r)
		default:
			outside = append(outside, r)
		}
	}
	return inside, outside
}

func literal(s string) *syntax.Word {
	return &syntax.Word{Parts: []syntax.WordPart{&syntax.Lit{Value: s}}}
}

// simple tells whether a statement is one program, which can take the place of
// the shell that is started for it.
func simple(s *syntax.Stmt) bool {
	c, ok := s.Cmd.(*syntax.CallExpr)
	if !ok || s.Negated || len(c.Assigns) > 0 || len(c.Args) == 0 {
		return false
	}
	name := c.Args[0].Lit()
	return name != "" && !interp.IsBuiltin(name)
}

// start puts a statement into the background.
func (s *shell) start(ctx context.Context, plain bool, text string) ([]string, error) {
	h := interp.HandlerCtx(ctx)
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	var script strings.Builder
	var env []string
	if !h.Env.Get(thisShell).IsSet() {
		fmt.Fprintf(&script, "%s=%d\n", thisShell, os.Getpid())
	}
	for name, v := range h.Env.Each {
		switch {
		case v.Exported && v.Kind == expand.String:
			env = append(env, name+"="+v.Str)
		case v.Kind == expand.String && v.IsSet() && !v.ReadOnly:
			if q, err := syntax.Quote(v.Str, syntax.LangBash); err == nil {
				fmt.Fprintf(&script, "%s=%s\n", name, q)
			}
		case v.Kind == expand.Indexed:
			fmt.Fprintf(&script, "%s=(", name)
			for _, e := range v.List {
				if q, err := syntax.Quote(e, syntax.LangBash); err == nil {
					fmt.Fprintf(&script, "%s ", q)
				}
			}
			script.WriteString(")\n")
		}
	}
	for name, body := range s.runner.Funcs {
		if name == strings.Fields(text + " x")[0] {
			plain = false
		}
		fmt.Fprintf(&script, "%s() ", name)
		syntax.NewPrinter().Print(&script, body)
		script.WriteString("\n")
	}
	if plain {
		script.WriteString("exec ")
	}
	script.WriteString(text)
	c := exec.Command(self, append([]string{"-c", script.String(), s.c.name}, s.runner.Params...)...)
	c.Args[0], c.Dir, c.Env = "sh", h.Dir, env
	c.Stdout, c.Stderr = h.Stdout, h.Stderr
	// At a terminal a job has a group of its own: Ctrl-C does not reach it, and
	// it goes on when the user logs out.
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: s.interactive && !s.command}
	job, err := s.jobs.start(c, strings.TrimSpace(strings.ReplaceAll(text, "\n", " ")))
	if err != nil {
		return nil, err
	}
	if s.jobs.controlled {
		fmt.Fprintf(s.c.errors, "[%d] %d\n", job.number, c.Process.Pid)
	}
	return []string{"eval", fmt.Sprintf("%s=%d", lastJob, c.Process.Pid)}, nil
}

// umask is the process's own, which its programs inherit.
func umask(ctx context.Context, args []string) ([]string, error) {
	h := interp.HandlerCtx(ctx)
	if len(args) == 0 {
		old := unix.Umask(0)
		unix.Umask(old)
		fmt.Fprintf(h.Stdout, "%04o\n", old)
		return []string{"true"}, nil
	}
	mask, err := strconv.ParseUint(args[0], 8, 12)
	if err != nil {
		fmt.Fprintf(h.Stderr, "umask: %s: octal number out of range\n", args[0])
		return []string{"false"}, nil
	}
	unix.Umask(int(mask))
	return []string{"true"}, nil
}
