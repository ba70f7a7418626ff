package os

import "errors"

// The program is not a file of any file system.
func executable() (string, error) {
	return "", errors.New("os: no executable file on tamago")
}
