package sqs

import (
	"crypto/md5"
	"encoding/binary"
	"encoding/hex"
	"slices"
	"strings"
)

// digest is the MD5 of a message body, in hexadecimal digits.
func digest(body string) string {
	h := md5.Sum([]byte(body))
	return hex.EncodeToString(h[:])
}

// digestAttributes is the MD5 of message attributes as clients check it: of
// name, type, kind of transport and value of each, sorted by name, every part
// but the kind after its length; nil where there are none.
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-metadata.html
func digestAttributes(list []attribute) *string {
	if len(list) == 0 {
		return nil
	}
	if !slices.IsSortedFunc(list, byName) {
		list = slices.SortedFunc(slices.Values(list), byName)
	}
	var b []byte
	part := func(s string) {
		b = binary.BigEndian.AppendUint32(b, uint32(len(s)))
		b = append(b, s...)
	}
	for i := range list {
		a := &list[i]
		part(a.Name)
		part(a.Type)
		if a.binary() {
			b = append(b, 2)
		} else {
			b = append(b, 1)
		}
		part(a.Value)
	}
	h := md5.Sum(b)
	return new(hex.EncodeToString(h[:]))
}

func byName(a, b attribute) int { return strings.Compare(a.Name, b.Name) }

// binary tells whether the value is bytes: the type is Binary, or Binary with
// a label of the sender's.
func (a *attribute) binary() bool { return a.Type == "Binary" || strings.HasPrefix(a.Type, "Binary.") }
