package direct

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"strconv"
	"time"

	api "pileus/api/ebs"
)

// blockTokenLife is how long a block token is good for.
// https://docs.aws.amazon.com/ebs/latest/userguide/readsnapshots.html
const blockTokenLife = 7 * 24 * time.Hour

// blockToken names a block of a snapshot until a time. Whoever may not read
// the snapshot gains nothing by making one up.
func blockToken(snapshot string, index int64, expires time.Time) string {
	b := binary.BigEndian.AppendUint64(nil, uint64(expires.Unix()))
	sum := sha256.Sum256([]byte(snapshot + "\n" + strconv.FormatInt(index, 10) + "\n" + strconv.FormatInt(expires.Unix(), 10)))
	return base64.StdEncoding.EncodeToString(append(b, sum[:22]...))
}

func checkBlockToken(token, snapshot string, index int64, now time.Time) error {
	b, err := base64.StdEncoding.DecodeString(token)
	if err == nil && len(b) == 30 {
		expires := time.Unix(int64(binary.BigEndian.Uint64(b)), 0)
		if token == blockToken(snapshot, index, expires) && now.Before(expires) {
			return nil
		}
	}
	return errInvalid(api.ValidationExceptionReasonInvalidBlockToken, "The block token is not valid, or has expired.")
}

func pageToken(next int64) *string {
	return new(base64.StdEncoding.EncodeToString([]byte(strconv.FormatInt(next, 10))))
}

// page is where a list begins.
func page(token *string, start *int32) (from int64, err error) {
	if token == nil {
		if start != nil {
			from = int64(*start)
		}
		return from, nil
	}
	b, err := base64.StdEncoding.DecodeString(*token)
	if err == nil {
		from, err = strconv.ParseInt(string(b), 10, 64)
	}
	if err != nil || from < 0 {
		return 0, errInvalid(api.ValidationExceptionReasonInvalidPageToken, "The page token is not valid.")
	}
	return from, nil
}
