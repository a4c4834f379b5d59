"""SQS through boto3."""

import threading
import time

import boto3

from cloud import ACCOUNT, Case, allow, client, name, policy


class Queues(Case):
    @classmethod
    def setUpClass(cls):
        cls.sqs = client("sqs")

    def queue(self, prefix="q", **attributes):
        fifo = ".fifo" if attributes.get("FifoQueue") else ""
        return self.sqs.create_queue(QueueName=name(prefix) + fifo, Attributes=attributes)["QueueUrl"]

    def bodies(self, url, wait=0, **more):
        got = self.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=wait, **more)
        return [m["Body"] for m in got.get("Messages", [])]

    def arn(self, url):
        return self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]

    def test_attributes(self):
        n = name("attrs")
        url = self.sqs.create_queue(QueueName=n, Attributes={"DelaySeconds": "3"}, tags={"team": "red"})["QueueUrl"]
        self.assertTrue(url.endswith(f"/{ACCOUNT}/{n}"))
        self.assertEqual(url, self.sqs.create_queue(QueueName=n, Attributes={"DelaySeconds": "3"})["QueueUrl"])
        self.refused("QueueAlreadyExists", self.sqs.create_queue, QueueName=n, Attributes={"DelaySeconds": "4"})
        self.sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "7", "MessageRetentionPeriod": "60"})
        got = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        self.assertEqual(("3", "7", "60", "0"), tuple(got[k] for k in (
            "DelaySeconds", "VisibilityTimeout", "MessageRetentionPeriod", "ApproximateNumberOfMessages")))
        self.assertEqual({"team": "red"}, self.sqs.list_queue_tags(QueueUrl=url)["Tags"])
        self.refused("InvalidAttributeValue", self.sqs.set_queue_attributes, QueueUrl=url, Attributes={"DelaySeconds": "901"})
        self.refused("InvalidAttributeName", self.sqs.set_queue_attributes, QueueUrl=url, Attributes={"Nonsense": "1"})
        self.refused("AWS.SimpleQueueService.NonExistentQueue", self.sqs.get_queue_url, QueueName="nobody-made-it")
        with self.assertRaises(self.sqs.exceptions.QueueDoesNotExist):
            self.sqs.send_message(QueueUrl=url + "x", MessageBody="m")

    def test_messages(self):
        url = self.queue(VisibilityTimeout="60")
        sent = self.sqs.send_message(QueueUrl=url, MessageBody="höllo", MessageAttributes={
            "s": {"DataType": "String", "StringValue": "v"}, "n": {"DataType": "Number", "StringValue": "1.5"},
            "b": {"DataType": "Binary.gif", "BinaryValue": b"\x00\xff"}})
        self.assertIn("MD5OfMessageAttributes", sent)
        got = self.sqs.receive_message(QueueUrl=url, MessageAttributeNames=["All"], MessageSystemAttributeNames=["All"])["Messages"][0]
        self.assertEqual((sent["MessageId"], "höllo", sent["MD5OfMessageBody"], sent["MD5OfMessageAttributes"]),
                         (got["MessageId"], got["Body"], got["MD5OfBody"], got["MD5OfMessageAttributes"]))
        self.assertEqual(b"\x00\xff", got["MessageAttributes"]["b"]["BinaryValue"])
        self.assertEqual("1", got["Attributes"]["ApproximateReceiveCount"])
        self.assertEqual([], self.bodies(url))
        self.sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=got["ReceiptHandle"], VisibilityTimeout=0)
        got = self.sqs.receive_message(QueueUrl=url)["Messages"][0]
        self.sqs.delete_message(QueueUrl=url, ReceiptHandle=got["ReceiptHandle"])
        self.refused("ReceiptHandleIsInvalid", self.sqs.delete_message, QueueUrl=url, ReceiptHandle="nonsense")
        self.refused("InvalidParameterValue", self.sqs.send_message, QueueUrl=url, MessageBody="x" * (1 << 20) + "x")
        self.refused("InvalidMessageContents", self.sqs.send_message, QueueUrl=url, MessageBody="\x01")

    def test_batches(self):
        url = self.queue()
        done = self.sqs.send_message_batch(QueueUrl=url, Entries=[
            {"Id": str(n), "MessageBody": f"m{n}", "DelaySeconds": 0 if n else 901} for n in range(10)])
        self.assertEqual((9, ["0"]), (len(done["Successful"]), [f["Id"] for f in done["Failed"]]))
        got = []
        while len(got) < 9:
            messages = self.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1).get("Messages", [])
            self.assertTrue(messages, got)
            got += [m["Body"] for m in messages]
            entries = [{"Id": str(i), "ReceiptHandle": m["ReceiptHandle"]} for i, m in enumerate(messages)]
            self.assertEqual(len(entries), len(self.sqs.delete_message_batch(QueueUrl=url, Entries=entries)["Successful"]))
        self.assertCountEqual([f"m{n}" for n in range(1, 10)], got)
        self.refused("AWS.SimpleQueueService.TooManyEntriesInBatchRequest", self.sqs.send_message_batch, QueueUrl=url,
                     Entries=[{"Id": str(n), "MessageBody": "m"} for n in range(11)])
        self.refused("AWS.SimpleQueueService.BatchEntryIdsNotDistinct", self.sqs.send_message_batch, QueueUrl=url,
                     Entries=[{"Id": "a", "MessageBody": "m"}] * 2)
        self.refused("AWS.SimpleQueueService.EmptyBatchRequest", self.sqs.send_message_batch, QueueUrl=url, Entries=[])

    def test_long_poll_wakes_at_once(self):
        url = self.queue()
        threading.Timer(1, lambda: client("sqs").send_message(QueueUrl=url, MessageBody="wake")).start()
        start = time.monotonic()
        self.assertEqual(["wake"], self.bodies(url, wait=15))
        self.assertLess(time.monotonic() - start, 14)  # it would have waited for 15

    def test_fifo(self):
        url = self.queue(FifoQueue="true")
        send = lambda body, group, token: self.sqs.send_message(QueueUrl=url, MessageBody=body, MessageGroupId=group, MessageDeduplicationId=token)
        first = send("a1", "a", "1")
        self.assertEqual(first["MessageId"], send("again", "a", "1")["MessageId"])
        send("b1", "b", "2")
        send("a2", "a", "3")
        got = self.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=1, MessageSystemAttributeNames=["All"])["Messages"][0]
        self.assertEqual(("a1", "a"), (got["Body"], got["Attributes"]["MessageGroupId"]))
        self.assertEqual(["b1"], self.bodies(url))  # group a waits for its first
        self.sqs.delete_message(QueueUrl=url, ReceiptHandle=got["ReceiptHandle"])
        self.assertEqual(["a2"], self.bodies(url))
        self.refused("MissingParameter", self.sqs.send_message, QueueUrl=url, MessageBody="x")
        self.refused("InvalidParameterValue", self.sqs.send_message, QueueUrl=url, MessageBody="x", MessageGroupId="g")

    def test_dead_letters_and_back(self):
        dead = self.queue("dead")
        url = self.queue("alive", VisibilityTimeout="0", RedrivePolicy='{"deadLetterTargetArn":"%s","maxReceiveCount":"1"}' % self.arn(dead))
        self.sqs.send_message(QueueUrl=url, MessageBody="poison")
        self.assertEqual(["poison"], self.bodies(url))
        self.assertEqual([], self.bodies(url))
        got = self.sqs.receive_message(QueueUrl=dead, VisibilityTimeout=0, MessageSystemAttributeNames=["DeadLetterQueueSourceArn"])["Messages"][0]
        self.assertEqual(self.arn(url), got["Attributes"]["DeadLetterQueueSourceArn"])
        self.assertEqual([url], self.sqs.list_dead_letter_source_queues(QueueUrl=dead)["queueUrls"])
        self.sqs.start_message_move_task(SourceArn=self.arn(dead))
        self.assertEqual(["poison"], self.bodies(url, wait=10))
        for _ in range(480):
            task = self.sqs.list_message_move_tasks(SourceArn=self.arn(dead))["Results"][0]
            if task["Status"] == "COMPLETED":
                break
            time.sleep(0.25)
        self.assertEqual(("COMPLETED", 1), (task["Status"], task["ApproximateNumberOfMessagesMoved"]))

    def test_delay(self):
        url = self.queue()
        self.sqs.send_message(QueueUrl=url, MessageBody="later", DelaySeconds=2)
        counts = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        self.assertEqual(("0", "1"), (counts["ApproximateNumberOfMessages"], counts["ApproximateNumberOfMessagesDelayed"]))
        self.assertEqual([], self.bodies(url))
        self.assertEqual(["later"], self.bodies(url, wait=10))

    def test_across_accounts(self):
        url = self.queue()
        other = client("sqs", aws_access_key_id="222233334444", aws_secret_access_key="test")
        self.refused("AccessDenied", other.send_message, QueueUrl=url, MessageBody="hello")
        self.sqs.add_permission(QueueUrl=url, Label="neighbour", AWSAccountIds=["222233334444"], Actions=["SendMessage"])
        other.send_message(QueueUrl=url, MessageBody="hello")
        self.assertEqual(["hello"], self.bodies(url, wait=2))
        self.refused("AccessDenied", other.receive_message, QueueUrl=url)
        self.sqs.remove_permission(QueueUrl=url, Label="neighbour")
        self.refused("AccessDenied", other.send_message, QueueUrl=url, MessageBody="hello")

    def test_paginator_and_resource(self):
        prefix = name("many") + "-"
        for n in range(5):
            self.sqs.create_queue(QueueName=f"{prefix}{n}")
        pages = list(self.sqs.get_paginator("list_queues").paginate(QueueNamePrefix=prefix, PaginationConfig={"PageSize": 2}))
        self.assertEqual((3, 5), (len(pages), sum(len(p["QueueUrls"]) for p in pages)))
        queue = boto3.resource("sqs").get_queue_by_name(QueueName=f"{prefix}0")
        queue.send_messages(Entries=[{"Id": "1", "MessageBody": "one"}])
        for message in queue.receive_messages(WaitTimeSeconds=2):
            self.assertEqual("one", message.body)
            message.delete()
        queue.purge()
        self.refused("AWS.SimpleQueueService.PurgeQueueInProgress", queue.purge)
        queue.delete()

    def test_many_consumers_share_the_work(self):
        url = self.queue(VisibilityTimeout="120")
        for n in range(10):
            self.sqs.send_message_batch(QueueUrl=url, Entries=[{"Id": str(i), "MessageBody": f"{n}-{i}"} for i in range(10)])
        got, lock = [], threading.Lock()

        def consume():
            sqs = client("sqs")
            while True:
                messages = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=3, WaitTimeSeconds=1).get("Messages", [])
                if not messages:
                    return
                with lock:
                    got.extend(m["Body"] for m in messages)

        threads = [threading.Thread(target=consume) for _ in range(5)]
        [t.start() for t in threads]
        [t.join() for t in threads]
        self.assertEqual((100, 100), (len(got), len(set(got))))


class Guarded(Case):
    def test_policy_of_a_user(self):
        iam, root = client("iam"), client("sqs")
        user, queue = name("sender"), name("guarded")
        url = root.create_queue(QueueName=queue)["QueueUrl"]
        iam.create_user(UserName=user)
        sqs = client("sqs", iam.create_access_key(UserName=user)["AccessKey"])
        e = self.refused("AccessDenied", sqs.send_message, QueueUrl=url, MessageBody="m")
        self.assertIn(f"is not authorized to perform: sqs:sendmessage on resource: arn:aws:sqs:us-east-1:{ACCOUNT}:{queue}".lower(), str(e).lower())
        iam.put_user_policy(UserName=user, PolicyName="p", PolicyDocument=policy(allow("sqs:SendMessage", f"arn:aws:sqs:*:*:{queue}")))
        sqs.send_message(QueueUrl=url, MessageBody="m")
        self.refused("AccessDenied", sqs.receive_message, QueueUrl=url)
