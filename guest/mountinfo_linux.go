package guest

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// mountPoint is a line of /proc/self/mountinfo.
type mountPoint struct {
	device string // "7:3"
	on     string
	kind   string
	source string
}

func mountPoints() (list []mountPoint, err error) {
	f, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return nil, err
	}
	defer f.Close()
	s := bufio.NewScanner(f)
	for s.Scan() {
		before, after, _ := strings.Cut(s.Text(), " - ")
		left, right := strings.Fields(before), strings.Fields(after)
		if len(left) >= 5 && len(right) >= 2 {
			list = append(list, mountPoint{left[2], unescape.Replace(left[4]), right[0], unescape.Replace(right[1])})
		}
	}
	return list, s.Err()
}

// unescape reads the kernel's way to write blanks in names.
var unescape = strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`)

// unmountDevice takes away all mounts of a device, the innermost first; files
// that are open on it stay with those who have them open.
func unmountDevice(major, minor uint32) error {
	list, err := mountPoints()
	if err != nil {
		return err
	}
	device := fmt.Sprintf("%d:%d", major, minor)
	for _, m := range slices.Backward(list) {
		if m.device == device {
			err = errors.Join(err, unix.Unmount(m.on, unix.MNT_DETACH))
		}
	}
	return err
}

// unmountAll takes away what was mounted since the start, so that it is whole
// when the machine is gone. A root that is shared with the host, because it was
// mounted there, is not to be changed.
func unmountAll(shared bool) {
	list, err := mountPoints()
	if err != nil {
		return
	}
	for _, m := range slices.Backward(list) {
		if strings.HasPrefix(m.source, "/dev/") && m.on != "/" {
			unix.Unmount(m.on, 0)
		}
	}
	unix.Sync()
	if shared {
		return
	}
	unix.Mount("", "/", "", unix.MS_REMOUNT|unix.MS_RDONLY, "")
}
