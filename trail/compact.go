package trail

// Compact lays the events in memory out anew, side by side. Each of them was
// made amid a request's garbage, and keeps the pages that lay around it from
// being given back. Who holds an event keeps the old one.
func (t *Trail) Compact() {
	t.mu.Lock()
	defer t.mu.Unlock()
	r := &t.ring
	size, resources := 0, 0
	for i := range r.n {
		e := r.at(i)
		resources += len(e.Resources)
		for _, s := range e.own() {
			size += len(*s)
		}
	}
	slab := make([]Event, r.n)
	lists := make([]string, 0, resources)
	text := make([]byte, 0, size)
	for i := range r.n {
		slab[i] = *r.at(i)
		from := len(lists)
		lists = append(lists, slab[i].Resources...)
		slab[i].Resources = lists[from:len(lists):len(lists)]
		for _, s := range slab[i].own() {
			text = append(text, *s...)
		}
	}
	for all, i := string(text), 0; i < r.n; i++ {
		for _, s := range slab[i].own() {
			*s, all = all[:len(*s)], all[len(*s):]
		}
		r.buf[(r.first+i)%len(r.buf)] = &slab[i]
	}
}

// own are the texts that differ from event to event.
func (e *Event) own() []*string {
	list := make([]*string, 0, 4+len(e.Resources))
	list = append(list, &e.RequestID, &e.Message, &e.SourceIP)
	for i := range e.Resources {
		list = append(list, &e.Resources[i])
	}
	return list
}
