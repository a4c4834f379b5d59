package instance_test

import (
	"testing"

	"pileus/internal/packed/packedtest"
)

func TestInstanceTypesArePacked(t *testing.T) { packedtest.Current(t, "types.csv.gz", "types.csv") }
