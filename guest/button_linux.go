package guest

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"unsafe"

	"golang.org/x/sys/unix"

	"pileus/guest/handoff"
)

// Events of input devices, as the kernel's input-event-codes.h has them.
const (
	keyEvent = 1
	powerKey = 116
)

// heedButton shuts the machine down when its power button is pressed.
func (m *machine) heedButton() {
	names, err := filepath.Glob("/dev/input/event*")
	if err != nil {
		return
	}
	for _, name := range names {
		f, err := os.Open(name)
		if err != nil {
			m.console.printf("pileus: the power button: %v\n", err)
			continue
		}
		go func() {
			defer f.Close()
			const head = int(unsafe.Sizeof(unix.Timeval{})) // when it was
			event := make([]byte, head+8)
			for {
				if n, err := f.Read(event); err != nil || n < len(event) {
					return
				}
				kind, code := binary.NativeEndian.Uint16(event[head:]), binary.NativeEndian.Uint16(event[head+2:])
				if kind == keyEvent && code == powerKey && binary.NativeEndian.Uint32(event[head+4:]) == 1 {
					m.stop(handoff.Shutdown)
				}
			}
		}()
	}
}
