package s3

import (
	"crypto/md5"
	"encoding/base64"
	"slices"

	"pileus/cloud"
)

// customerKey is a key that the client keeps (SSE-C). The zero value is none.
type customerKey struct {
	key    []byte // 32 bytes
	digest string // base64 of its MD5, which answers show and objects keep
}

const sseHeader = "x-amz-server-side-encryption-customer-"

// readCustomerKey checks the three headers of SSE-C.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/ServerSideEncryptionCustomerKeys.html
func readCustomerKey(algorithm, key, digest *string) (customerKey, error) {
	if algorithm == nil && key == nil && digest == nil {
		return customerKey{}, nil
	}
	const prefix = "Requests specifying Server Side Encryption with Customer provided keys must provide "
	switch {
	case algorithm == nil:
		return customerKey{}, errArgument(sseHeader+"algorithm", "null", prefix+"a valid encryption algorithm.")
	case *algorithm != "AES256":
		return customerKey{}, cloud.Errorf(400, "InvalidEncryptionAlgorithmError", "The Encryption request you specified is not valid. Supported value: AES256.").
			With("ArgumentName", sseHeader+"algorithm").With("ArgumentValue", *algorithm)
	case key == nil:
		return customerKey{}, errArgument(sseHeader+"key", "null", prefix+"an appropriate secret key.")
	case digest == nil:
		return customerKey{}, errArgument(sseHeader+"key-MD5", "null", prefix+"the client calculated MD5 of the secret key.")
	}
	raw, err := base64.StdEncoding.DecodeString(*key)
	if err != nil || len(raw) != 32 {
		return customerKey{}, errArgument(sseHeader+"key", "null", "The secret key was invalid for the specified algorithm.")
	}
	sum := md5.Sum(raw)
	if *digest != base64.StdEncoding.EncodeToString(sum[:]) {
		return customerKey{}, errArgument(sseHeader+"key-MD5", *digest, "The calculated MD5 hash of the key did not match the hash that was provided.")
	}
	return customerKey{key: raw, digest: *digest}, nil
}

// readEncryption checks what an upload asks for: SSE-S3, SSE-C, or nothing,
// which is SSE-S3 too.
func readEncryption(sse, kmsKey, kmsContext *string, algorithm, key, digest *string) (customerKey, error) {
	k, err := readCustomerKey(algorithm, key, digest)
	if err != nil {
		return k, err
	}
	if sse != nil {
		switch *sse {
		case "AES256":
		case "aws:kms", "aws:kms:dsse":
			return k, errNoKMS
		default:
			return k, errSSEAlgorithm.With("ArgumentName", "x-amz-server-side-encryption").With("ArgumentValue", *sse)
		}
		if k.key != nil {
			return k, errArgument("x-amz-server-side-encryption", *sse, "Server Side Encryption with Customer provided key is incompatible with the encryption method specified")
		}
	}
	if kmsKey != nil || kmsContext != nil {
		return k, errArgument("x-amz-server-side-encryption", cloud.Or(sse, "null"), "Server Side Encryption with AWS KMS managed key requires HTTP header x-amz-server-side-encryption : aws:kms")
	}
	return k, nil
}

// blocksCustomerKeys tells whether the bucket's encryption refuses SSE-C.
func blocksCustomerKeys(b *Bucket) bool {
	if b.Encryption == nil {
		return false
	}
	for _, r := range b.Encryption.Rules {
		if r.BlockedEncryptionTypes != nil && slices.Contains(r.BlockedEncryptionTypes.EncryptionType, "SSE-C") {
			return true
		}
	}
	return false
}

// unlock decides whether the key opens the object.
func (k customerKey) unlock(o *Object) error {
	switch {
	case o.CustomerKeyMD5 == "" && k.key != nil:
		return errSSENotApplicable
	case o.CustomerKeyMD5 != "" && k.key == nil:
		return errSSENeeded
	case o.CustomerKeyMD5 != k.digest:
		return errAccessDenied
	}
	return nil
}

// sseAnswer is how an answer tells of the encryption.
func sseAnswer(digest string) (sse, algorithm, keyMD5 *string) {
	if digest == "" {
		return new("AES256"), nil, nil
	}
	return nil, new("AES256"), &digest
}
