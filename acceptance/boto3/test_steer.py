"""Faults and the clock, as a client meets them."""

from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError

from cloud import NO_RETRIES, Case, client, name, pileus


class Faults(Case):
    def setUp(self):
        self.addCleanup(pileus, "fault", "clear")
        self.bucket = name("faulty")
        client("s3").create_bucket(Bucket=self.bucket)

    def test_retries_ride_out_slow_down(self):
        pileus("fault", "add", "--service", "s3", "--operation", "PutObject", "--error", "SlowDown", "--rate", "0.3")
        s3 = client("s3", config=Config(retries={"mode": "standard", "total_max_attempts": 10}))
        retried = 0
        for n in range(25):
            meta = s3.put_object(Bucket=self.bucket, Key=str(n), Body=b"x")["ResponseMetadata"]
            retried += meta["RetryAttempts"]
        self.assertGreater(retried, 0)
        self.assertEqual(25, s3.list_objects_v2(Bucket=self.bucket)["KeyCount"])

    def test_without_retries_it_shows(self):
        pileus("fault", "add", "--service", "s3", "--operation", "GetObject", "--error", "SlowDown", "--count", "1")
        s3 = client("s3", config=NO_RETRIES)
        s3.put_object(Bucket=self.bucket, Key="k", Body=b"x")
        with self.assertRaises(ClientError) as caught:
            s3.get_object(Bucket=self.bucket, Key="k")
        self.assertEqual(("SlowDown", 503), (caught.exception.response["Error"]["Code"], caught.exception.response["ResponseMetadata"]["HTTPStatusCode"]))
        self.assertEqual(b"x", s3.get_object(Bucket=self.bucket, Key="k")["Body"].read())

    def test_lost_connections(self):
        pileus("fault", "add", "--service", "s3", "--operation", "HeadBucket", "--reset", "--count", "1")
        with self.assertRaises((ConnectionClosedError, ConnectionError)):
            client("s3", config=NO_RETRIES).head_bucket(Bucket=self.bucket)
        pileus("fault", "add", "--service", "s3", "--operation", "HeadBucket", "--reset", "--count", "1")
        client("s3").head_bucket(Bucket=self.bucket)

    def test_throttling_of_a_query_service(self):
        pileus("fault", "add", "--service", "iam", "--operation", "ListUsers", "--error", "Throttling", "--count", "2")
        client("iam", config=Config(retries={"mode": "standard", "total_max_attempts": 5})).list_users()


class ZClock(Case):
    """Runs last: it moves the time that all share."""

    def setUp(self):
        self.addCleanup(pileus, "clock", "reset")

    def test_lifecycle(self):
        s3, bucket = client("s3"), name("aging")
        s3.create_bucket(Bucket=bucket)
        s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": [
            {"ID": "cold", "Status": "Enabled", "Filter": {"Prefix": ""}, "Transitions": [{"Days": 30, "StorageClass": "GLACIER"}]},
            {"ID": "gone", "Status": "Enabled", "Filter": {"Prefix": "tmp/"}, "Expiration": {"Days": 10}}]})
        s3.put_object(Bucket=bucket, Key="tmp/x", Body=b"x")
        s3.put_object(Bucket=bucket, Key="keep", Body=b"x" * 200_000)  # smaller ones are not moved to colder classes
        self.assertIn("gone", s3.head_object(Bucket=bucket, Key="tmp/x")["Expiration"])
        pileus("clock", "advance", "12d")
        s3.get_waiter("object_not_exists").wait(Bucket=bucket, Key="tmp/x", WaiterConfig={"Delay": 1, "MaxAttempts": 10})
        pileus("clock", "advance", "20d")
        self.assertEqual("GLACIER", s3.head_object(Bucket=bucket, Key="keep")["StorageClass"])
        self.refused("InvalidObjectState", s3.get_object, Bucket=bucket, Key="keep")
        s3.restore_object(Bucket=bucket, Key="keep", RestoreRequest={"Days": 1, "GlacierJobParameters": {"Tier": "Standard"}})
        self.assertIn('ongoing-request="true"', s3.head_object(Bucket=bucket, Key="keep")["Restore"])
        pileus("clock", "advance", "6h")
        self.assertIn('ongoing-request="false"', s3.head_object(Bucket=bucket, Key="keep")["Restore"])
        self.assertEqual(200_000, len(s3.get_object(Bucket=bucket, Key="keep")["Body"].read()))

    def test_messages_expire(self):
        sqs = client("sqs")
        url = sqs.create_queue(QueueName=name("old"), Attributes={"MessageRetentionPeriod": "3600"})["QueueUrl"]
        sqs.send_message(QueueUrl=url, MessageBody="old")
        pileus("clock", "advance", "2h")
        self.assertNotIn("Messages", sqs.receive_message(QueueUrl=url))
