package ssm

import (
	"regexp"
	"slices"
	"strings"

	api "pileus/api/ssm"
	"pileus/cloud"
	"pileus/store"
)

// maxLabels of one version.
const maxLabels = 10

var labelPattern = regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_.\-]*$`)

func validLabel(s string) bool {
	low := strings.ToLower(s)
	return labelPattern.MatchString(s) && !strings.HasPrefix(low, "aws") && !strings.HasPrefix(low, "ssm")
}

// labelParameterVersion gives labels to a version; one that another version
// has moves.
func labelParameterVersion(c *cloud.Call, tx store.Tx, in *api.LabelParameterVersionInput) (*api.LabelParameterVersionOutput, error) {
	p, v, err := versionToLabel(c, tx, in.Name, cloud.Or(in.ParameterVersion, 0))
	if err != nil {
		return nil, err
	}
	out := &api.LabelParameterVersionOutput{InvalidLabels: []string{}, ParameterVersion: &v.Number}
	labels := slices.Clone(v.Labels)
	var moved []string
	for _, l := range in.Labels {
		switch {
		case !validLabel(l):
			out.InvalidLabels = append(out.InvalidLabels, l)
		case !slices.Contains(labels, l):
			labels, moved = append(labels, l), append(moved, l)
		}
	}
	if len(labels) > maxLabels {
		return nil, api.ErrParameterVersionLabelLimitExceeded.New("A parameter version can have maximum %d labels.", maxLabels)
	}
	for _, l := range moved {
		if holder, ok := p.labelled(tx, l); ok {
			changed := *holder
			changed.Labels = slices.DeleteFunc(slices.Clone(holder.Labels), func(s string) bool { return s == l })
			versions.Put(tx, &changed)
		}
	}
	changed := *v
	changed.Labels = labels
	versions.Put(tx, &changed)
	return out, nil
}

func unlabelParameterVersion(c *cloud.Call, tx store.Tx, in *api.UnlabelParameterVersionInput) (*api.UnlabelParameterVersionOutput, error) {
	_, v, err := versionToLabel(c, tx, in.Name, in.ParameterVersion)
	if err != nil {
		return nil, err
	}
	out := &api.UnlabelParameterVersionOutput{InvalidLabels: []string{}, RemovedLabels: []string{}}
	changed := *v
	changed.Labels = slices.Clone(v.Labels)
	for _, l := range in.Labels {
		i := slices.Index(changed.Labels, l)
		if i < 0 {
			out.InvalidLabels = append(out.InvalidLabels, l)
			continue
		}
		changed.Labels = slices.Delete(changed.Labels, i, i+1)
		out.RemovedLabels = append(out.RemovedLabels, l)
	}
	versions.Put(tx, &changed)
	return out, nil
}

func versionToLabel(c *cloud.Call, r store.Reader, name string, number int64) (*parameter, *version, error) {
	n, err := parseName(c, name)
	if err != nil {
		return nil, nil, err
	}
	p, ok := n.locate(r)
	if !ok || p.Account != c.Account {
		return nil, nil, errNotFound(name)
	}
	v, ok := p.version(r, number)
	if !ok {
		return nil, nil, api.ErrParameterVersionNotFound.New("Systems Manager could not find version %d of %s. Verify the version and try again.", number, n.name)
	}
	return p, v, nil
}
