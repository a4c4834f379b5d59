import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { Readable } from "node:stream";
import { before, describe, test } from "node:test";
import {
  CopyObjectCommand, CreateBucketCommand, DeleteObjectCommand, DeleteObjectsCommand, GetObjectCommand, HeadObjectCommand, ListObjectVersionsCommand,
  ListObjectsV2Command, NoSuchKey, PutBucketVersioningCommand, PutObjectCommand, S3, S3Client, paginateListObjectsV2, waitUntilBucketExists,
  waitUntilObjectNotExists,
} from "@aws-sdk/client-s3";
import { Upload } from "@aws-sdk/lib-storage";
import { createPresignedPost } from "@aws-sdk/s3-presigned-post";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";
import { name, pileus, refused } from "../cloud.js";

const s3 = new S3Client({ forcePathStyle: true });
const Bucket = name("js");
const bytes = async (answer) => Buffer.from(await answer.Body.transformToByteArray());

describe("s3", () => {
  before(async () => {
    await s3.send(new CreateBucketCommand({ Bucket }));
    await waitUntilBucketExists({ client: s3, maxWaitTime: 10 }, { Bucket });
  });

  test("s3: put, get, head, delete", async () => {
    const put = await s3.send(new PutObjectCommand({ Bucket, Key: "ü/a b+c", Body: "hello", Metadata: { colour: "blue" } }));
    assert.equal(put.ETag, `"${createHash("md5").update("hello").digest("hex")}"`);
    assert.ok(put.ChecksumCRC32); // the SDK adds one by itself
    const got = await s3.send(new GetObjectCommand({ Bucket, Key: "ü/a b+c" }));
    assert.equal(await got.Body.transformToString(), "hello");
    assert.deepEqual(got.Metadata, { colour: "blue" });
    const head = await s3.send(new HeadObjectCommand({ Bucket, Key: "ü/a b+c" }));
    assert.equal(head.ContentLength, 5);
    await s3.send(new DeleteObjectCommand({ Bucket, Key: "ü/a b+c" }));
    await waitUntilObjectNotExists({ client: s3, maxWaitTime: 10 }, { Bucket, Key: "ü/a b+c" });
    const e = await refused("NoSuchKey", s3.send(new GetObjectCommand({ Bucket, Key: "ü/a b+c" })));
    assert.ok(e instanceof NoSuchKey);
    assert.equal(e.$metadata.httpStatusCode, 404);
    await refused("NotFound", s3.send(new HeadObjectCommand({ Bucket, Key: "never" })));
  });

  test("s3: streams up and down", async () => {
    const body = randomBytes(3_000_000);
    await s3.send(new PutObjectCommand({ Bucket, Key: "stream", Body: Readable.from([body]), ContentLength: body.length }));
    const got = await s3.send(new GetObjectCommand({ Bucket, Key: "stream" }));
    const hash = createHash("sha256");
    for await (const chunk of got.Body) hash.update(chunk);
    assert.equal(hash.digest("hex"), createHash("sha256").update(body).digest("hex"));
    const part = await s3.send(new GetObjectCommand({ Bucket, Key: "stream", Range: "bytes=100-199" }));
    assert.deepEqual(await bytes(part), body.subarray(100, 200));
  });

  test("s3: checksums of every kind", async () => {
    for (const ChecksumAlgorithm of ["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"]) {
      const put = await s3.send(new PutObjectCommand({ Bucket, Key: ChecksumAlgorithm, Body: "123456789", ChecksumAlgorithm }));
      assert.ok(put[`Checksum${ChecksumAlgorithm}`], ChecksumAlgorithm);
      const got = await s3.send(new GetObjectCommand({ Bucket, Key: ChecksumAlgorithm, ChecksumMode: "ENABLED" }));
      assert.equal(await got.Body.transformToString(), "123456789"); // the SDK compares
      assert.equal(got[`Checksum${ChecksumAlgorithm}`], put[`Checksum${ChecksumAlgorithm}`]);
    }
    await refused("BadDigest", s3.send(new PutObjectCommand({ Bucket, Key: "bad", Body: "x", ChecksumCRC32: "AAAAAA==" })));
  });

  test("s3: lib-storage uploads a stream of unknown length in parts", async () => {
    const body = randomBytes(11 * 1024 * 1024);
    const upload = new Upload({ client: s3, params: { Bucket, Key: "parts", Body: Readable.from([body.subarray(0, 7_000_000), body.subarray(7_000_000)]) }, queueSize: 3 });
    let progress = 0;
    upload.on("httpUploadProgress", (p) => (progress = p.loaded));
    const done = await upload.done();
    assert.match(done.ETag, /-3"$/);
    assert.equal(progress, body.length);
    assert.deepEqual(await bytes(await s3.send(new GetObjectCommand({ Bucket, Key: "parts" }))), body);
    const stopped = new Upload({ client: s3, params: { Bucket, Key: "stopped", Body: body } });
    const failing = refused("AbortError", stopped.done());
    await stopped.abort();
    await failing;
  });

  test("s3: presigned addresses and forms", async () => {
    const put = await getSignedUrl(s3, new PutObjectCommand({ Bucket, Key: "signed", ContentType: "text/plain" }), { expiresIn: 60 });
    assert.equal((await fetch(put, { method: "PUT", body: "by url", headers: { "Content-Type": "text/plain" } })).status, 200);
    const get = await getSignedUrl(s3, new GetObjectCommand({ Bucket, Key: "signed" }), { expiresIn: 60 });
    assert.equal(await (await fetch(get)).text(), "by url");
    const spoilt = await fetch(get.replace("/signed", "/other"));
    assert.equal(spoilt.status, 403);
    assert.match(await spoilt.text(), /SignatureDoesNotMatch/);
    const { url, fields } = await createPresignedPost(s3, { Bucket, Key: "form/${filename}", Conditions: [["content-length-range", 1, 100]], Expires: 60 });
    const form = new FormData();
    for (const [k, v] of Object.entries(fields)) form.append(k, v);
    form.append("file", new Blob(["by form"]), "f.txt");
    const posted = await fetch(url, { method: "POST", body: form });
    assert.equal(posted.status, 204, await posted.text());
    assert.equal(await (await s3.send(new GetObjectCommand({ Bucket, Key: "form/f.txt" }))).Body.transformToString(), "by form");
  });

  test("s3: pages, prefixes, batch delete", async () => {
    const keys = Array.from({ length: 23 }, (_, n) => `pages/${n % 3}/${n}`);
    await Promise.all(keys.map((Key) => s3.send(new PutObjectCommand({ Bucket, Key, Body: "" }))));
    const seen = [];
    let pages = 0;
    for await (const page of paginateListObjectsV2({ client: s3, pageSize: 5 }, { Bucket, Prefix: "pages/" })) {
      pages++;
      seen.push(...page.Contents.map((o) => o.Key));
    }
    assert.equal(pages, 5);
    assert.deepEqual(seen, keys.sort());
    const folders = await s3.send(new ListObjectsV2Command({ Bucket, Prefix: "pages/", Delimiter: "/" }));
    assert.deepEqual(folders.CommonPrefixes.map((p) => p.Prefix), ["pages/0/", "pages/1/", "pages/2/"]);
    const gone = await s3.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects: keys.map((Key) => ({ Key })) } }));
    assert.equal(gone.Deleted.length, 23);
  });

  test("s3: conditions, copies, versions", async () => {
    const { ETag } = await s3.send(new PutObjectCommand({ Bucket, Key: "c", Body: "1", IfNoneMatch: "*" }));
    await refused("PreconditionFailed", s3.send(new PutObjectCommand({ Bucket, Key: "c", Body: "2", IfNoneMatch: "*" })));
    await s3.send(new PutObjectCommand({ Bucket, Key: "c", Body: "2", IfMatch: ETag }));
    await refused("PreconditionFailed", s3.send(new CopyObjectCommand({ Bucket, Key: "d", CopySource: `${Bucket}/c`, CopySourceIfMatch: ETag })));
    await s3.send(new CopyObjectCommand({ Bucket, Key: "d", CopySource: `${Bucket}/c` }));
    await s3.send(new PutBucketVersioningCommand({ Bucket, VersioningConfiguration: { Status: "Enabled" } }));
    const { VersionId } = await s3.send(new PutObjectCommand({ Bucket, Key: "d", Body: "3" }));
    const listed = await s3.send(new ListObjectVersionsCommand({ Bucket, Prefix: "d" }));
    assert.deepEqual(listed.Versions.map((v) => v.VersionId), [VersionId, "null"]);
  });

  test("s3: the aggregated client, and a retry after SlowDown", async () => {
    const all = new S3({ forcePathStyle: true, maxAttempts: 4 });
    pileus("fault", "add", "--service", "s3", "--operation", "GetObject", "--error", "SlowDown", "--count", "2");
    try {
      const got = await all.getObject({ Bucket, Key: "c" });
      assert.equal(got.$metadata.attempts, 3);
      assert.equal(await got.Body.transformToString(), "2");
    } finally {
      pileus("fault", "clear");
    }
  });
});
