package pebble

import (
	"errors"
	"strings"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/atomicfs"
)

// formatMarker is Pebble's name for the file that tells a store's format.
const formatMarker = "format-version"

// layFormat gives a store that does not exist yet the newest format from the
// beginning. Pebble would make it in its oldest format and then step through
// all the others, with two syncs for each; and it refuses a store whose making
// was cut short between its manifest and this mark.
func layFormat(fs vfs.FS, dir string) error {
	names, err := fs.List(dir)
	if err != nil {
		return err
	}
	for _, n := range names {
		if strings.HasPrefix(n, "marker.") || strings.HasPrefix(n, "MANIFEST-") || n == "CURRENT" {
			return nil
		}
	}
	m, _, err := atomicfs.LocateMarker(fs, dir, formatMarker)
	if err != nil {
		return err
	}
	return errors.Join(m.Move(pebble.FormatNewest.String()), m.Close())
}
