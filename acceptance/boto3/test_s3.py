"""S3 through boto3: objects."""

import base64
import hashlib
import io
import os
import threading
import zlib
from concurrent.futures import ThreadPoolExecutor

import boto3
from boto3.s3.transfer import TransferConfig
from botocore.config import Config

from cloud import Case, client, name

MIB = 1 << 20


class Bucketed(Case):
    @classmethod
    def setUpClass(cls):
        cls.s3 = client("s3")
        cls.bucket = name("boto")
        cls.s3.create_bucket(Bucket=cls.bucket)

    def put(self, key, body=b"hello", **more):
        return self.s3.put_object(Bucket=self.bucket, Key=key, Body=body, **more)

    def get(self, key, **more):
        return self.s3.get_object(Bucket=self.bucket, Key=key, **more)

    def body(self, key, **more):
        return self.get(key, **more)["Body"].read()


class Objects(Bucketed):
    def test_round_trip(self):
        put = self.put("a", b"hello", ContentType="text/plain", Metadata={"colour": "blue"}, CacheControl="max-age=9")
        self.assertEqual('"%s"' % hashlib.md5(b"hello").hexdigest(), put["ETag"])
        got = self.get("a")
        self.assertEqual(b"hello", got["Body"].read())
        self.assertEqual("text/plain", got["ContentType"])
        self.assertEqual("max-age=9", got["CacheControl"])
        self.assertEqual({"colour": "blue"}, got["Metadata"])
        self.assertEqual("AES256", got["ServerSideEncryption"])

    def test_keys_of_every_kind(self):
        keys = ["ünïcode/é", "日本語", "emoji 🪣", "a b+c&d=e?f#g%h", "../up", "a//b", "/", "./x", "'\"<>\\", "x" * 1024, "tab\tnew\nline"]
        for key in keys:
            with self.subTest(key=key[:20]):
                self.put(key, key.encode())
                self.assertEqual(key.encode(), self.body(key))
        listed = [o["Key"] for o in self.s3.list_objects_v2(Bucket=self.bucket)["Contents"]]
        self.assertLessEqual(set(keys), set(listed))
        self.assertEqual(sorted(listed, key=lambda k: k.encode()), listed)
        self.refused("KeyTooLongError", self.put, "x" * 1025)

    def test_ranges(self):
        self.put("digits", b"0123456789")
        for text, want in {"bytes=0-0": b"0", "bytes=2-4": b"234", "bytes=7-": b"789", "bytes=-3": b"789", "bytes=5-99": b"56789"}.items():
            with self.subTest(text=text):
                got = self.get("digits", Range=text)
                self.assertEqual(206, got["ResponseMetadata"]["HTTPStatusCode"])
                self.assertEqual(want, got["Body"].read())
        self.refused("InvalidRange", self.get, "digits", Range="bytes=10-")

    def test_conditions(self):
        etag = self.put("cond", IfNoneMatch="*")["ETag"]
        self.refused("PreconditionFailed", self.put, "cond", IfNoneMatch="*")
        self.refused("PreconditionFailed", self.put, "cond", IfMatch='"0123"')
        etag = self.put("cond", b"two", IfMatch=etag)["ETag"]
        self.refused("NoSuchKey", self.put, "absent", IfMatch=etag)
        self.refused("304", self.get, "cond", IfNoneMatch=etag)
        self.refused("PreconditionFailed", self.get, "cond", IfMatch='"0123"')
        modified = self.get("cond")["LastModified"]
        self.refused("304", self.get, "cond", IfModifiedSince=modified)
        self.get("cond", IfUnmodifiedSince=modified)
        self.refused("PreconditionFailed", self.s3.delete_object, Bucket=self.bucket, Key="cond", IfMatch='"0123"')
        self.s3.delete_object(Bucket=self.bucket, Key="cond", IfMatch=etag)

    def test_checksums(self):
        body = os.urandom(70000)
        wants = {
            "CRC32": base64.b64encode(zlib.crc32(body).to_bytes(4, "big")).decode(),
            "SHA1": base64.b64encode(hashlib.sha1(body).digest()).decode(),
            "SHA256": base64.b64encode(hashlib.sha256(body).digest()).decode(),
        }
        for algorithm, want in wants.items():
            with self.subTest(algorithm=algorithm):
                put = self.put(algorithm, body, ChecksumAlgorithm=algorithm)
                self.assertEqual(want, put["Checksum" + algorithm])
                got = self.get(algorithm, ChecksumMode="ENABLED")
                self.assertEqual(want, got["Checksum" + algorithm])
                self.assertEqual("FULL_OBJECT", got["ChecksumType"])
                self.assertEqual(body, got["Body"].read())  # botocore checks it on the way
                self.refused("BadDigest", self.put, "bad", body + b"x", **{"Checksum" + algorithm: want})
        # Values of the other two come from outside boto3, which needs an extension to compute them.
        for algorithm, want in {"CRC32C": "4waSgw==", "CRC64NVME": "rosUhgp5mIg="}.items():
            with self.subTest(algorithm=algorithm):
                self.put(algorithm, b"123456789", **{"Checksum" + algorithm: want})
                self.assertEqual(want, self.s3.head_object(Bucket=self.bucket, Key=algorithm, ChecksumMode="ENABLED")["Checksum" + algorithm])
                self.refused("BadDigest", self.put, "bad", b"987654321", **{"Checksum" + algorithm: want})
        self.refused("NoSuchKey", self.get, "bad")

    def test_streaming_uploads(self):
        class Stream(io.RawIOBase):
            """Bytes that can be read once and whose length nobody knows."""

            def __init__(self, size):
                self.left = size

            def readable(self):
                return True

            def readinto(self, b):
                n = min(len(b), self.left)
                b[:n] = b"s" * n
                self.left -= n
                return n

        self.s3.upload_fileobj(Stream(9 * MIB), self.bucket, "stream")
        head = self.s3.head_object(Bucket=self.bucket, Key="stream")
        self.assertEqual(9 * MIB, head["ContentLength"])
        self.assertTrue(head["ETag"].endswith('-2"'))
        with open("/dev/urandom", "rb") as f:
            self.put("file", io.BytesIO(f.read(300000)))
        self.assertEqual(300000, len(self.body("file")))

    def test_transfer_manager(self):
        body = os.urandom(20 * MIB)
        config = TransferConfig(multipart_threshold=5 * MIB, multipart_chunksize=5 * MIB, max_concurrency=4)
        for extra in ({}, {"ChecksumAlgorithm": "SHA256"}, {"ChecksumAlgorithm": "CRC32"}):
            with self.subTest(extra=extra):
                seen = []
                self.s3.upload_fileobj(io.BytesIO(body), self.bucket, "large", Config=config, ExtraArgs=extra, Callback=seen.append)
                self.assertEqual(len(body), sum(seen))
                back = io.BytesIO()
                self.s3.download_fileobj(self.bucket, "large", back, Config=config)
                self.assertEqual(body, back.getvalue())
        self.assertEqual(4, self.s3.head_object(Bucket=self.bucket, Key="large", PartNumber=1)["PartsCount"])
        parts = self.s3.get_object_attributes(Bucket=self.bucket, Key="large", ObjectAttributes=["ObjectParts", "ObjectSize"])
        self.assertEqual(4, parts["ObjectParts"]["TotalPartsCount"])
        self.s3.copy({"Bucket": self.bucket, "Key": "large"}, self.bucket, "copied", Config=config)
        self.assertEqual(body, self.body("copied"))

    def test_copy(self):
        etag = self.put("src", b"copy me", Metadata={"a": "1"}, Tagging="t=1", ContentType="text/x")["ETag"]
        source = {"Bucket": self.bucket, "Key": "src"}
        copied = self.s3.copy_object(Bucket=self.bucket, Key="dst", CopySource=source)
        self.assertEqual(etag, copied["CopyObjectResult"]["ETag"])
        got = self.get("dst")
        self.assertEqual(({"a": "1"}, "text/x", 1), (got["Metadata"], got["ContentType"], got["TagCount"]))
        self.s3.copy_object(Bucket=self.bucket, Key="dst", CopySource=source, MetadataDirective="REPLACE", Metadata={"b": "2"}, TaggingDirective="REPLACE", Tagging="")
        got = self.get("dst")
        self.assertEqual({"b": "2"}, got["Metadata"])
        self.assertNotIn("TagCount", got)
        self.refused("InvalidRequest", self.s3.copy_object, Bucket=self.bucket, Key="src", CopySource=source)
        self.refused("PreconditionFailed", self.s3.copy_object, Bucket=self.bucket, Key="dst", CopySource=source, CopySourceIfMatch='"0"')
        self.refused("NoSuchKey", self.s3.copy_object, Bucket=self.bucket, Key="dst", CopySource={"Bucket": self.bucket, "Key": "absent"})

    def test_append_is_not_pretended(self):
        self.refused("NoSuchKey", self.get, "never")
        self.refused("404", self.s3.head_object, Bucket=self.bucket, Key="never")
        self.refused("NoSuchBucket", self.s3.list_objects_v2, Bucket="nobody-has-this")
        self.refused("404", self.s3.head_bucket, Bucket="nobody-has-this")
        self.refused("EntityTooSmall", self.small_part)
        self.refused("MetadataTooLarge", self.put, "meta", Metadata={"m": "x" * 3000})

    def small_part(self):
        up = self.s3.create_multipart_upload(Bucket=self.bucket, Key="small")["UploadId"]
        where = {"Bucket": self.bucket, "Key": "small", "UploadId": up}
        parts = [{"PartNumber": n, "ETag": self.s3.upload_part(**where, PartNumber=n, Body=b"small")["ETag"]} for n in (1, 2)]
        self.s3.complete_multipart_upload(**where, MultipartUpload={"Parts": parts})

    def test_addressing_styles(self):
        for style in ("path", "auto"):
            with self.subTest(style=style):
                s3 = client("s3", config=Config(s3={"addressing_style": style}))
                s3.put_object(Bucket=self.bucket, Key="style", Body=style)
                self.assertEqual(style.encode(), s3.get_object(Bucket=self.bucket, Key="style")["Body"].read())

    def test_unsigned_payload_and_no_trailers(self):
        for config in (Config(request_checksum_calculation="when_required"), Config(s3={"payload_signing_enabled": True})):
            s3 = client("s3", config=config)
            s3.put_object(Bucket=self.bucket, Key="plain", Body=b"plain")
            self.assertEqual(b"plain", s3.get_object(Bucket=self.bucket, Key="plain")["Body"].read())

    def test_threads(self):
        def work(n):
            key = f"thread/{n}"
            self.put(key, str(n).encode() * 1000)
            return self.body(key) == str(n).encode() * 1000

        with ThreadPoolExecutor(16) as pool:
            self.assertTrue(all(pool.map(work, range(200))))
        self.assertEqual(200, self.s3.list_objects_v2(Bucket=self.bucket, Prefix="thread/")["KeyCount"])

    def test_one_of_many_creates(self):
        won, barrier = [], threading.Barrier(8)

        def race(n):
            barrier.wait()
            try:
                self.put("race", str(n).encode(), IfNoneMatch="*")
                won.append(n)
            except self.s3.exceptions.ClientError as e:
                self.assertIn(e.response["Error"]["Code"], ("PreconditionFailed", "ConditionalRequestConflict"))

        threads = [threading.Thread(target=race, args=(n,)) for n in range(8)]
        [t.start() for t in threads]
        [t.join() for t in threads]
        self.assertEqual(1, len(won))
        self.assertEqual(str(won[0]).encode(), self.body("race"))


class Resources(Case):
    """boto3's object-oriented face."""

    def test_resource_api(self):
        s3 = boto3.resource("s3")
        bucket = s3.create_bucket(Bucket=name("res"))
        bucket.wait_until_exists()
        obj = bucket.put_object(Key="a/b", Body=b"x")
        self.assertEqual(b"x", obj.get()["Body"].read())
        bucket.Object("c").upload_fileobj(io.BytesIO(b"y"))
        self.assertEqual(["a/b", "c"], [o.key for o in bucket.objects.all()])
        self.assertEqual(["a/b"], [o.key for o in bucket.objects.filter(Prefix="a/")])
        bucket.Versioning().enable()
        bucket.put_object(Key="c", Body=b"z")
        self.assertEqual(2, len(list(bucket.object_versions.filter(Prefix="c"))))
        bucket.object_versions.delete()
        bucket.delete()
        bucket.wait_until_not_exists()
