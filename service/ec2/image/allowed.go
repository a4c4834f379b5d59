package image

import (
	"slices"
	"time"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/service/ec2/resource"
	"pileus/store"
)

// allowance says which images of others an account sees and launches in a
// region; its own it always does.
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-allowed-amis.html
type allowance struct {
	Account, Region string
	State           string      // "" for disabled
	Criteria        []criterion // an image must meet one of them; none allow all
}

// criterion is what an image must be; what is empty does not matter.
type criterion struct {
	Providers, Names, Products []string
	Age, Deprecated            *int32 // days at most, since it was made and since it was deprecated
}

var allowances = &store.Table[allowance]{
	Name: "ec2.image.allowance",
	Key:  func(a *allowance) store.Key { return store.K(a.Account, a.Region) },
}

const (
	allowanceOff = api.AllowedImagesSettingsDisabledStateDisabled
	allowanceOn  = api.AllowedImagesSettingsEnabledStateEnabled
	maxCriteria  = 10
	day          = 24 * time.Hour
)

func allowanceOf(c *cloud.Call, r store.Reader) *allowance {
	if a, ok := allowances.Get(r, c.Account, c.Region); ok {
		return a
	}
	return &allowance{Account: c.Account, Region: c.Region}
}

// hides tells whether the account does not get to see an image.
func (a *allowance) hides(i *Image, now time.Time) bool {
	return a.State == allowanceOn && !a.allows(i, now)
}

// allows tells whether an image is allowed, be that enforced or looked into.
func (a *allowance) allows(i *Image, now time.Time) bool {
	return i.Account == a.Account || len(a.Criteria) == 0 || slices.ContainsFunc(a.Criteria, func(k criterion) bool { return k.met(i, now) })
}

func (k *criterion) met(i *Image, now time.Time) bool {
	switch {
	case len(k.Providers) > 0 && !slices.Contains(k.Providers, i.Account) && (i.Alias == "" || !slices.Contains(k.Providers, i.Alias)):
		return false
	case len(k.Names) > 0 && !slices.ContainsFunc(k.Names, func(p string) bool { return resource.Pattern(p)(i.Name) }):
		return false
	case len(k.Products) > 0: // no image has product codes
		return false
	case k.Age != nil && now.Sub(i.Created) > time.Duration(*k.Age)*day:
		return false
	case k.Deprecated != nil && i.deprecated(now) && now.Sub(i.Ended) > time.Duration(*k.Deprecated)*day:
		return false
	}
	return true
}

func enableAllowedImagesSettings(c *cloud.Call, tx store.Tx, in *api.EnableAllowedImagesSettingsInput) (*api.EnableAllowedImagesSettingsOutput, error) {
	a := *allowanceOf(c, tx)
	a.State = in.AllowedImagesSettingsState
	allowances.Put(tx, &a)
	return &api.EnableAllowedImagesSettingsOutput{AllowedImagesSettingsState: &a.State}, nil
}

func disableAllowedImagesSettings(c *cloud.Call, tx store.Tx, _ *api.DisableAllowedImagesSettingsInput) (*api.DisableAllowedImagesSettingsOutput, error) {
	a := *allowanceOf(c, tx)
	a.State = ""
	allowances.Put(tx, &a)
	return &api.DisableAllowedImagesSettingsOutput{AllowedImagesSettingsState: new(allowanceOff)}, nil
}

func replaceImageCriteria(c *cloud.Call, tx store.Tx, in *api.ReplaceImageCriteriaInAllowedImagesSettingsInput) (*api.ReplaceImageCriteriaInAllowedImagesSettingsOutput, error) {
	a := *allowanceOf(c, tx)
	a.Criteria = nil
	if len(in.ImageCriteria) > maxCriteria {
		return nil, resource.Errorf("InvalidParameterValue", "At most %d image criteria can be specified", maxCriteria)
	}
	for _, q := range in.ImageCriteria {
		k := criterion{Providers: q.ImageProviders, Names: q.ImageNames, Products: q.MarketplaceProductCodes}
		if q.CreationDateCondition != nil {
			k.Age = q.CreationDateCondition.MaximumDaysSinceCreated
		}
		if q.DeprecationTimeCondition != nil {
			k.Deprecated = q.DeprecationTimeCondition.MaximumDaysSinceDeprecated
		}
		if err := k.check(); err != nil {
			return nil, err
		}
		a.Criteria = append(a.Criteria, k)
	}
	allowances.Put(tx, &a)
	return &api.ReplaceImageCriteriaInAllowedImagesSettingsOutput{ReturnValue: new(true)}, nil
}

func (k *criterion) check() error {
	for _, p := range k.Providers {
		named := slices.Contains([]string{"amazon", "aws-marketplace", "aws-backup-vault"}, p)
		number := len(p) == 12 && !slices.ContainsFunc([]byte(p), func(b byte) bool { return b < '0' || b > '9' })
		if !named && !number && (p != "none" || len(k.Providers) > 1) {
			return resource.Errorf("InvalidParameterValue", "Invalid value '%s' for ImageProvider", p)
		}
	}
	if len(k.Providers)+len(k.Names)+len(k.Products) == 0 && k.Age == nil && k.Deprecated == nil {
		return resource.Errorf("InvalidParameterValue", "An image criterion must specify something")
	}
	return nil
}

func getAllowedImagesSettings(c *cloud.Call, r store.Reader, _ *api.GetAllowedImagesSettingsInput) (*api.GetAllowedImagesSettingsOutput, error) {
	a := allowanceOf(c, r)
	out := &api.GetAllowedImagesSettingsOutput{State: new(allowanceOff), ManagedBy: new(api.ManagedByAccount), ImageCriteria: []api.ImageCriterion{}}
	if a.State != "" {
		out.State = &a.State
	}
	for _, k := range a.Criteria {
		o := api.ImageCriterion{ImageProviders: k.Providers, ImageNames: k.Names, MarketplaceProductCodes: k.Products}
		if k.Age != nil {
			o.CreationDateCondition = &api.CreationDateCondition{MaximumDaysSinceCreated: k.Age}
		}
		if k.Deprecated != nil {
			o.DeprecationTimeCondition = &api.DeprecationTimeCondition{MaximumDaysSinceDeprecated: k.Deprecated}
		}
		out.ImageCriteria = append(out.ImageCriteria, o)
	}
	return out, nil
}
