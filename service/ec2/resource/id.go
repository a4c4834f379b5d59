package resource

import (
	"strings"

	"pileus/cloud"
)

const (
	hexDigits  = "0123456789abcdef"
	longDigits = 17 // of a resource id, since 2018
)

// NewID makes an id: "vpc" becomes "vpc-0" and sixteen more hexadecimal digits,
// as AWS makes them.
func NewID(c *cloud.Call, prefix string) string {
	return prefix + "-0" + c.Rand().String(longDigits-1, hexDigits)
}

// WellFormed tells whether id looks like prefix's ids: eight or seventeen
// hexadecimal digits.
func WellFormed(prefix, id string) bool {
	digits, ok := strings.CutPrefix(id, prefix+"-")
	if !ok || (len(digits) != 8 && len(digits) != longDigits) {
		return false
	}
	return strings.Trim(digits, hexDigits) == ""
}
