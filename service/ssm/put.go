package ssm

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	api "pileus/api/ssm"
	"pileus/cloud"
	"pileus/identity"
	"pileus/store"
)

// Limits of Parameter Store.
// https://docs.aws.amazon.com/general/latest/gr/ssm.html#limits_ssm
const (
	maxStandard   = 4096 // bytes of a value
	maxAdvanced   = 8192
	maxVersions   = 100
	defaultKey    = "alias/aws/ssm"
	imageDataType = "aws:ec2:image"
)

var imageID = regexp.MustCompile(`^ami-([0-9a-f]{8}|[0-9a-f]{17})$`)

func putParameter(c *cloud.Call, tx store.Tx, in *api.PutParameterInput) (*api.PutParameterOutput, error) {
	if err := checkNew(in.Name); err != nil {
		return nil, err
	}
	p, exists := parameters.Get(tx, c.Account, c.Region, in.Name)
	overwrite := cloud.Or(in.Overwrite, false)
	switch {
	case exists && !overwrite:
		return nil, errExists
	case overwrite && len(in.Tags) > 0:
		return nil, errInvalid("Invalid request: tags and overwrite can't be used together. To create a parameter with tags, please remove overwrite flag. To update tags for an existing parameter, please use AddTagsToResource or RemoveTagsFromResource.")
	case !exists && in.Type == nil:
		return nil, errInvalid("A parameter type is required when you create a parameter.")
	}
	if !exists {
		p = &parameter{Account: c.Account, Region: c.Region, Name: in.Name, Type: *in.Type, Tags: apiTags(in.Tags)}
		if err := checkTags(p.Tags); err != nil {
			return nil, err
		}
	}
	if in.Type != nil && *in.Type != p.Type {
		return nil, api.ErrHierarchyTypeMismatch.New("Parameter Store doesn't support changing a parameter type in a hierarchy. For example, you can't change a parameter from a String type to a SecureString type. You must create a new, unique parameter.")
	}
	old, _ := p.version(tx, 0)
	v, err := newVersion(c, tx, p, old, in)
	if err != nil {
		return nil, err
	}
	if err := makeRoom(tx, p); err != nil {
		return nil, err
	}
	p.Latest = v.Number
	if err := applyPolicies(tx, p, v); err != nil {
		return nil, err
	}
	parameters.Put(tx, p)
	versions.Put(tx, v)
	return &api.PutParameterOutput{Version: &v.Number, Tier: &v.Tier}, nil
}

// newVersion checks the request and makes the version that it asks for. What
// it does not mention stays as it was.
func newVersion(c *cloud.Call, tx store.Tx, p *parameter, old *version, in *api.PutParameterInput) (*version, error) {
	if old == nil {
		old = &version{DataType: "text"}
	}
	v := &version{
		Account: p.Account, Region: p.Region, Name: p.Name, Number: p.Latest + 1, Type: p.Type, Value: in.Value,
		DataType: cloud.Or(in.DataType, old.DataType), Pattern: cloud.Or(in.AllowedPattern, old.Pattern),
		Description: cloud.Or(in.Description, old.Description), InlinePolicies: cloud.Or(in.Policies, old.InlinePolicies),
		Modified: c.Now, User: c.Principal.ARN,
	}
	if err := v.chooseTier(cloud.Or(in.Tier, ""), old.Tier); err != nil {
		return nil, err
	}
	if err := v.check(in.Value); err != nil {
		return nil, err
	}
	if p.Type != api.ParameterTypeSecureString {
		if in.KeyId != nil {
			return nil, errInvalid("KeyId is required for SecureString type parameter only.")
		}
		return v, nil
	}
	v.KeyID = cloud.Or(in.KeyId, cloud.Or(&old.KeyID, ""))
	if v.KeyID == "" {
		v.KeyID = defaultKey
	}
	if v.KeyID != defaultKey && v.KeyID != arnOfDefaultKey(c) {
		return nil, api.ErrInvalidKeyId.New("Invalid keyId %s", v.KeyID)
	}
	sealed, ok := identity.Seal(tx, purpose, []byte(in.Value))
	if !ok {
		return nil, cloud.Errorf(500, "InternalServerError", "The key that seals parameters is missing.")
	}
	v.Value = sealed
	return v, nil
}

func arnOfDefaultKey(c *cloud.Call) string { return c.ARN("kms", defaultKey) }

