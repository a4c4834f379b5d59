package scale

import (
	api "pileus/api/autoscaling"
	"pileus/cloud"
	"pileus/service/autoscaling/group"
)

func errToken(token *string) error {
	return api.ErrInvalidNextToken.New("The token '%s' is invalid.", cloud.Or(token, ""))
}

// errBlocked refuses what must wait for an activity, or for its cooldown.
func errBlocked(activity string) error {
	if activity == "" {
		return api.ErrScalingActivityInProgressFault.New("Scaling activity is in cooldown and blocking this action")
	}
	return api.ErrScalingActivityInProgressFault.New("Scaling activity %s is in progress and blocking this action", activity)
}

// pageSize is how many records a page has: 50, or as many as were asked for.
func pageSize(n *int32) (int, error) {
	if k := cloud.Or(n, 50); k >= 1 && k <= 100 {
		return int(k), nil
	}
	return 0, group.Invalid("The value of MaxRecords must be between 1 and 100")
}

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
