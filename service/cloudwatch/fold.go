package cloudwatch

import (
	"fmt"
	"time"

	"pileus/cloud"
	"pileus/service/cloudwatch/series"
	"pileus/store"
)

const (
	foldController = "cloudwatch.fold"
	foldEvery      = 3 * time.Hour
	// keptFor is how long a metric can have points.
	keptFor = 456 * 24 * time.Hour
)

// fold brings a metric's points in order, for as long as it has any.
func fold(c *cloud.Call, key store.Key) error {
	return c.Update(func(tx store.Tx) error {
		m, ok := metrics.Get(tx, key...)
		if !ok {
			return nil
		}
		left, err := series.Fold(tx, m.id(), c.Now)
		if err != nil {
			return fmt.Errorf("fold %s/%s: %w", m.Namespace, m.Name, err)
		}
		if !left && c.Now.Sub(m.Heard) > keptFor {
			metrics.Delete(tx, key...)
			return nil
		}
		// A metric that nobody publishes any more only ages, which needs a look
		// now and then: what a query sees does not depend on it.
		tx.After(c.Now.Add(max(foldEvery, min(c.Now.Sub(m.Heard)/8, aDay))), foldController, key)
		return nil
	})
}
