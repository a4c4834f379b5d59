package wire

import "reflect"

// Token is the idempotency token of an operation's input, a pointer to its
// struct; ok is false where the operation has none, or the caller sent none.
func Token(in any) (token string, ok bool) {
	v := reflect.ValueOf(in).Elem()
	p := planOf(v.Type())
	for i := range p.fields {
		f := &p.fields[i]
		if !f.facts.token || f.kind != kString {
			continue
		}
		if s, ok := f.from(v.Field(f.index)); ok && s.Len() > 0 {
			return s.String(), true
		}
	}
	return "", false
}
