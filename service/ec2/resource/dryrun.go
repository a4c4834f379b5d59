package resource

import (
	"net/http"
	"reflect"

	"pileus/cloud"
)

// errDryRun is the answer of a dry run that was authorised. One that was not
// is refused like the operation itself.
var errDryRun = cloud.Errorf(http.StatusPreconditionFailed, "DryRunOperation", "Request would have succeeded, but DryRun flag is set.")

// DryRun ends calls that carry DryRun=true once they are authorised.
func DryRun(b cloud.Binding) cloud.Binding {
	f, ok := b.In.FieldByName("DryRun")
	if !ok || f.Type != reflect.TypeFor[*bool]() {
		return b
	}
	return b.Before(func(_ *cloud.Call, in any) error {
		dry := reflect.ValueOf(in).Elem().FieldByIndex(f.Index).Interface().(*bool)
		if cloud.Or(dry, false) {
			return errDryRun
		}
		return nil
	})
}
