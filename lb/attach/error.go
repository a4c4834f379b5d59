package attach

import (
	"errors"

	"pileus/cloud"
)

// IsCode tells whether err is an answer with one of the codes.
func IsCode(err error, codes ...string) bool {
	var e *cloud.Error
	if !errors.As(err, &e) {
		return false
	}
	for _, code := range codes {
		if e.Code == code {
			return true
		}
	}
	return false
}
