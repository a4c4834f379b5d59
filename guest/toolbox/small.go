//go:build linux

package toolbox

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

func tty(c *call) error {
	p, err := c.parse(options{letters: "s", long: map[string]string{"silent": "s", "quiet": "s"}}, false)
	if err != nil {
		return err
	}
	name := "not a tty"
	if _, err := unix.IoctlGetTermios(0, unix.TCGETS); err != nil {
		c.status = 1
	} else if name, err = os.Readlink("/proc/self/fd/0"); err != nil {
		return err
	}
	if !p.has("s") {
		c.printf("%s\n", name)
	}
	return nil
}

func truncate(c *call) error {
	p, err := c.parse(options{letters: "s:c", long: map[string]string{"size": "s:", "no-create": "c"}}, false)
	if err != nil {
		return err
	}
	value := p.value("s")
	if value == "" || len(p.args) == 0 {
		return usage("you must specify '--size' and a file")
	}
	n, err := size(strings.TrimLeft(value, "+-"))
	if err != nil {
		return err
	}
	flags := os.O_WRONLY | os.O_CREATE
	if p.has("c") {
		flags = os.O_WRONLY
	}
	for _, name := range p.args {
		f, err := os.OpenFile(name, flags, 0o666)
		if errors.Is(err, os.ErrNotExist) && p.has("c") {
			continue
		}
		if err != nil {
			c.complain(err)
			continue
		}
		to := n
		if i, e := f.Stat(); e == nil && value[0] == '+' {
			to = i.Size() + n
		} else if e == nil && value[0] == '-' {
			to = max(i.Size()-n, 0)
		}
		if err := errors.Join(f.Truncate(to), f.Close()); err != nil {
			c.complain(fmt.Errorf("%s: %w", name, err))
		}
	}
	return nil
}

// paste puts the lines of files beside each other, or with -s each file's in one line.
func paste(c *call) error {
	p, err := c.parse(options{letters: "sd:", long: map[string]string{"serial": "s", "delimiters": "d:"}}, false)
	if err != nil {
		return err
	}
	marks := []string{"\t"}
	if p.has("d") {
		marks = strings.Split(strings.NewReplacer(`\n`, "\n", `\t`, "\t", `\\`, `\`).Replace(p.value("d")), "")
	}
	if len(marks) == 0 {
		marks = []string{""}
	}
	var all [][]string
	most := 0
	err = c.each(p.args, func(r io.Reader, _ string) error {
		var list []string
		err := lines(r, func(l string) error { list = append(list, l); return nil })
		all, most = append(all, list), max(most, len(list))
		return err
	})
	if err != nil {
		return err
	}
	w := bufio.NewWriter(c.out)
	row := func(list []string) {
		for i, s := range list {
			if i > 0 {
				w.WriteString(marks[(i-1)%len(marks)])
			}
			w.WriteString(s)
		}
		w.WriteByte('\n')
	}
	if p.has("s") {
		for _, list := range all {
			row(list)
		}
		return w.Flush()
	}
	for i := range most {
		var list []string
		for _, f := range all {
			s := ""
			if i < len(f) {
				s = f[i]
			}
			list = append(list, s)
		}
		row(list)
	}
	return w.Flush()
}

// less shows a text a page at a time at a terminal, and copies it elsewhere.
func less(c *call) error {
	p, err := c.parse(options{letters: "RSNFXeEiMmn"}, false)
	if err != nil {
		return err
	}
	height := 0
	if s, err := unix.IoctlGetWinsize(1, unix.TIOCGWINSZ); err == nil {
		height = int(s.Row) - 1
	}
	keys, err := os.Open("/dev/tty")
	if err != nil || height < 1 {
		return c.each(p.args, func(r io.Reader, _ string) error { _, err := io.Copy(c.out, r); return err })
	}
	defer keys.Close()
	answers, shown := bufio.NewReader(keys), 0
	return c.each(p.args, func(r io.Reader, _ string) error {
		return lines(r, func(l string) error {
			if shown == height {
				c.printf("--More-- (Enter: a page, q: end) ")
				if a, err := answers.ReadString('\n'); err != nil || strings.HasPrefix(a, "q") {
					return exit(0)
				}
				shown = 0
			}
			shown++
			_, err := fmt.Fprintln(c.out, l)
			return err
		})
	})
}
