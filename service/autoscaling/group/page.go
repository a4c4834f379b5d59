package group

import (
	"encoding/base64"
	"strconv"
)

// Pages of the service hold 50 records where not told otherwise, and 100 at
// most.
const (
	usualPage   = 50
	largestPage = 100
)

// page is the part of a list that a caller asks for. A token is where the list
// goes on.
func page[T any](list []T, limit *int32, token *string) (part []T, next *string, err error) {
	n, err := pageSize(limit)
	if err != nil {
		return nil, nil, err
	}
	from, err := pageStart(token)
	if err != nil || from > len(list) {
		return nil, nil, errToken()
	}
	if rest := list[from:]; len(rest) > n {
		return rest[:n], pageToken(from + n), nil
	}
	return append([]T{}, list[from:]...), nil, nil
}

func pageSize(limit *int32) (int, error) {
	if limit == nil {
		return usualPage, nil
	}
	if *limit < 1 || *limit > largestPage {
		return 0, Invalid("1 validation error detected: Value '%d' at 'maxRecords' failed to satisfy constraint: Member must be between 1 and %d", *limit, largestPage)
	}
	return int(*limit), nil
}

func pageToken(from int) *string {
	return new(base64.RawURLEncoding.EncodeToString([]byte("page:" + strconv.Itoa(from))))
}

func pageStart(token *string) (int, error) {
	if token == nil || *token == "" {
		return 0, nil
	}
	b, err := base64.RawURLEncoding.DecodeString(*token)
	if err != nil || len(b) < 6 || string(b[:5]) != "page:" {
		return 0, errToken()
	}
	n, err := strconv.Atoi(string(b[5:]))
	if err != nil || n < 0 {
		return 0, errToken()
	}
	return n, nil
}
