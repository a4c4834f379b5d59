package s3

import (
	"encoding/base64"
	"math/rand/v2"
	"testing"
)

// The check values of "123456789" that the algorithms' catalogues give.
func TestChecksumsOfTheCheckString(t *testing.T) {
	for name, want := range map[string]string{
		"CRC32":     "y/Q5Jg==",     // cbf43926
		"CRC32C":    "4waSgw==",     // e3069283
		"CRC64NVME": "rosUhgp5mIg=", // ae8b14860a799888
		"SHA1":      "98O8HYCOBHMq32eZZczDTKeuNEE=",
		"SHA256":    "FeKw08M4keuw8e9gnsQZQgwg4yDOlMZfvIwzEkSOsiU=",
		"SHA512":    "2eZ2LdHI6vbWGzxhkvxAjU1tXxF20MKRabwk5xw/J0rSf81YEbMT1oH35V7ALXPUmclUVba1u1A6z1dPuo/+hQ==",
		"MD5":       "JfnnlDI7RTiF9RgfG2JNCw==",
	} {
		h := findAlgorithm(name).make()
		h.Write([]byte("123456789"))
		if got := base64.StdEncoding.EncodeToString(h.Sum(nil)); got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
}

func TestEveryAlgorithmHasItsSize(t *testing.T) {
	for _, a := range algorithms {
		if n := len(a.make().Sum(nil)); n != a.size {
			t.Errorf("%s makes %d bytes, not %d", a.name, n, a.size)
		}
	}
}

// The checksum of a whole object follows from those of its parts, wherever it
// is cut.
func TestCombinedChecksumsEqualTheWhole(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	data := make([]byte, 100_000)
	for i := range data {
		data[i] = byte(r.Uint32())
	}
	sum := func(a *algorithm, b []byte) string {
		h := a.make()
		h.Write(b)
		return base64.StdEncoding.EncodeToString(h.Sum(nil))
	}
	for _, name := range []string{"CRC32", "CRC32C", "CRC64NVME"} {
		a := findAlgorithm(name)
		for range 50 {
			var infos []PartInfo
			for from := 0; from < len(data); {
				to := min(len(data), from+r.IntN(40_000))
				infos = append(infos, PartInfo{Size: int64(to - from), Sum: sum(a, data[from:to])})
				from = to
			}
			got, err := combineSums(name, false, infos)
			if err != nil {
				t.Fatal(err)
			}
			if want := sum(a, data); got != want {
				t.Fatalf("%s of %d parts is %s, want %s", name, len(infos), got, want)
			}
		}
	}
}
