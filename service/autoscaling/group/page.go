package group

import (
	"fmt"
	"slices"

	"pileus/cloud"
	"pileus/store"
)

// Pages of the service hold 50 records where not told otherwise, and 100 at
// most.
const (
	usualPage   = 50
	largestPage = 100
)

// page is the part of a list that a caller asks for. A token names the entry
// that the next page begins with: what was shown may be deleted meanwhile, and
// new entries may come before it. name names an entry for good.
func page[T any](list []T, limit *int32, token *string, name func(T) string) (part []T, next *string, err error) {
	n, err := pageSize(limit, largestPage)
	if err != nil {
		return nil, nil, err
	}
	if t := cloud.Or(token, ""); t != "" {
		first, ok := store.ReadCursor(t)
		at := slices.IndexFunc(list, func(v T) bool { return name(v) == string(first) })
		if !ok || at < 0 {
			return nil, nil, errToken()
		}
		list = list[at:]
	}
	if len(list) > n {
		return list[:n], new(store.Cursor([]byte(name(list[n])))), nil
	}
	return append([]T{}, list...), nil, nil
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
