package group

import (
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
	n, err := pageSize(limit)
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

func pageSize(limit *int32) (int, error) {
	if limit == nil {
		return usualPage, nil
	}
	if *limit < 1 || *limit > largestPage {
		return 0, Invalid("1 validation error detected: Value '%d' at 'maxRecords' failed to satisfy constraint: Member must be between 1 and %d", *limit, largestPage)
	}
	return int(*limit), nil
}
