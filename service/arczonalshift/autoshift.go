package arczonalshift

import (
	"slices"

	api "pileus/api/arczonalshift"
	"pileus/cloud"
	"pileus/region"
	"pileus/store"
	"pileus/zone"
	"pileus/zone/shift"
)

// follow begins an autoshift for each zone that has gone dark, and ends those of
// zones that are back. That a zone is dark is what AWS finds out by watching it.
func follow(c *cloud.Call, _ store.Key) error {
	return c.Update(func(tx store.Tx) error {
		down := map[string]bool{}
		for _, z := range zone.All(tx) {
			if z.Down {
				down[z.Zone] = true
			}
		}
		changed := map[string]bool{} // regions
		for a := range autoshifts.Scan(tx) {
			switch {
			case !a.End.IsZero():
			case down[a.Zone]:
				delete(down, a.Zone)
			default:
				a.End = c.Now
				autoshifts.Put(tx, a)
				changed[a.Region] = true
			}
		}
		for name := range down {
			if z, ok := region.ZoneNamed(name); ok {
				autoshifts.Put(tx, &autoshift{Region: z.Region, Zone: name, Start: c.Now})
				changed[z.Region] = true
			}
		}
		for x := range shift.Resources.Scan(tx) {
			if changed[x.Region] {
				look(tx, x)
			}
		}
		return nil
	})
}

// listAutoshifts lists the autoshifts of a region, whether or not one of the
// caller's resources takes part.
func listAutoshifts(c *cloud.Call, r store.Reader, in *api.ListAutoshiftsInput) (*api.ListAutoshiftsOutput, error) {
	wanted := cloud.Or(in.Status, api.AutoshiftExecutionStatusActive)
	list, next, ok := autoshifts.Page(r, store.K(c.Region), cloud.Or(in.NextToken, ""), int(cloud.Or(in.MaxResults, defaultPage)), func(a *autoshift) bool {
		return a.status() == wanted
	})
	if !ok {
		return nil, errToken()
	}
	out := &api.ListAutoshiftsOutput{Items: []api.AutoshiftSummary{}, NextToken: some(next)}
	for _, a := range list {
		item := api.AutoshiftSummary{AwayFrom: zoneID(a.Zone), StartTime: a.Start, Status: a.status()}
		if !a.End.IsZero() {
			item.EndTime = &a.End
		}
		out.Items = append(out.Items, item)
	}
	return out, nil
}

func (a *autoshift) status() string {
	if a.End.IsZero() {
		return api.AutoshiftExecutionStatusActive
	}
	return api.AutoshiftExecutionStatusCompleted
}

func updateZonalAutoshiftConfiguration(c *cloud.Call, tx store.Tx, in *api.UpdateZonalAutoshiftConfigurationInput) (*api.UpdateZonalAutoshiftConfigurationOutput, error) {
	x, f, err := findConfigured(c, tx, in.ResourceIdentifier)
	if err != nil {
		return nil, err
	}
	f.Autoshift = in.ZonalAutoshiftStatus
	configurations.Put(tx, f)
	look(tx, x)
	return &api.UpdateZonalAutoshiftConfigurationOutput{ResourceIdentifier: x.ARN, ZonalAutoshiftStatus: f.Autoshift}, nil
}

func getObserver(c *cloud.Call, r store.Reader, _ *api.GetAutoshiftObserverNotificationStatusInput) (*api.GetAutoshiftObserverNotificationStatusOutput, error) {
	status := api.AutoshiftObserverNotificationStatusDisabled
	if o, ok := observers.Get(r, c.Account, c.Region); ok {
		status = o.Status
	}
	return &api.GetAutoshiftObserverNotificationStatusOutput{Status: status}, nil
}

func updateObserver(c *cloud.Call, tx store.Tx, in *api.UpdateAutoshiftObserverNotificationStatusInput) (*api.UpdateAutoshiftObserverNotificationStatusOutput, error) {
	observers.Put(tx, &observer{c.Account, c.Region, in.Status})
	return &api.UpdateAutoshiftObserverNotificationStatusOutput{Status: in.Status}, nil
}

// after is the zone of a resource that comes after another in its order; the
// first where that is the last or none.
func after(zones []string, last string) string {
	return zones[(slices.Index(zones, last)+1)%len(zones)]
}
