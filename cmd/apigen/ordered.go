package main

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// object is a JSON object that remembers the order of its keys: XML responses
// list their members in the model's order.
type object struct {
	keys   []string
	values map[string]any
}

func (o *object) set(k string, v any) {
	if _, ok := o.values[k]; !ok {
		o.keys = append(o.keys, k)
	}
	o.values[k] = v
}

func (o *object) remove(k string) {
	delete(o.values, k)
	for i, have := range o.keys {
		if have == k {
			o.keys = append(o.keys[:i:i], o.keys[i+1:]...)
			return
		}
	}
}

func (o *object) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, k := range o.keys {
		if i > 0 {
			b.WriteByte(',')
		}
		kb, err := json.Marshal(k)
		if err != nil {
			return nil, err
		}
		vb, err := json.Marshal(o.values[k])
		if err != nil {
			return nil, err
		}
		b.Write(kb)
		b.WriteByte(':')
		b.Write(vb)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

func parseOrdered(b []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	return parseValue(d)
}

func parseValue(d *json.Decoder) (any, error) {
	t, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch t {
	case json.Delim('{'):
		o := &object{values: map[string]any{}}
		for d.More() {
			k, err := d.Token()
			if err != nil {
				return nil, err
			}
			v, err := parseValue(d)
			if err != nil {
				return nil, err
			}
			o.set(k.(string), v)
		}
		_, err = d.Token()
		return o, err
	case json.Delim('['):
		list := []any{}
		for d.More() {
			v, err := parseValue(d)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		_, err = d.Token()
		return list, err
	}
	return t, nil
}

// merge lays an overlay over a model. Objects merge by key, null removes,
// "+name" appends to the array name, anything else replaces.
func merge(base, over *object) error {
	for _, k := range over.keys {
		v := over.values[k]
		if v == nil {
			if _, ok := base.values[k]; !ok {
				return fmt.Errorf("overlay removes %q, which the model does not have", k)
			}
			base.remove(k)
			continue
		}
		if name, ok := cutPlus(k); ok {
			have, _ := base.values[name].([]any)
			base.set(name, append(have[:len(have):len(have)], v.([]any)...))
			continue
		}
		b, bo := base.values[k].(*object)
		o, oo := v.(*object)
		if !bo || !oo {
			base.set(k, v)
			continue
		}
		if err := merge(b, o); err != nil {
			return fmt.Errorf("%s: %w", k, err)
		}
	}
	return nil
}

func cutPlus(k string) (string, bool) {
	if len(k) > 1 && k[0] == '+' {
		return k[1:], true
	}
	return "", false
}
