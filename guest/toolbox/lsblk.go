//go:build linux

package toolbox

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

func lsblk(c *call) error {
	p, err := c.parse(options{letters: "fbndlpo:a", long: map[string]string{"fs": "f", "noheadings": "n", "output": "o:", "bytes": "b", "list": "l"}}, false)
	if err != nil {
		return err
	}
	list, err := disks()
	if err != nil {
		return err
	}
	on, err := mounts()
	if err != nil {
		return err
	}
	columns := []string{"NAME", "MAJ:MIN", "RM", "SIZE", "RO", "TYPE", "MOUNTPOINTS"}
	if p.has("f") {
		columns = []string{"NAME", "FSTYPE", "UUID", "MOUNTPOINTS"}
	}
	if p.has("o") {
		columns = strings.Split(strings.ToUpper(p.value("o")), ",")
	}
	for _, k := range columns {
		if blockWidths[k] == 0 {
			return said("unknown column: " + k)
		}
	}
	line := func(value func(column string) string) {
		var b strings.Builder
		for _, k := range columns {
			fmt.Fprintf(&b, "%*s ", blockWidths[k], value(k))
		}
		c.printf("%s\n", strings.TrimRight(b.String(), " "))
	}
	if !p.has("n") {
		line(func(column string) string { return column })
	}
	for _, a := range p.args {
		if !slices.ContainsFunc(list, func(d disk) bool { return "/dev/"+d.name == a }) {
			c.complain(said(a + ": not a block device"))
		}
	}
	for _, d := range list {
		if len(p.args) > 0 && !slices.Contains(p.args, "/dev/"+d.name) {
			continue
		}
		values := d.columns(on, p.has("b"))
		if p.has("p") {
			values["NAME"] = values["PATH"]
		}
		line(func(column string) string { return values[column] })
	}
	return nil
}

// blockWidths are the columns of lsblk, below zero for those to the left.
var blockWidths = map[string]int{
	"NAME": -8, "KNAME": -8, "PATH": -13, "MAJ:MIN": 7, "RM": 2, "SIZE": 6, "RO": 2, "TYPE": -4, "FSTYPE": -6, "UUID": -36, "MOUNTPOINT": -10, "MOUNTPOINTS": -11,
}

// columns are what lsblk tells of a disk. Who may not read the disk learns of
// its file system where that is mounted.
func (d disk) columns(on []mounted, exact bool) map[string]string {
	name, device := "/dev/"+d.name, fmt.Sprintf("%d:%d", d.major, d.minor)
	kind, uuid := fileSystem(name)
	var points []string
	for _, m := range on {
		if m.device == device && d.major > 0 || m.source == name {
			points = append(points, m.on)
			kind = cmp.Or(kind, m.kind)
		}
	}
	length, ro := human(d.bytes), "0"
	if exact {
		length = strconv.FormatUint(d.bytes, 10)
	}
	if d.readOnly {
		ro = "1"
	}
	return map[string]string{
		"NAME": d.name, "KNAME": d.name, "PATH": name, "MAJ:MIN": device, "RM": "0", "SIZE": length, "RO": ro, "TYPE": "disk",
		"FSTYPE": kind, "UUID": uuid, "MOUNTPOINT": strings.Join(points[:min(1, len(points))], ""), "MOUNTPOINTS": strings.Join(points, ","),
	}
}
