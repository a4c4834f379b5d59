package organizations

import (
	"encoding/base64"
	"strconv"

	"pileus/cloud"
	"pileus/store"
)

const defaultPage = 20

func sizeOf(max *int32) int { return int(cloud.Or(max, defaultPage)) }

// following is the token of the next page; nil at the end.
func following(next string) *string {
	if next == "" {
		return nil
	}
	return &next
}

// page reads one page of a table.
func page[T any](t *store.Table[T], r store.Reader, prefix store.Key, token *string, max *int32, keep func(*T) bool) ([]*T, *string, error) {
	list, next, ok := t.Page(r, prefix, cloud.Or(token, ""), sizeOf(max), keep)
	if !ok {
		return nil, nil, errToken()
	}
	return list, following(next), nil
}

// pageIndex is page in the order of an index.
func pageIndex[T any](t *store.Table[T], r store.Reader, index string, prefix store.Key, token *string, max *int32, keep func(*T) bool) ([]*T, *string, error) {
	list, next, ok := t.PageIndex(r, index, prefix, cloud.Or(token, ""), sizeOf(max), keep)
	if !ok {
		return nil, nil, errToken()
	}
	return list, following(next), nil
}

// cut takes one page out of a short list.
func cut[T any](list []T, token *string, max *int32) ([]T, *string, error) {
	from := 0
	if token != nil {
		b, err := base64.RawURLEncoding.DecodeString(*token)
		if err == nil {
			from, err = strconv.Atoi(string(b))
		}
		if err != nil || from < 0 {
			return nil, nil, errToken()
		}
	}
	from = min(from, len(list))
	to := min(from+sizeOf(max), len(list))
	if to == len(list) {
		return list[from:], nil, nil
	}
	return list[from:to], following(base64.RawURLEncoding.EncodeToString(strconv.AppendInt(nil, int64(to), 10))), nil
}

// views shows each of a list.
func views[T, V any](list []T, view func(T) V) []V {
	out := make([]V, 0, len(list))
	for _, v := range list {
		out = append(out, view(v))
	}
	return out
}
