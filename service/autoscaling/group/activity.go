package group

import (
	"strings"
	"time"

	api "pileus/api/autoscaling"
	"pileus/cloud"
	"pileus/store"
)

// Activity is something that was done to a group, or is being done.
type Activity struct {
	Account, Region, Group, ID string
	GroupID                    string // of the group: names can be used again
	Instance                   string // "" where it concerns none
	Description, Cause         string
	Start, End                 time.Time // End is zero while it is in progress
	Status                     string    // one of api.ScalingActivityStatusCode*
	Message                    string
	Progress                   int32
	Details                    string
}

// Activities, by group and the order in which they began.
var Activities = &store.Table[Activity]{
	Name: "autoscaling.activity",
	Key:  func(a *Activity) store.Key { return store.K(a.Account, a.Region, a.Group, a.Start, a.ID) },
	Indexes: map[string]func(*Activity) store.Key{
		"id": func(a *Activity) store.Key { return store.K(a.Account, a.Region, a.ID) },
	},
}

// activitiesKept is how long an activity can be described after its end.
// https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_DescribeScalingActivities.html
const activitiesKept = 6 * 7 * 24 * time.Hour

// Begin writes an activity of a group that begins now. Its id is made, and its
// status is that of one in progress, where they are not set.
func Begin(c *cloud.Call, tx store.Tx, g *Group, a Activity) *Activity {
	a.Account, a.Region, a.Group, a.GroupID = g.Account, g.Region, g.Name, g.ID
	if a.ID == "" {
		a.ID = c.Rand().UUID()
	}
	a.Start = c.Now
	for last := range Activities.ScanReverse(tx, g.Account, g.Region, g.Name) {
		if !last.Start.Before(a.Start) {
			a.Start = last.Start.Add(1) // of one moment, they keep the order in which they began
		}
		break
	}
	if a.Status == "" {
		a.Status = api.ScalingActivityStatusCodeInProgress
	}
	if over(a.Status) {
		a.End, a.Progress = c.Now, 100
	}
	a.Cause = cut(a.Cause, 1023)
	Activities.Put(tx, &a)
	tx.After(a.Start.Add(activitiesKept), forgetController, g.Key())
	return &a
}

// End ends an activity that is in progress; message is "" for success.
func End(c *cloud.Call, tx store.Tx, id, status, message string) {
	changeActivity(c, tx, id, func(a *Activity) {
		a.Status, a.Message, a.Progress, a.End = status, cut(message, 255), 100, c.Now
	})
}

// changeActivity changes an activity that is not over.
func changeActivity(c *cloud.Call, tx store.Tx, id string, f func(*Activity)) {
	for a := range Activities.Index(tx, "id", c.Account, c.Region, id) {
		if !over(a.Status) {
			f(a)
			Activities.Put(tx, a)
		}
		return
	}
}

// over tells whether a status is a last one.
func over(status string) bool {
	switch status {
	case api.ScalingActivityStatusCodeSuccessful, api.ScalingActivityStatusCodeFailed, api.ScalingActivityStatusCodeCancelled:
		return true
	}
	return false
}

// cut is s, or its beginning, in at most n bytes.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "")
}
