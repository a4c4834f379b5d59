package identity

import (
	"crypto/hmac"
	"crypto/sha1"
	"crypto/subtle"
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"time"

	"pileus/store"
)

// MFADevice is a virtual MFA device: a seed shared with an authenticator
// application that shows time-based one-time passwords (RFC 6238).
type MFADevice struct {
	Account, Serial, Path, Name string // Serial is its ARN
	Seed                        []byte
	Created                     time.Time
	Enabled                     time.Time // zero: not assigned to anybody
	User                        string    // name; empty with Enabled set: the root user
	Drift                       int64     // steps that the device's clock is ahead
	Used                        int64     // last step whose code was accepted
	Tags                        Tags
}

// MFADevices are keyed by account and serial number. They link to the user
// that they are assigned to ("user", name in lower case).
var MFADevices = &records[MFADevice]{
	Table: store.Table[MFADevice]{
		Name: "identity.mfa",
		Key:  func(d *MFADevice) store.Key { return store.K(d.Account, d.Serial) },
	},
	links: func(d *MFADevice) []store.Key {
		if d.Enabled.IsZero() {
			return nil
		}
		return []store.Key{store.K("user", fold(d.User))}
	},
	counted: true,
}

const (
	totpStep   = 30 // seconds
	totpWindow = 1  // steps early or late that a code may come
	syncWindow = 20 // steps that enabling and resynchronising look around
)

// Base32 is the seed as authenticator applications take it.
func (d *MFADevice) Base32() string {
	return base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(d.Seed)
}

// Code is the device's one-time password at a time.
func (d *MFADevice) Code(now time.Time) string { return totp(d.Seed, now.Unix()/totpStep) }

// Sync looks for two consecutive codes around now, and takes over the drift of
// the device's clock that they show. The codes are used up by it.
func (d *MFADevice) Sync(code1, code2 string, now time.Time) bool {
	at := now.Unix() / totpStep
	for drift := int64(-syncWindow); drift <= syncWindow; drift++ {
		step := at + drift
		if step > d.Used && same(totp(d.Seed, step), code1) && same(totp(d.Seed, step+1), code2) {
			// The second code is the newest that the device has shown.
			d.Drift, d.Used = min(drift+1, 0)+max(drift, 0), step+1
			return true
		}
	}
	return false
}

// Check accepts a code that the device shows at now, once.
func (d *MFADevice) Check(code string, now time.Time) bool {
	at := now.Unix()/totpStep + d.Drift
	for step := at - totpWindow; step <= at+totpWindow; step++ {
		if step > d.Used && same(totp(d.Seed, step), code) {
			d.Used = step
			return true
		}
	}
	return false
}

// CheckMFA accepts a code of the enabled device with the serial number that
// belongs to the user (empty: the root user), and uses it up. now is the
// machine's time, which authenticator applications go by.
func CheckMFA(tx store.Tx, account, user, serial, code string, now time.Time) bool {
	d, ok := MFADevices.Get(tx, account, serial)
	if !ok || d.Enabled.IsZero() || fold(d.User) != fold(user) || !d.Check(code, now) {
		return false
	}
	MFADevices.Quiet(tx, d)
	return true
}

func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

// totp is the six-digit password of a time step, by HMAC-SHA-1 as RFC 4226
// section 5.3 truncates it.
func totp(seed []byte, step int64) string {
	mac := hmac.New(sha1.New, seed)
	mac.Write(binary.BigEndian.AppendUint64(nil, uint64(step)))
	sum := mac.Sum(nil)
	at := sum[len(sum)-1] & 15
	n := binary.BigEndian.Uint32(sum[at:]) & 0x7fffffff
	return fmt.Sprintf("%06d", n%1_000_000)
}
