package cloudwatch

import (
	"pileus/cloud"
	"pileus/store"
)

func (a *alarm) lookMath(c *cloud.Call, r store.Reader) (window, error) {
	return newWindow(a.period(), *a.EvaluationPeriods), nil
}
