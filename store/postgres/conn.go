package postgres

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"pileus/clock"
)

// conn is a connection and the statements prepared on it. All arguments and
// results are in PostgreSQL's binary form, which for byte strings and texts is
// their bytes.
type conn struct {
	*pgconn.PgConn
	statements map[string]string // names, by text
	age        clock.Stopwatch
}

// binaryForm is the format code of what goes over the wire.
var binaryForm = []int16{1}

// closing is how long a connection may take to say goodbye.
const closing = 15 * time.Second

func connect(ctx context.Context, config *pgconn.Config) (*conn, error) {
	c, err := pgconn.ConnectConfig(ctx, config)
	if err != nil {
		return nil, err
	}
	return &conn{PgConn: c, statements: map[string]string{}, age: clock.Start()}, nil
}

// shut closes the connection and waits until it is closed.
func (c *conn) shut() {
	ctx, cancel := context.WithTimeout(context.Background(), closing)
	defer cancel()
	_ = c.Close(ctx) // broken, or not needed any more
	select {
	case <-c.CleanupDone():
	case <-ctx.Done():
	}
}

// exec runs a statement without arguments or results. The tag tells what it
// has done.
func (c *conn) exec(ctx context.Context, sql string) (tag string, err error) {
	results := c.Exec(ctx, sql)
	for results.NextResult() {
		done, _ := results.ResultReader().Close() // Close below has the error
		tag = done.String()
	}
	return tag, results.Close()
}

// prepare is the name of a statement, which is prepared when it is first used.
func (c *conn) prepare(ctx context.Context, sql string) (string, error) {
	name, ok := c.statements[sql]
	if ok {
		return name, nil
	}
	name = fmt.Sprintf("s%d", len(c.statements))
	if _, err := c.Prepare(ctx, name, sql, nil); err != nil {
		return "", err
	}
	c.statements[sql] = name
	return name, nil
}

// query calls row with each row of a statement's result. The columns hold only
// as long as the call.
func (c *conn) query(ctx context.Context, sql string, args [][]byte, row func(columns [][]byte)) error {
	name, err := c.prepare(ctx, sql)
	if err != nil {
		return err
	}
	result := c.ExecPrepared(ctx, name, args, binaryForm, binaryForm)
	for result.NextRow() {
		row(result.Values())
	}
	_, err = result.Close()
	return err
}

// statement is one of a batch.
type statement struct {
	sql  string
	args [][]byte
}

// send runs statements in one round trip, once they are prepared.
func (c *conn) send(ctx context.Context, batch []statement) error {
	var b pgconn.Batch
	for _, s := range batch {
		name, err := c.prepare(ctx, s.sql)
		if err != nil {
			return err
		}
		b.ExecPrepared(name, s.args, binaryForm, binaryForm)
	}
	return c.ExecBatch(ctx, &b).Close()
}

// array is the binary form of a bytea[]: one dimension without nulls, of
// elements of type 17 (bytea), counted from 1.
func array(elements [][]byte) []byte {
	size := 20
	for _, e := range elements {
		size += 4 + len(e)
	}
	b := make([]byte, 0, size)
	for _, n := range []int{1, 0, 17, len(elements), 1} {
		b = binary.BigEndian.AppendUint32(b, uint32(n))
	}
	for _, e := range elements {
		b = append(binary.BigEndian.AppendUint32(b, uint32(len(e))), e...)
	}
	return b
}

// Statements that begin a transaction.
const (
	beginRead  = `begin isolation level serializable read only`
	beginWrite = `begin isolation level serializable`
)

// errRolledBack is what a commit of an aborted transaction comes to.
var errRolledBack = errors.New("the commit rolled back")

func (c *conn) commit(ctx context.Context) error {
	tag, err := c.exec(ctx, `commit`)
	if err == nil && tag == "ROLLBACK" {
		err = errRolledBack
	}
	return err
}

// rollback ends the transaction, if there is one. A connection that cannot
// even do this is closed.
func (c *conn) rollback(ctx context.Context) {
	if c.IsClosed() || c.TxStatus() == 'I' {
		return
	}
	if _, err := c.exec(ctx, `rollback`); err != nil {
		c.shut()
	}
}