// chooseTier settles the tier: intelligent tiering takes the advanced one
// where something needs it, and an advanced parameter stays one.
func (v *version) chooseTier(asked, old string) error {
	needs := len(v.Value) > maxStandard || v.hasPolicies()
	switch {
	case asked == api.ParameterTierIntelligentTiering || (asked == "" && old == api.ParameterTierAdvanced):
		v.Tier = api.ParameterTierStandard
		if needs || old == api.ParameterTierAdvanced {
			v.Tier = api.ParameterTierAdvanced
		}
	case asked == "":
		v.Tier = api.ParameterTierStandard
	default:
		v.Tier = asked
	}
	switch {
	case v.Tier == api.ParameterTierStandard && old == api.ParameterTierAdvanced:
		return errInvalid("This parameter uses the advanced-parameter tier. You can't downgrade a parameter from the advanced-parameter tier to the standard-parameter tier. If necessary, you can delete the advanced parameter and recreate it as a standard parameter.")
	case v.Tier == api.ParameterTierStandard && len(v.Value) > maxStandard:
		return errInvalid("Standard tier parameters support a maximum parameter value of %d characters. To create a larger parameter value, upgrade the parameter to use the advanced-parameter tier. For more information, see https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-advanced-parameters.html", maxStandard)
	case v.Tier == api.ParameterTierStandard && v.hasPolicies():
		return errInvalid("Parameter policies are only supported for parameters in the advanced-parameter tier.")
	case len(v.Value) > maxAdvanced:
		return errInvalid("Advanced tier parameters support a maximum parameter value of %d characters.", maxAdvanced)
	}
	return nil
}

func (v *version) check(value string) error {
	switch {
	case value == "" || !utf8.ValidString(value):
		return errInvalid("1 validation error detected: Value '%s' at 'value' failed to satisfy constraint: Member must have length greater than or equal to 1.", value)
	case v.Type == api.ParameterTypeStringList && slices.Contains(strings.Split(value, ","), ""):
		return errInvalid("Parameter value, %s, contains an empty list item.", value)
	case v.DataType != "text" && v.DataType != imageDataType && v.DataType != "aws:ssm:integration":
		return errInvalid("The following data type is not supported: %s (Data type names are all lowercase.)", v.DataType)
	case v.DataType == imageDataType && !imageID.MatchString(value):
		return errInvalid("Invalid parameter value %s for data type %s: it must be the id of an Amazon Machine Image.", value, imageDataType)
	case v.Pattern == "":
		return nil
	}
	re, err := regexp.Compile(v.Pattern)
	if err != nil {
		return api.ErrInvalidAllowedPattern.New("The following regular expression pattern is not valid: %s", v.Pattern)
	}
	if !re.MatchString(value) {
		return api.ErrParameterPatternMismatch.New("Parameter value, cannot be validated against allowedPattern: %s", v.Pattern)
	}
	return nil
}

// makeRoom drops the oldest version of a parameter that has a hundred, unless
// that carries a label.
func makeRoom(tx store.Tx, p *parameter) error {
	oldest := p.Latest - maxVersions + 1
	if oldest < 1 {
		return nil
	}
	v, ok := p.version(tx, oldest)
	if !ok {
		return nil
	}
	if len(v.Labels) > 0 {
		return api.ErrParameterMaxVersionLimitExceeded.New("You attempted to create a new version of %s by calling the PutParameter API with the overwrite flag. Version %d, the oldest version, can't be deleted because it has a label associated with it. Move the label to another version of the parameter, and try again.", p.Name, oldest)
	}
	versions.Delete(tx, p.Account, p.Region, p.Name, oldest)
	return nil
}

// inlinePolicy is one parameter policy.
// https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-policies.html
type inlinePolicy struct {
	Type       string
	Version    string
	Attributes map[string]string
}

func (v *version) hasPolicies() bool { return v.InlinePolicies != "" && v.InlinePolicies != "[]" }

// applyPolicies checks the parameter policies and makes the appointment of the
// expiration.
func applyPolicies(tx store.Tx, p *parameter, v *version) error {
	p.Expires = time.Time{}
	if !v.hasPolicies() {
		return nil
	}
	var list []inlinePolicy
	if err := json.Unmarshal([]byte(v.InlinePolicies), &list); err != nil {
		return errInvalid("Invalid policies input: %s", v.InlinePolicies)
	}
	for _, q := range list {
		switch q.Type {
		case "Expiration":
			at, err := time.Parse(time.RFC3339, q.Attributes["Timestamp"])
			if err != nil || !at.After(v.Modified) {
				return api.ErrInvalidPolicyAttribute.New("Invalid Timestamp attribute of the Expiration policy: %s", q.Attributes["Timestamp"])
			}
			p.Expires = at
			tx.After(at, expireController, store.K(p.Account, p.Region, p.Name))
		case "ExpirationNotification", "NoChangeNotification":
		default:
			return api.ErrInvalidPolicyType.New("The policy type isn't supported: %s", q.Type)
		}
	}
	return nil
}

// inline are the policies as answers carry them.
func (v *version) inline() []api.ParameterInlinePolicy {
	var list []json.RawMessage
	if !v.hasPolicies() || json.Unmarshal([]byte(v.InlinePolicies), &list) != nil {
		return []api.ParameterInlinePolicy{}
	}
	out := []api.ParameterInlinePolicy{}
	for _, text := range list {
		var q inlinePolicy
		if json.Unmarshal(text, &q) == nil {
			out = append(out, api.ParameterInlinePolicy{PolicyText: new(string(text)), PolicyType: &q.Type, PolicyStatus: new("Pending")})
		}
	}
	return out
}
