package node_test

import (
	"testing"

	"pileus/node"
	"pileus/store/postgres/pgtest"
)

// TestPostgres keeps the state in a database and the content in a folder. It
// is skipped where there is no server's program.
func TestPostgres(t *testing.T) {
	server := pgtest.Start(t)
	w := begin(t, node.Options{DataDir: t.TempDir(), SnapshotDir: t.TempDir(), Postgres: server.DSN(t)})
	w.bucket()
	w.put("small", []byte("s"))
	w.put("large", large())
	var s node.Status
	w.decode("GET", "/_pileus/status", "", &s)
	if s.Backend != "postgres" || s.Services["s3"]["buckets"] != 1 || len(s.Warnings) != 0 {
		t.Errorf("%+v", s)
	}
	w.restart()
	w.holds("small", []byte("s"))
	w.holds("large", large())
	_, err := w.node.Save(t.Context(), "s")
	w.check(err)
	w.put("later", large())
	_, err = w.node.Load(t.Context(), "s")
	w.check(err)
	w.holds("large", large())
	w.lacks("later")
	w.check(w.node.Reset(t.Context()))
	w.bucket()
	w.lacks("large")

	t.Log("a snapshot goes from the database to a folder")
	disk := begin(t, node.Options{DataDir: t.TempDir(), SnapshotDir: w.o.SnapshotDir})
	_, err = disk.node.Load(t.Context(), "s")
	disk.check(err)
	disk.holds("large", large())
}
