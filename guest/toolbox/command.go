//go:build linux

package toolbox

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
	"mvdan.cc/sh/v3/interp"
	"mvdan.cc/sh/v3/syntax"
)

// call is asked about every command before it runs and may replace it: by what
// the interpreter has not, and first by what is to be done about a signal.
func (s *shell) call(ctx context.Context, args []string) ([]string, error) {
	h := interp.HandlerCtx(ctx)
	// An exit may be that of a subshell, which the action would end in its place.
	if args[0] != background && args[0] != "exit" {
		if trap := s.traps.pending(); trap != "" {
			return []string{"eval", trap + "\n" + quoted(args)}, nil
		}
	}
	switch args[0] {
	case background:
		return s.start(ctx, args[1] == "yes", args[2])
	case "wait":
		return s.wait(args[1:])
	case "jobs":
		return s.listJobs(h, args[1:])
	case "fg", "bg":
		return s.resume(args, args[0] == "fg")
	case "disown":
		return s.disown(args[1:])
	case "kill": // which the interpreter has not
		path, err := interp.LookPathDir(h.Dir, h.Env, "kill")
		if err != nil {
			return args, nil
		}
		s.traps.expect(args[1:])
		if len(args) > 1 && args[1] != "" && args[1][0] == '%' {
			args = slices.Insert(args, 1, "-TERM") // or what follows would be the signal
		}
		for i, a := range args {
			if n := s.jobs.find(a); n != nil && a[0] == '%' {
				args[i] = strconv.Itoa(n.group)
				if s.jobs.controlled {
					args[i] = "-" + args[i]
				}
			}
		}
		return append([]string{path}, args[1:]...), nil
	case "trap":
		return s.trap(h, args)
	case "printf":
		return s.printf(h, args)
	case "read":
		return s.read(h, args)
	case "cd":
		return s.cd(h, args)
	case "ulimit":
		return ulimit(h, args[1:])
	case "history":
		return s.showHistory(h, args[1:])
	case "umask":
		return umask(ctx, args[1:])
	case "exec":
		s.jobs.replace = len(args) > 1
	}
	return args, nil
}

// quoted is a command as a script has it.
func quoted(args []string) string {
	words := make([]string, len(args))
	for i, a := range args {
		q, err := syntax.Quote(a, syntax.LangBash)
		if err != nil {
			q = "''"
		}
		words[i] = q
	}
	return strings.Join(words, " ")
}

func (s *shell) listJobs(h interp.HandlerContext, args []string) ([]string, error) {
	numbers := len(args) > 0 && args[0] == "-p"
	long := len(args) > 0 && args[0] == "-l"
	for _, n := range slices.Clone(s.jobs.list) {
		for _, c := range slices.Clone(n.running) {
			s.jobs.await(n, c, true)
		}
		switch line := s.jobs.describe(n); {
		case numbers:
			fmt.Fprintln(h.Stdout, n.group)
		case long:
			fmt.Fprintf(h.Stdout, "%s %d %s\n", line[:4], n.group, strings.TrimLeft(line[4:], " "))
		default:
			fmt.Fprintln(h.Stdout, line)
		}
		if len(n.running) == 0 {
			s.jobs.forget(n)
		}
	}
	return []string{"true"}, nil
}

// disown makes jobs that the shell knows nothing of any more.
func (s *shell) disown(names []string) ([]string, error) {
	if len(names) > 0 && strings.HasPrefix(names[0], "-") {
		names = names[1:]
	}
	if len(names) == 0 {
		names = []string{"%%"}
	}
	for _, name := range names {
		n := s.jobs.find(name)
		if n == nil {
			fmt.Fprintf(s.c.errors, "%s: disown: %s: no such job\n", s.c.name, strings.TrimPrefix(name, "%%"))
			return []string{"false"}, nil
		}
		s.jobs.forget(n)
	}
	return []string{"true"}, nil
}

// cd says what is wrong with a folder as bash does.
func (s *shell) cd(h interp.HandlerContext, args []string) ([]string, error) {
	if v := h.Env.Get("OLDPWD"); len(args) == 2 && args[1] == "-" && v.Str == "" {
		fmt.Fprintf(h.Stderr, "%s: cd: OLDPWD not set\n", s.where(h))
		return []string{"false"}, nil
	}
	if len(args) != 2 || strings.HasPrefix(args[1], "-") {
		return args, nil
	}
	dir := args[1]
	if !filepath.IsAbs(dir) {
		dir = filepath.Join(h.Dir, dir)
	}
	what := ""
	switch i, err := os.Stat(dir); {
	case os.IsNotExist(err):
		what = "No such file or directory"
	case err == nil && !i.IsDir():
		what = "Not a directory"
	case err != nil || unix.Access(dir, unix.X_OK) != nil:
		what = "Permission denied"
	default:
		return args, nil
	}
	fmt.Fprintf(h.Stderr, "%s: cd: %s: %s\n", s.where(h), args[1], what)
	return []string{"false"}, nil
}

// ulimit shows and sets the limits of this process, which its programs inherit.
func ulimit(h interp.HandlerContext, args []string) ([]string, error) {
	kinds := map[byte]struct{ kind, unit int }{
		'c': {unix.RLIMIT_CORE, 1024}, 'f': {unix.RLIMIT_FSIZE, 1024}, 'n': {unix.RLIMIT_NOFILE, 1}, 'u': {unix.RLIMIT_NPROC, 1},
		's': {unix.RLIMIT_STACK, 1024}, 't': {unix.RLIMIT_CPU, 1}, 'v': {unix.RLIMIT_AS, 1024}, 'm': {unix.RLIMIT_RSS, 1024}, 'l': {unix.RLIMIT_MEMLOCK, 1024},
	}
	letter, hard, value := byte('f'), false, ""
	for _, a := range args {
		if !strings.HasPrefix(a, "-") {
			value = a
			continue
		}
		for _, l := range []byte(a[1:]) {
			if l == 'H' {
				hard = true
			} else if l != 'S' {
				letter = l
			}
		}
	}
	k, ok := kinds[letter]
	var limit unix.Rlimit
	if !ok || unix.Getrlimit(k.kind, &limit) != nil {
		fmt.Fprintf(h.Stderr, "ulimit: -%c: invalid option\n", letter)
		return []string{"eval", "(exit 2)"}, nil
	}
	if value != "" {
		n := uint64(unix.RLIM_INFINITY)
		if value != "unlimited" {
			v, err := strconv.ParseUint(value, 10, 32)
			if err != nil {
				fmt.Fprintf(h.Stderr, "ulimit: %s: invalid number\n", value)
				return []string{"false"}, nil
			}
			n = v * uint64(k.unit)
		}
		limit.Cur = n
		if !strings.Contains(strings.Join(args, " "), "S") {
			limit.Max = n
		}
		if err := unix.Setrlimit(k.kind, &limit); err != nil {
			fmt.Fprintf(h.Stderr, "ulimit: cannot modify limit: %s\n", sentence(err))
			return []string{"false"}, nil
		}
		return []string{"true"}, nil
	}
	n := limit.Cur
	if hard {
		n = limit.Max
	}
	if n == unix.RLIM_INFINITY {
		fmt.Fprintln(h.Stdout, "unlimited")
	} else {
		fmt.Fprintln(h.Stdout, n/uint64(k.unit))
	}
	return []string{"true"}, nil
}
