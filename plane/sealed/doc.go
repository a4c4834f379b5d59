// Package sealed encrypts what volumes hold, at rest: a file of ciphertext that
// shows itself in the clear to who has its key (File), and the key as it is kept
// beside it, sealed under the cloud's master key (Key).
//
// The file stays sparse. A sector that holds nothing but zeros was never
// written, or was discarded, and reads as zeros; all others are AES-256-XTS, the
// zeros that somebody wrote included. XTS hides content; it does not prove that
// nobody has changed it, and who compares two copies of a file sees which
// sectors differ, as with every encrypted disk.
package sealed
