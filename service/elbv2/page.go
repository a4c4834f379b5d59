package elbv2

import (
	"slices"

	"pileus/cloud"
	"pileus/store"
)

// most is the size of a page.
const most = 400

// page is the part of list that begins at marker, with the marker of the next:
// what a page has shown may be deleted before the next is asked for. id names an
// entry for good.
func page[T any](list []T, marker *string, size *int32, id func(T) string) ([]T, *string, error) {
	if m := cloud.Or(marker, ""); m != "" {
		from, ok := store.ReadCursor(m)
		at := slices.IndexFunc(list, func(v T) bool { return id(v) == string(from) })
		if !ok || at < 0 {
			return nil, nil, invalid("The specified marker is not valid")
		}
		list = list[at:]
	}
	n := int(cloud.Or(size, most))
	if len(list) <= n {
		return list, nil, nil
	}
	return list[:n], new(store.Cursor([]byte(id(list[n])))), nil
}
