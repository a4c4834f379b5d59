package elbv2

import (
	"pileus/cloud"
	"pileus/store"
)

// most is the size of a page.
const most = 400

// page is the part of list that begins at marker, with the marker of the next.
// id names an entry for good.
func page[T any](list []T, marker *string, size *int32, id func(T) string) ([]T, *string, error) {
	list, next, ok := store.PageOf(list, cloud.Or(marker, ""), int(cloud.Or(size, most)), id)
	switch {
	case !ok:
		return nil, nil, invalid("The specified marker is not valid")
	case next == "":
		return list, nil, nil
	}
	return list, &next, nil
}
