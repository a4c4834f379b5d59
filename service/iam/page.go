package iam

import (
	"encoding/base64"
	"strconv"
	"strings"

	"pileus/cloud"
	"pileus/store"
)

const defaultPage = 100

// paging is where a list goes on, as every paged answer tells.
type paging struct {
	IsTruncated *bool
	Marker      *string
}

func pagingOf(next string) paging {
	if next == "" {
		return paging{IsTruncated: new(false)}
	}
	return paging{IsTruncated: new(true), Marker: &next}
}

// pageTable reads one page of the account's records of a table.
func pageTable[T any](t *store.Table[T], r store.Reader, account string, marker *string, max *int32, keep func(*T) bool) ([]*T, paging, error) {
	page, next, ok := t.Page(r, store.K(account), cloud.Or(marker, ""), int(cloud.Or(max, defaultPage)), keep)
	if !ok {
		return nil, paging{}, errMarker()
	}
	return page, pagingOf(next), nil
}

// pageSlice cuts one page out of a list that is short or worked out as a
// whole.
func pageSlice[T any](list []T, marker *string, max *int32) ([]T, paging, error) {
	from := 0
	if marker != nil {
		b, err := base64.RawURLEncoding.DecodeString(*marker)
		if err == nil {
			from, err = strconv.Atoi(string(b))
		}
		if err != nil || from < 0 {
			return nil, paging{}, errMarker()
		}
	}
	from = min(from, len(list))
	to := min(from+int(cloud.Or(max, defaultPage)), len(list))
	if to == len(list) {
		return list[from:], pagingOf(""), nil
	}
	return list[from:to], pagingOf(base64.RawURLEncoding.EncodeToString(strconv.AppendInt(nil, int64(to), 10))), nil
}

// under filters by a path prefix; nil keeps all.
func under[T any](prefix *string, path func(*T) string) func(*T) bool {
	if prefix == nil || *prefix == "/" {
		return nil
	}
	return func(v *T) bool { return strings.HasPrefix(path(v), *prefix) }
}

// views maps records to their form on the wire. The answer is never nil, so
// that an empty list is sent as one.
func views[T, V any](list []T, view func(T) V) []V {
	out := make([]V, 0, len(list))
	for _, v := range list {
		out = append(out, view(v))
	}
	return out
}
