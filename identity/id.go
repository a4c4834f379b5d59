package identity

import (
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"strconv"

	"pileus/rng"
)

// Prefixes of IAM's unique ids and of credentials.
const (
	UserID            = "AIDA"
	GroupID           = "AGPA"
	RoleID            = "AROA"
	ManagedID         = "ANPA"
	InstanceProfileID = "AIPA"
	ServerCertID      = "ASCA"
	PublicKeyID       = "APKA"
	ServiceCredID     = "ACCA"
	KeyID             = "AKIA"
	SessionKeyID      = "ASIA"
)

// keyBits keeps the account out of an id's first and last bits, as AWS's keys
// have it: the top bit set, then forty bits of account, then seven at random.
const keyBits = 7

// NewKeyID is an access key id that says which account it belongs to, as
// sts:GetAccessKeyInfo reads it: prefix and sixteen characters.
func NewKeyID(prefix, account string, src rng.Source) string {
	n, _ := strconv.ParseUint(account, 10, 64)
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], 1<<47|n<<keyBits|src.Uint64()&(1<<keyBits-1))
	binary.BigEndian.PutUint64(b[8:], src.Uint64())
	return prefix + base32.StdEncoding.EncodeToString(b[2:12])
}

// NewID is a unique id: prefix and seventeen characters.
func NewID(prefix, account string, src rng.Source) string {
	return NewKeyID(prefix, account, src) + src.String(1, rng.Base32)
}

// KeyAccount is the account that an access key id names.
func KeyAccount(id string) (account string, ok bool) {
	if len(id) < 20 {
		return "", false
	}
	b, err := base32.StdEncoding.DecodeString(id[4:20])
	if err != nil {
		return "", false
	}
	n := binary.BigEndian.Uint64(append([]byte{0, 0}, b...)) & (1<<47 - 1) >> keyBits
	return fmt.Sprintf("%012d", n), true
}

// NewSecret is a secret access key.
func NewSecret() string { return rng.Secret(40, rng.Base62+"+/") }
