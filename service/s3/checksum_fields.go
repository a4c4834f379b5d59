package s3

import api "pileus/api/s3"

// The generated types that carry checksums, each in the order of algorithms.

func putSums(x *api.PutObjectInput) sumFields {
	return sumFields{&x.ChecksumCRC32, &x.ChecksumCRC32C, &x.ChecksumCRC64NVME, &x.ChecksumSHA1, &x.ChecksumSHA256,
		&x.ChecksumSHA512, &x.ChecksumMD5, &x.ChecksumXXHASH64, &x.ChecksumXXHASH3, &x.ChecksumXXHASH128}
}

func putOutSums(x *api.PutObjectOutput) sumFields {
	return sumFields{&x.ChecksumCRC32, &x.ChecksumCRC32C, &x.ChecksumCRC64NVME, &x.ChecksumSHA1, &x.ChecksumSHA256,
		&x.ChecksumSHA512, &x.ChecksumMD5, &x.ChecksumXXHASH64, &x.ChecksumXXHASH3, &x.ChecksumXXHASH128}
}

func getSums(x *api.GetObjectOutput) sumFields {
	return sumFields{&x.ChecksumCRC32, &x.ChecksumCRC32C, &x.ChecksumCRC64NVME, &x.ChecksumSHA1, &x.ChecksumSHA256,
		&x.ChecksumSHA512, &x.ChecksumMD5, &x.ChecksumXXHASH64, &x.ChecksumXXHASH3, &x.ChecksumXXHASH128}
}

func headSums(x *api.HeadObjectOutput) sumFields {
	return sumFields{&x.ChecksumCRC32, &x.ChecksumCRC32C, &x.ChecksumCRC64NVME, &x.ChecksumSHA1, &x.ChecksumSHA256,
		&x.ChecksumSHA512, &x.ChecksumMD5, &x.ChecksumXXHASH64, &x.ChecksumXXHASH3, &x.ChecksumXXHASH128}
}

func partSums(x *api.UploadPartInput) sumFields {
	return sumFields{&x.ChecksumCRC32, &x.ChecksumCRC32C, &x.ChecksumCRC64NVME, &x.ChecksumSHA1, &x.ChecksumSHA256,
		&x.ChecksumSHA512, &x.ChecksumMD5, &x.ChecksumXXHASH64, &x.ChecksumXXHASH3, &x.ChecksumXXHASH128}
}

func partOutSums(x *api.UploadPartOutput) sumFields {
	return sumFields{&x.ChecksumCRC32, &x.ChecksumCRC32C, &x.ChecksumCRC64NVME, &x.ChecksumSHA1, &x.ChecksumSHA256,
		&x.ChecksumSHA512, &x.ChecksumMD5, &x.ChecksumXXHASH64, &x.ChecksumXXHASH3, &x.ChecksumXXHASH128}
}

func completeSums(x *api.CompleteMultipartUploadInput) sumFields {
	return sumFields{&x.ChecksumCRC32, &x.ChecksumCRC32C, &x.ChecksumCRC64NVME, &x.ChecksumSHA1, &x.ChecksumSHA256,
		&x.ChecksumSHA512, &x.ChecksumMD5, &x.ChecksumXXHASH64, &x.ChecksumXXHASH3, &x.ChecksumXXHASH128}
}

func completeOutSums(x *api.CompleteMultipartUploadOutput) sumFields {
	return sumFields{&x.ChecksumCRC32, &x.ChecksumCRC32C, &x.ChecksumCRC64NVME, &x.ChecksumSHA1, &x.ChecksumSHA256,
		&x.ChecksumSHA512, &x.ChecksumMD5, &x.ChecksumXXHASH64, &x.ChecksumXXHASH3, &x.ChecksumXXHASH128}
}

func completedPartSums(x *api.CompletedPart) sumFields {
	return sumFields{&x.ChecksumCRC32, &x.ChecksumCRC32C, &x.ChecksumCRC64NVME, &x.ChecksumSHA1, &x.ChecksumSHA256,
		&x.ChecksumSHA512, &x.ChecksumMD5, &x.ChecksumXXHASH64, &x.ChecksumXXHASH3, &x.ChecksumXXHASH128}
}

func copySums(x *api.CopyObjectResult) sumFields {
	return sumFields{&x.ChecksumCRC32, &x.ChecksumCRC32C, &x.ChecksumCRC64NVME, &x.ChecksumSHA1, &x.ChecksumSHA256,
		&x.ChecksumSHA512, &x.ChecksumMD5, &x.ChecksumXXHASH64, &x.ChecksumXXHASH3, &x.ChecksumXXHASH128}
}

func copyPartSums(x *api.CopyPartResult) sumFields {
	return sumFields{&x.ChecksumCRC32, &x.ChecksumCRC32C, &x.ChecksumCRC64NVME, &x.ChecksumSHA1, &x.ChecksumSHA256,
		&x.ChecksumSHA512, &x.ChecksumMD5, &x.ChecksumXXHASH64, &x.ChecksumXXHASH3, &x.ChecksumXXHASH128}
}

func listedPartSums(x *api.Part) sumFields {
	return sumFields{&x.ChecksumCRC32, &x.ChecksumCRC32C, &x.ChecksumCRC64NVME, &x.ChecksumSHA1, &x.ChecksumSHA256,
		&x.ChecksumSHA512, &x.ChecksumMD5, &x.ChecksumXXHASH64, &x.ChecksumXXHASH3, &x.ChecksumXXHASH128}
}

func objectPartSums(x *api.ObjectPart) sumFields {
	return sumFields{&x.ChecksumCRC32, &x.ChecksumCRC32C, &x.ChecksumCRC64NVME, &x.ChecksumSHA1, &x.ChecksumSHA256,
		&x.ChecksumSHA512, &x.ChecksumMD5, &x.ChecksumXXHASH64, &x.ChecksumXXHASH3, &x.ChecksumXXHASH128}
}

func attributeSums(x *api.Checksum) sumFields {
	return sumFields{&x.ChecksumCRC32, &x.ChecksumCRC32C, &x.ChecksumCRC64NVME, &x.ChecksumSHA1, &x.ChecksumSHA256,
		&x.ChecksumSHA512, &x.ChecksumMD5, &x.ChecksumXXHASH64, &x.ChecksumXXHASH3, &x.ChecksumXXHASH128}
}
