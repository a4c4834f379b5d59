//go:build linux

package volume

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"pileus/plane"
	"pileus/plane/sealed"
)

// The file of an encrypted volume is ciphertext, and its key lies beside it,
// sealed under the cloud's master key. The file's name says what it is, so that
// no content can pass for another kind.
const (
	cipherSuffix = ".xts"
	keySuffix    = ".key"
)

func (s *Store) cipherFile(id string) string { return s.path(volumesDir, id+cipherSuffix) }
func (s *Store) keyFile(id string) string    { return s.path(volumesDir, id+keySuffix) }

// CanEncrypt implements plane.Volumes.
func (s *Store) CanEncrypt() error {
	if s.noFUSE != nil && (s.rootless || s.noLoop == nil) { // else it is never opened
		return fmt.Errorf("%w: %w", plane.ErrUnsupported, s.noFUSE)
	}
	return nil
}

// makeKey makes a key for a volume and keeps it, sealed. One that an attempt
// left behind is replaced.
func (s *Store) makeKey(id string) (*sealed.Key, error) {
	k, err := sealed.NewKey()
	if err != nil {
		return nil, err
	}
	b, err := k.Seal(s.masterKey(), id)
	if err != nil {
		return nil, fmt.Errorf("volume %s: %w", id, err)
	}
	f, err := os.OpenFile(s.keyFile(id), os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, err
	}
	_, err = f.Write(b)
	return k, errors.Join(err, f.Sync(), f.Close())
}

func (s *Store) masterKey() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.master
}

// key is the key of an encrypted volume.
func (s *Store) key(id string) (*sealed.Key, error) {
	b, err := os.ReadFile(s.keyFile(id))
	if err != nil {
		return nil, err
	}
	k, err := sealed.OpenKey(s.masterKey(), id, b)
	if err != nil {
		return nil, fmt.Errorf("volume %s: %w", id, err)
	}
	return k, nil
}

// dropKeys removes keys whose volumes a crash has left unmade, or half removed.
func (s *Store) dropKeys() {
	names, err := filepath.Glob(s.path(volumesDir, "*"+keySuffix))
	if err != nil {
		return // of a malformed pattern, which this is not
	}
	for _, name := range names {
		content := strings.TrimSuffix(name, keySuffix) + cipherSuffix
		if _, err := os.Stat(content); errors.Is(err, fs.ErrNotExist) {
			if err := os.Remove(name); err != nil {
				s.log.Warn("remove the key of no volume", "file", name, "err", err)
			}
		}
	}
}

// copyEncrypted makes to, which is empty, an encrypted copy of from.
func copyEncrypted(to, from *os.File, k *sealed.Key) error {
	w, buf := sealed.NewFile(to, k), make([]byte, 1<<20)
	return eachExtent(to, from, func(e plane.Extent) error {
		_, err := io.CopyBuffer(io.NewOffsetWriter(w, e.Offset), onlyReader{io.NewSectionReader(from, e.Offset, e.Length)}, buf)
		return err
	})
}

// onlyReader has io.CopyBuffer use its buffer.
type onlyReader struct{ io.Reader }

// nowhere is what the kernel says of a file of a mount that is in no folder.
const nowhere = "/"

// cipherLabel names the device of an encrypted volume. It is what a later
// process finds it by, and so says which folder's volume it is.
func (s *Store) cipherLabel(id string) string { return s.label(id) + "/" + s.folderID() }

func (s *Store) folderID() string {
	sum := sha256.Sum256([]byte(s.dir))
	return hex.EncodeToString(sum[:4])
}

// cipherVolume is the volume of ours that a label names.
func (s *Store) cipherVolume(label string) (id string, ours bool) {
	id, ours = strings.CutPrefix(label, s.label(""))
	if ours {
		id, ours = strings.CutSuffix(id, "/"+s.folderID())
	}
	return id, ours
}

// isBroken tells whether all I/O on the device of an open volume fails, because
// it is encrypted and has no cipher.
func (s *Store) isBroken(id string) bool {
	p, err := s.locate(id)
	return err == nil && p.encrypted && !s.hasCipher(id)
}

// attachEncrypted starts the volume's cipher and binds the file that it shows to
// a device.
func (s *Store) attachEncrypted(p place) (loop, error) {
	if s.noFUSE != nil {
		return 0, fmt.Errorf("%w: the volume is encrypted: %w", plane.ErrUnsupported, s.noFUSE)
	}
	label := s.cipherLabel(p.id)
	if len(label) > labelSize {
		return 0, fmt.Errorf("the id of an encrypted volume has at most %d characters", labelSize-len(s.cipherLabel("")))
	}
	st, err := os.Stat(p.path)
	if err != nil {
		return 0, err
	}
	clear, err := s.startCipher(p)
	if err != nil {
		return 0, err
	}
	d, err := s.bind(p.id, clear, label, st.Size())
	if cerr := clear.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		s.endCipher(p.id)
		return 0, err
	}
	if !s.hasCipher(p.id) { // it ended before there was a device that needed another
		return 0, errors.Join(fmt.Errorf("the process that encrypts it has ended%s", s.lastWords(p.id)), s.close(p.id, d))
	}
	d.readAhead(cipherAhead)
	return d, nil
}

// Of what is read in order, how much the kernel reads beforehand, in KiB: its
// own default, and more where each request takes longer.
const (
	usualAhead  = 128
	cipherAhead = 1024
)

// readAhead says how far to read ahead. It is only about speed.
func (d loop) readAhead(kib int) {
	_ = os.WriteFile("/sys/block/loop"+strconv.Itoa(int(d))+"/queue/read_ahead_kb", []byte(strconv.Itoa(kib)), 0)
}
