package arczonalshift

import (
	api "pileus/api/arczonalshift"
	"pileus/cloud"
	"pileus/store"
)

// access declares what each operation needs: leave for the resource, be it named
// by its ARN or by a shift of it.
// https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsarczonalshift.html
func access() []cloud.Access {
	return []cloud.Access{
		onResource(&api.StartZonalShift, func(in *api.StartZonalShiftInput) string { return in.ResourceIdentifier }),
		onShift(&api.UpdateZonalShift, func(in *api.UpdateZonalShiftInput) string { return in.ZonalShiftId }),
		onShift(&api.CancelZonalShift, func(in *api.CancelZonalShiftInput) string { return in.ZonalShiftId }),
		api.ListZonalShifts.Needs("arc-zonal-shift:ListZonalShifts", nil),
		onResource(&api.GetManagedResource, func(in *api.GetManagedResourceInput) string { return in.ResourceIdentifier }),
		api.ListManagedResources.Needs("arc-zonal-shift:ListManagedResources", nil),
		onResource(&api.CreatePracticeRunConfiguration, func(in *api.CreatePracticeRunConfigurationInput) string { return in.ResourceIdentifier }),
		onResource(&api.UpdatePracticeRunConfiguration, func(in *api.UpdatePracticeRunConfigurationInput) string { return in.ResourceIdentifier }),
		onResource(&api.DeletePracticeRunConfiguration, func(in *api.DeletePracticeRunConfigurationInput) string { return in.ResourceIdentifier }),
		onResource(&api.StartPracticeRun, func(in *api.StartPracticeRunInput) string { return in.ResourceIdentifier }),
		onShift(&api.CancelPracticeRun, func(in *api.CancelPracticeRunInput) string { return in.ZonalShiftId }),
		onResource(&api.UpdateZonalAutoshiftConfiguration, func(in *api.UpdateZonalAutoshiftConfigurationInput) string { return in.ResourceIdentifier }),
		api.ListAutoshifts.Needs("arc-zonal-shift:ListAutoshifts", nil),
		api.GetAutoshiftObserverNotificationStatus.Needs("arc-zonal-shift:GetAutoshiftObserverNotificationStatus", nil),
		api.UpdateAutoshiftObserverNotificationStatus.Needs("arc-zonal-shift:UpdateAutoshiftObserverNotificationStatus", nil),
	}
}

func check(action, arn string) []cloud.Check {
	return []cloud.Check{{Action: action, Resource: cloud.Resource{ARN: arn}, Keys: cloud.Keys{"arc-zonal-shift:resourceidentifier": {arn}}}}
}

func onResource[In, Out any](o *cloud.Op[In, Out], arn func(In) string) cloud.Access {
	action := "arc-zonal-shift:" + o.Name
	return o.Decides([]string{action}, func(_ *cloud.Call, _ store.Reader, in In) ([]cloud.Check, error) {
		return check(action, arn(in)), nil
	})
}

func onShift[In, Out any](o *cloud.Op[In, Out], id func(In) string) cloud.Access {
	action := "arc-zonal-shift:" + o.Name
	return o.Decides([]string{action}, func(c *cloud.Call, r store.Reader, in In) ([]cloud.Check, error) {
		if s, ok := shifts.Get(r, c.Account, c.Region, id(in)); ok {
			return check(action, s.Resource), nil
		}
		return []cloud.Check{{Action: action, Resource: cloud.Resource{ARN: "*"}}}, nil
	})
}
