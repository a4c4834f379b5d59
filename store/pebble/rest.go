package pebble

// restAbove is what an engine may keep of a busy time, in bytes.
const restAbove = 4 << 20

// Rest gives back the memory that a busy time has left with the engine, tables
// and cache, which Pebble itself keeps for good: by opening the engine anew.
// Nothing is lost, because it is closed as at a stop, and nobody waits, because
// that is done only while nobody uses it. It returns false when somebody does,
// or when the engine could not be opened; then the next transaction tries that.
func (d *DB) Rest() bool {
	rested := d.rest(restAbove)
	if rested {
		trimMalloc()
	}
	return rested
}

func (d *DB) rest(above uint64) bool {
	if d.options.ephemeral {
		return true // its data are what it keeps
	}
	d.turn.Lock()
	defer d.turn.Unlock()
	e := d.engine.Load()
	if d.closed.Load() || e.death.Load() != nil {
		return true
	}
	m := e.Metrics()
	if m.MemTable.Size+m.MemTable.ZombieSize+uint64(m.BlockCache.Size) <= above {
		return true
	}
	if !e.use.closeIdle() {
		return false
	}
	next, err := d.reopen(e)
	if err != nil {
		d.die(e, err)
		return false
	}
	d.engine.Store(next)
	return true
}

// reopen closes an engine that nobody uses and opens the next one.
func (d *DB) reopen(e *engine) (next *engine, err error) {
	e.guard.drop()
	err = guarded(func() error {
		if err := e.Flush(); err != nil {
			return err
		}
		return e.DB.Close()
	})
	if err != nil {
		return nil, err
	}
	return d.openEngine()
}
