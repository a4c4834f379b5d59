"""Directory buckets through boto3, which makes and renews their sessions by itself."""

import io
import urllib.parse

import urllib3

from cloud import ENDPOINT, Case, client, name

# Buckets of this kind are addressed by host names where the endpoint has one, which not every machine resolves.
ADDRESS = ENDPOINT.replace("//localhost", "//127.0.0.1")
LAYOUT = {
    "Location": {"Type": "AvailabilityZone", "Name": "use1-az4"},
    "Bucket": {"Type": "Directory", "DataRedundancy": "SingleAvailabilityZone"},
}


class Directories(Case):
    @classmethod
    def setUpClass(cls):
        cls.s3 = client("s3", endpoint_url=ADDRESS, region_name="us-east-1")
        cls.bucket = name("dir") + "--use1-az4--x-s3"
        cls.s3.create_bucket(Bucket=cls.bucket, CreateBucketConfiguration=LAYOUT)

    def test_objects(self):
        self.s3.put_object(Bucket=self.bucket, Key="a/b", Body=b"x")
        self.assertEqual(b"x", self.s3.get_object(Bucket=self.bucket, Key="a/b")["Body"].read())
        self.assertEqual("EXPRESS_ONEZONE", self.s3.head_object(Bucket=self.bucket, Key="a/b")["StorageClass"])
        page = self.s3.list_objects_v2(Bucket=self.bucket, Delimiter="/")
        self.assertEqual(["a/"], [p["Prefix"] for p in page["CommonPrefixes"]])
        self.s3.delete_object(Bucket=self.bucket, Key="a/b")

    def test_transfer_in_parts_and_rename(self):
        body = b"0123456789abcdef" * (1 << 20)
        self.s3.upload_fileobj(io.BytesIO(body), self.bucket, "large")
        self.s3.rename_object(Bucket=self.bucket, Key="renamed", RenameSource=urllib.parse.quote(f"{self.bucket}/large"))
        back = io.BytesIO()
        self.s3.download_fileobj(self.bucket, "renamed", back)
        self.assertEqual(body, back.getvalue())
        self.refused("404", self.s3.head_object, Bucket=self.bucket, Key="large")
        self.s3.delete_object(Bucket=self.bucket, Key="renamed")

    def test_presigned(self):
        self.s3.put_object(Bucket=self.bucket, Key="signed", Body=b"x")
        url = self.s3.generate_presigned_url("get_object", Params={"Bucket": self.bucket, "Key": "signed"})
        self.assertEqual(b"x", urllib3.request("GET", url).data)
        self.assertEqual(400, urllib3.request("GET", url.replace("X-Amz-S3session-Token=", "X-Amz-S3session-Token=x")).status)
        self.s3.delete_object(Bucket=self.bucket, Key="signed")

    def test_listed_apart_and_limited(self):
        self.assertIn(self.bucket, [b["Name"] for b in self.s3.list_directory_buckets()["Buckets"]])
        self.assertNotIn(self.bucket, [b["Name"] for b in self.s3.list_buckets()["Buckets"]])
        self.refused("MethodNotAllowed", self.s3.get_bucket_versioning, Bucket=self.bucket)
        self.refused("NotImplemented", self.s3.put_object, Bucket=self.bucket, Key="k", Tagging="a=b")
        self.refused("InvalidRequest", self.s3.list_objects_v2, Bucket=self.bucket, Prefix="no/slash")
