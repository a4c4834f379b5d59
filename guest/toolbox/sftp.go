//go:build linux

package toolbox

import (
	"io"
	"os"

	"github.com/pkg/sftp"
)

// sftpServer serves the files of the user as whom it runs.
func sftpServer(*call) error {
	s, err := sftp.NewServer(struct {
		io.Reader
		io.WriteCloser
	}{os.Stdin, os.Stdout})
	if err != nil {
		return err
	}
	if err := s.Serve(); err != nil && err != io.EOF {
		return err
	}
	return nil
}
