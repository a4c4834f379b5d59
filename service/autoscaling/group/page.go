package group

import (
	"fmt"

	"pileus/cloud"
	"pileus/store"
)

// Pages of the service hold 50 records where not told otherwise, and 100 at
// most.
const (
	usualPage   = 50
	largestPage = 100
)

// page is the part of a list that a caller asks for, and the token of the next.
// name names an entry for good.
func page[T any](list []T, limit *int32, token *string, name func(T) string) (part []T, next *string, err error) {
	n, err := pageSize(limit, largestPage)
	if err != nil {
		return nil, nil, err
	}
	part, rest, ok := store.PageOf(list, cloud.Or(token, ""), n, name)
	if !ok {
		return nil, nil, errToken()
	}
	return append([]T{}, part...), optional(rest), nil
}

// pageSize is how many records a caller asks for, of most at most.
func pageSize(limit *int32, most int32) (int, error) {
	n := cloud.Or(limit, usualPage)
	bound := ""
	switch {
	case n < 1:
		bound = "greater than or equal to 1"
	case n > most:
		bound = fmt.Sprintf("less than or equal to %d", most)
	default:
		return int(n), nil
	}
	return 0, Invalid("1 validation error detected: Value '%d' at 'maxRecords' failed to satisfy constraint: Member must have value %s", n, bound)
}
