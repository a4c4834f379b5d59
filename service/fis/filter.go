package fis

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	api "pileus/api/fis"
)

// passes tells whether a resource passes all filters: each names a path in what
// the resource's Describe operation answers, "Placement.AvailabilityZone", and
// the values that it may have there. A list on the way stands for each of its
// elements.
// https://docs.aws.amazon.com/fis/latest/userguide/targets.html#target-filters
func passes(thing any, filters []api.ExperimentTargetFilter) bool {
	for _, f := range filters {
		got := valuesAt(reflect.ValueOf(thing), strings.Split(*f.Path, "."))
		if !slices.ContainsFunc(got, func(v string) bool { return slices.Contains(f.Values, v) }) {
			return false
		}
	}
	return true
}

// valuesAt are the values at a path, as text.
func valuesAt(v reflect.Value, path []string) (out []string) {
	for v.IsValid() && (v.Kind() == reflect.Pointer || v.Kind() == reflect.Interface) {
		v = v.Elem()
	}
	if !v.IsValid() {
		return nil
	}
	if v.Kind() == reflect.Slice {
		for i := range v.Len() {
			out = append(out, valuesAt(v.Index(i), path)...)
		}
		return out
	}
	if len(path) == 0 {
		return text(v)
	}
	switch v.Kind() {
	case reflect.Struct:
		if f := v.FieldByName(path[0]); f.IsValid() {
			return valuesAt(f, path[1:])
		}
	case reflect.Map:
		if f := v.MapIndex(reflect.ValueOf(path[0])); f.IsValid() {
			return valuesAt(f, path[1:])
		}
	}
	return nil
}

// text is a plain value as filters write it.
func text(v reflect.Value) []string {
	if at, ok := v.Interface().(time.Time); ok {
		return []string{stamp(at)}
	}
	switch v.Kind() {
	case reflect.Struct, reflect.Map:
		return nil
	}
	return []string{fmt.Sprint(v.Interface())}
}
