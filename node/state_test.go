package node_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go/transport/http"

	"pileus/clock"
	"pileus/node"
)

func TestStateSurvivesARestart(t *testing.T) {
	w := onDisk(t)
	w.bucket()
	w.put("small", []byte("s"))
	w.put("large", large())
	w.restart()
	w.holds("small", []byte("s"))
	w.holds("large", large())
}

func TestMemoryForgets(t *testing.T) {
	w := inMemory(t)
	w.bucket()
	w.restart()
	w.lacks("small")
}

func TestClockSurvivesARestart(t *testing.T) {
	w := onDisk(t)
	w.check(w.node.Clock().Advance(t.Context(), 400*24*time.Hour))
	w.restart()
	if d := w.node.Clock().Now().Sub(clock.Machine()); d < 399*24*time.Hour || d > 401*24*time.Hour {
		t.Errorf("the clock is %v ahead after a restart", d)
	}
	w.node.Clock().Freeze()
	frozen := w.node.Clock().Now()
	w.restart()
	if s := w.node.Clock().State(); !s.Frozen || !s.Now.Equal(frozen) {
		t.Errorf("after a restart: %+v; was frozen at %v", s, frozen)
	}
	w.node.Clock().Reset()
	w.restart()
	if s := w.node.Clock().State(); s.Frozen || s.Offset.Abs() > time.Hour {
		t.Errorf("a reset clock came back as %+v", s)
	}
}

func TestResetEmptiesEverything(t *testing.T) {
	for name, begin := range map[string]func(*testing.T) *world{"disk": onDisk, "memory": inMemory} {
		t.Run(name, func(t *testing.T) {
			w := begin(t)
			w.bucket()
			w.put("large", large())
			for _, path := range []string{"/_pileus/reset", "/moto-api/reset", "/_localstack/state/reset"} {
				w.put("again", large())
				if status, answer := w.ask("POST", path, ""); status != 200 || !strings.Contains(answer, `"ok"`) {
					t.Fatalf("%s: %d %s", path, status, answer)
				}
				if _, missing := w.get("again"); !missing {
					t.Errorf("%s left an object", path)
				}
				w.bucket() // the root key works, and the name is free again
			}
			if events, err := w.node.Trail().Last(t.Context(), 100, nothing); err != nil || len(events) > 5 {
				t.Errorf("%d events of the trail are left, %v", len(events), err)
			}
			w.restart()
			w.lacks("large")
		})
	}
}

func TestADataDirectoryHasOneUser(t *testing.T) {
	w := onDisk(t)
	_, err := node.Start(t.Context(), w.o)
	if err == nil || !strings.Contains(err.Error(), "--data-dir") {
		t.Fatalf("a second node in the same folder: %v", err)
	}
	w.bucket()  // the first one is as it was
	w.restart() // and lets go when it stops
}

func TestAFailedStartLetsGo(t *testing.T) {
	o := node.Options{DataDir: t.TempDir(), Postgres: "host=/nonexistent dbname=none connect_timeout=1"}
	if _, err := node.Start(t.Context(), o); err == nil {
		t.Fatal("it started without its database")
	}
	o.Postgres = ""
	begin(t, o)
}

// TestCrashWhileLoading leaves a data directory as a kill would, at each step
// of loading a snapshot.
func TestCrashWhileLoading(t *testing.T) {
	w := onDisk(t)
	w.bucket()
	w.put("saved", large())
	_, err := w.node.Save(t.Context(), "s")
	w.check(err)
	w.put("later", large())
	w.stop()
	snapshot := filepath.Join(w.o.SnapshotDir, "s")
	generation := func(n string) string { return filepath.Join(w.o.DataDir, n) }

	t.Log("killed while the next generation is copied")
	w.check(os.MkdirAll(generation("2"), 0o700))
	w.check(os.WriteFile(filepath.Join(generation("2"), "master.key"), []byte("half"), 0o600))
	w.start()
	w.holds("saved", large())
	w.holds("later", large())
	if _, err := os.Stat(generation("2")); !os.IsNotExist(err) {
		t.Error("half a generation is left")
	}
	w.stop()

	t.Log("killed when it is whole and not yet chosen")
	w.check(os.CopyFS(generation("2"), os.DirFS(snapshot)))
	w.start()
	w.holds("later", large())
	w.stop()

	t.Log("killed when it is chosen, before it is opened")
	w.check(os.CopyFS(generation("2"), os.DirFS(snapshot)))
	w.check(os.WriteFile(filepath.Join(w.o.DataDir, "current"), []byte("2\n"), 0o600))
	w.start()
	w.holds("saved", large())
	w.lacks("later")
	if _, err := os.Stat(generation("1")); !os.IsNotExist(err) {
		t.Error("the generation before is left")
	}
}

func TestACorruptDirectoryIsNotOverwritten(t *testing.T) {
	w := onDisk(t)
	w.stop()
	for file, content := range map[string]string{"current": "one\n", "1/master.key": "short"} {
		path := filepath.Join(w.o.DataDir, file)
		before, _ := os.ReadFile(path)
		w.check(os.WriteFile(path, []byte(content), 0o600))
		if _, err := node.Start(context.Background(), w.o); err == nil || !strings.Contains(err.Error(), filepath.Base(file)) {
			t.Errorf("with a corrupt %s: %v", file, err)
		}
		if before == nil {
			w.check(os.Remove(path))
		} else {
			w.check(os.WriteFile(path, before, 0o600))
		}
	}
	w.start()
}

// TestResetWhileRequestsRun has clients at work while the cloud is emptied
// under them: they may find that what they had is gone, and nothing else.
func TestResetWhileRequestsRun(t *testing.T) {
	for name, begin := range map[string]func(*testing.T) *world{"disk": onDisk, "memory": inMemory} {
		t.Run(name, func(t *testing.T) {
			w := begin(t)
			var end atomic.Bool
			var clients sync.WaitGroup
			for i := range 3 {
				clients.Go(func() {
					bucket := fmt.Sprint("bucket-", i)
					for !end.Load() {
						for _, err := range w.visit(bucket) {
							var answer *http.ResponseError
							if !errors.As(err, &answer) || answer.HTTPStatusCode() >= 500 {
								t.Error(err)
							}
						}
					}
				})
			}
			var failed error
			for range 20 {
				failed = errors.Join(failed, w.node.Reset(t.Context()))
			}
			end.Store(true)
			clients.Wait()
			w.check(failed)
			w.check(w.node.Reset(t.Context()))
			w.bucket()
			w.put("large", large())
			w.holds("large", large())
			w.restart()
			if name == "disk" {
				w.holds("large", large())
			}
		})
	}
}

// visit makes a bucket, puts an object and reads it, and returns what failed.
func (w *world) visit(bucket string) (failed []error) {
	c := w.client()
	_, made := c.CreateBucket(w.Context(), &s3.CreateBucketInput{Bucket: &bucket})
	_, put := c.PutObject(w.Context(), &s3.PutObjectInput{Bucket: &bucket, Key: new("k"), Body: strings.NewReader("v")})
	_, got := c.GetObject(w.Context(), &s3.GetObjectInput{Bucket: &bucket, Key: new("k")})
	for _, err := range []error{made, put, got} {
		if err != nil {
			failed = append(failed, err)
		}
	}
	return failed
}
