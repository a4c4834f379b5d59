package policy

import "sync"

// Cached is Parse that remembers, so that callers may hold only a document's
// text. What it keeps is bounded: when a generation is full the one before it
// is forgotten, and documents still in use move to the new one.
func Cached(text string, kind Kind) (*Document, error) {
	return documents.get(text, kind)
}

// generationSize bounds the text held in each of the two generations.
const generationSize = 16 << 20

type cacheKey struct {
	text string
	kind Kind
}

type cache struct {
	mu       sync.RWMutex
	new, old map[cacheKey]*Document
	size     int // bytes of text in new
	limit    int
}

var documents = &cache{limit: generationSize}

func (c *cache) get(text string, kind Kind) (*Document, error) {
	k := cacheKey{text, kind}
	c.mu.RLock()
	d, fresh := c.new[k]
	if !fresh {
		d = c.old[k]
	}
	c.mu.RUnlock()
	if fresh {
		return d, nil
	}
	if d == nil {
		var err error
		if d, err = Parse(text, kind); err != nil {
			return nil, err
		}
	}
	c.put(cacheKey{d.Text, kind}, d)
	return d, nil
}

func (c *cache) put(k cacheKey, d *Document) {
	const overhead = 256 // so that many tiny documents are bounded too
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.new == nil || c.size+len(k.text)+overhead > c.limit {
		c.old, c.new, c.size = c.new, map[cacheKey]*Document{}, 0
	}
	if _, have := c.new[k]; !have {
		c.new[k] = d
		c.size += len(k.text) + overhead
	}
}
