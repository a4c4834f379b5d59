import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  CreateQueueCommand, DeleteMessageBatchCommand, GetQueueAttributesCommand, GetQueueUrlCommand, QueueDoesNotExist, ReceiveMessageCommand,
  SQSClient, SendMessageBatchCommand, SendMessageCommand, paginateListQueues,
} from "@aws-sdk/client-sqs";
import { name, refused } from "../cloud.js";

const sqs = new SQSClient({});
const queue = async (Attributes, suffix = "") => (await sqs.send(new CreateQueueCommand({ QueueName: name("js") + suffix, Attributes }))).QueueUrl;

describe("sqs", () => {
  test("sqs: batches, attributes, checksums", async () => {
    const QueueUrl = await queue({ VisibilityTimeout: "60" });
    const sent = await sqs.send(new SendMessageBatchCommand({
      QueueUrl, Entries: [1, 2, 3].map((n) => ({ Id: `${n}`, MessageBody: `m${n}`, MessageAttributes: { n: { DataType: "Number", StringValue: `${n}` } } })),
    }));
    assert.equal(sent.Successful.length, 3); // the SDK compares the MD5s
    const got = [];
    while (got.length < 3) {
      const { Messages = [] } = await sqs.send(new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10, WaitTimeSeconds: 2, MessageAttributeNames: ["All"] }));
      assert.ok(Messages.length, "three messages should come");
      got.push(...Messages);
    }
    assert.deepEqual(got.map((m) => m.Body).sort(), ["m1", "m2", "m3"]);
    assert.equal(got.find((m) => m.Body === "m2").MessageAttributes.n.StringValue, "2");
    const gone = await sqs.send(new DeleteMessageBatchCommand({ QueueUrl, Entries: got.map((m, i) => ({ Id: `${i}`, ReceiptHandle: m.ReceiptHandle })) }));
    assert.equal(gone.Successful.length, 3);
    const { Attributes } = await sqs.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ["All"] }));
    assert.equal(Attributes.ApproximateNumberOfMessages, "0");
  });

  test("sqs: a long poll wakes", async () => {
    const QueueUrl = await queue();
    const waiting = sqs.send(new ReceiveMessageCommand({ QueueUrl, WaitTimeSeconds: 15 }));
    const start = performance.now();
    await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: "wake" }));
    assert.equal((await waiting).Messages[0].Body, "wake");
    assert.ok(performance.now() - start < 5000);
  });

  test("sqs: FIFO keeps order and drops duplicates", async () => {
    const QueueUrl = await queue({ FifoQueue: "true", ContentBasedDeduplication: "true" }, ".fifo");
    for (const MessageBody of ["1", "2", "2", "3"]) await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody, MessageGroupId: "g" }));
    const { Messages } = await sqs.send(new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10 }));
    assert.deepEqual(Messages.map((m) => m.Body), ["1", "2", "3"]);
  });

  test("sqs: errors and pages", async () => {
    const e = await refused("QueueDoesNotExist", sqs.send(new GetQueueUrlCommand({ QueueName: "nobody-made-it" })));
    assert.ok(e instanceof QueueDoesNotExist);
    const prefix = name("many");
    for (let n = 0; n < 3; n++) await sqs.send(new CreateQueueCommand({ QueueName: `${prefix}-${n}` }));
    let urls = 0;
    for await (const page of paginateListQueues({ client: sqs, pageSize: 2 }, { QueueNamePrefix: prefix })) urls += page.QueueUrls.length;
    assert.equal(urls, 3);
  });
});
