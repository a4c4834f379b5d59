package elbv2

import (
	"encoding/base64"
	"slices"

	"pileus/cloud"
)

// most is the size of a page.
const most = 400

// page is the part of list that follows marker, with the marker of the next. id
// names an entry for good.
func page[T any](list []T, marker *string, size *int32, id func(T) string) ([]T, *string, error) {
	if m := cloud.Or(marker, ""); m != "" {
		after, err := base64.URLEncoding.DecodeString(m)
		at := slices.IndexFunc(list, func(v T) bool { return id(v) == string(after) })
		if err != nil || at < 0 {
			return nil, nil, invalid("The specified marker is not valid")
		}
		list = list[at+1:]
	}
	n := int(cloud.Or(size, most))
	if len(list) <= n {
		return list, nil, nil
	}
	list = list[:n]
	return list, new(base64.URLEncoding.EncodeToString([]byte(id(list[n-1])))), nil
}
