package template

import (
	"slices"
	"strconv"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/service/ec2/resource"
	"pileus/store"
)

func describeLaunchTemplates(c *cloud.Call, r store.Reader, in *api.DescribeLaunchTemplatesInput) (*api.DescribeLaunchTemplatesOutput, error) {
	ids := slices.Clone(in.LaunchTemplateIds)
	for _, n := range in.LaunchTemplateNames {
		t, err := find(c, r, nil, &n)
		if err != nil {
			return nil, err
		}
		ids = append(ids, t.ID)
	}
	q := resource.Query{IDs: ids, Filters: in.Filters, Max: in.MaxResults, Token: in.NextToken, Least: 1, Most: 200, NotFound: errNoID}
	page, next, err := resource.List(c, r, q, templates.Scan(r, c.Account, c.Region), func(t *template) string { return t.ID }, resource.Fields[template]{
		"launch-template-name": resource.One(func(t *template) string { return t.Name }),
		"create-time":          resource.One(func(t *template) string { return t.Created.UTC().Format("2006-01-02T15:04:05.000Z") }),
	})
	if err != nil {
		return nil, err
	}
	out := &api.DescribeLaunchTemplatesOutput{LaunchTemplates: []api.LaunchTemplate{}, NextToken: next}
	for _, t := range page {
		out.LaunchTemplates = append(out.LaunchTemplates, t.api(c, r))
	}
	return out, nil
}

// versionPage is how many versions a page holds at most.
const versionPage = 200

// described is a version with the template that it belongs to.
type described struct {
	*version
	of  *template
	out *api.LaunchTemplateVersion
}

// describeLaunchTemplateVersions lists the versions of one template, newest
// first, or the latest or default ones of all.
func describeLaunchTemplateVersions(c *cloud.Call, r store.Reader, in *api.DescribeLaunchTemplateVersionsInput) (*api.DescribeLaunchTemplateVersionsOutput, error) {
	found, err := wanted(c, r, in)
	if err != nil {
		return nil, err
	}
	all := func(yield func(*described) bool) {
		for i := range found {
			if !yield(&found[i]) {
				return
			}
		}
	}
	// Newest first within a template: ids count down.
	order := func(d *described) string { return d.of.ID + strconv.FormatInt(1<<62-d.Number, 10) }
	q := resource.Query{Filters: in.Filters, Max: in.MaxResults, Token: in.NextToken, Least: 1, Most: versionPage}
	page, next, err := resource.List(c, r, q, all, order, versionFields)
	if err != nil {
		return nil, err
	}
	out := &api.DescribeLaunchTemplateVersionsOutput{LaunchTemplateVersions: []api.LaunchTemplateVersion{}, NextToken: next}
	for _, d := range page {
		out.LaunchTemplateVersions = append(out.LaunchTemplateVersions, *d.out)
	}
	return out, nil
}

var versionFields = resource.Fields[described]{
	"create-time":        resource.One(func(d *described) string { return d.Created.UTC().Format("2006-01-02T15:04:05.000Z") }),
	"is-default-version": resource.Flag(func(d *described) bool { return d.Number == d.of.Default }),
	"image-id":           resource.One(func(d *described) string { return cloud.Or(d.out.LaunchTemplateData.ImageId, "") }),
	"instance-type":      resource.One(func(d *described) string { return cloud.Or(d.out.LaunchTemplateData.InstanceType, "") }),
	"kernel-id":          resource.One(func(d *described) string { return cloud.Or(d.out.LaunchTemplateData.KernelId, "") }),
	"ram-disk-id":        resource.One(func(d *described) string { return cloud.Or(d.out.LaunchTemplateData.RamDiskId, "") }),
	"ebs-optimized":      resource.Flag(func(d *described) bool { return cloud.Or(d.out.LaunchTemplateData.EbsOptimized, false) }),
	"iam-instance-profile": func(d *described) []string {
		if p := d.out.LaunchTemplateData.IamInstanceProfile; p != nil {
			return []string{cloud.Or(p.Arn, ""), cloud.Or(p.Name, "")}
		}
		return nil
	},
	"http-tokens": func(d *described) []string {
		if m := d.out.LaunchTemplateData.MetadataOptions; m != nil {
			return []string{cloud.Or(m.HttpTokens, "")}
		}
		return nil
	},
}

// wanted are the versions that a request asks for.
func wanted(c *cloud.Call, r store.Reader, in *api.DescribeLaunchTemplateVersionsInput) (found []described, err error) {
	add := func(t *template, v *version) error {
		out, err := v.api(c, r, t, cloud.Or(in.ResolveAlias, false))
		found = append(found, described{v, t, out})
		return err
	}
	if in.LaunchTemplateId == nil && in.LaunchTemplateName == nil {
		if len(in.Versions) == 0 || slices.ContainsFunc(in.Versions, func(n string) bool { return n != latestVersion && n != defaultVersion }) {
			return nil, resource.Errorf("MissingParameter", "Either the launch template ID or launch template name must be specified, or versions $Latest or $Default")
		}
		for t := range templates.Scan(r, c.Account, c.Region) {
			if err := named(r, t, in.Versions, add); err != nil {
				return nil, err
			}
		}
		return found, nil
	}
	t, err := find(c, r, in.LaunchTemplateId, in.LaunchTemplateName)
	if err != nil {
		return nil, err
	}
	if len(in.Versions) > 0 {
		return found, named(r, t, in.Versions, add)
	}
	least, most, err := span(in)
	if err != nil {
		return nil, err
	}
	for v := range versions.Scan(r, t.Account, t.Region, t.ID) {
		if v.Number >= least && v.Number <= most {
			if err := add(t, v); err != nil {
				return nil, err
			}
		}
	}
	return found, nil
}

func named(r store.Reader, t *template, names []string, add func(*template, *version) error) error {
	seen := map[int64]bool{}
	for _, n := range names {
		v, err := t.version(r, n)
		if err != nil {
			return err
		}
		if !seen[v.Number] {
			if err := add(t, v); err != nil {
				return err
			}
		}
		seen[v.Number] = true
	}
	return nil
}

func span(in *api.DescribeLaunchTemplateVersionsInput) (least, most int64, err error) {
	least, most = 1, 1<<62
	for _, b := range []struct {
		s *string
		n *int64
	}{{in.MinVersion, &least}, {in.MaxVersion, &most}} {
		if b.s == nil {
			continue
		}
		if *b.n, err = strconv.ParseInt(*b.s, 10, 64); err != nil {
			return 0, 0, resource.Errorf("InvalidLaunchTemplateVersion", "The specified version '%s' is not valid", *b.s)
		}
	}
	return least, most, nil
}
