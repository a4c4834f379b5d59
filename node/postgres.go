package node

import (
	"context"
	"errors"

	"pileus/store"
)

func openPostgres(context.Context, string) (store.Store, error) {
	return nil, errors.New("the PostgreSQL backend is not built yet")
}
