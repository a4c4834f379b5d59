import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  AttachUserPolicyCommand, CreateAccessKeyCommand, CreatePolicyCommand, CreateRoleCommand, CreateUserCommand, GetUserCommand, IAMClient,
  PutRolePolicyCommand, PutUserPolicyCommand, paginateListUsers, waitUntilUserExists,
} from "@aws-sdk/client-iam";
import { CreateOrganizationCommand, ListAccountsCommand, ListRootsCommand, OrganizationsClient } from "@aws-sdk/client-organizations";
import { CreateBucketCommand, ListBucketsCommand, S3Client } from "@aws-sdk/client-s3";
import { AssumeRoleCommand, GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";
import { fromTemporaryCredentials } from "@aws-sdk/credential-providers";
import { ACCOUNT, allow, credentials, name, pileus, policy, refused } from "../cloud.js";

const iam = new IAMClient({});

async function user(...statements) {
  const UserName = name("js");
  await iam.send(new CreateUserCommand({ UserName }));
  if (statements.length) await iam.send(new PutUserPolicyCommand({ UserName, PolicyName: "p", PolicyDocument: policy(...statements) }));
  const { AccessKey } = await iam.send(new CreateAccessKeyCommand({ UserName }));
  return { UserName, credentials: credentials(AccessKey) };
}

describe("identity", () => {
  test("iam: denied, explained, allowed", async () => {
    const u = await user();
    await waitUntilUserExists({ client: iam, maxWaitTime: 10 }, { UserName: u.UserName });
    const s3 = new S3Client({ forcePathStyle: true, credentials: u.credentials });
    const Bucket = name("js-denied");
    const e = await refused("AccessDenied", s3.send(new CreateBucketCommand({ Bucket })));
    assert.match(e.message, /is not authorized to perform: s3:CreateBucket/);
    assert.match(pileus("why", e.$metadata.requestId), /s3:CreateBucket/);
    const { Policy } = await iam.send(new CreatePolicyCommand({ PolicyName: name("js"), PolicyDocument: policy(allow("s3:CreateBucket")) }));
    await iam.send(new AttachUserPolicyCommand({ UserName: u.UserName, PolicyArn: Policy.Arn }));
    await s3.send(new CreateBucketCommand({ Bucket }));
  });

  test("iam: errors and pages", async () => {
    await refused("NoSuchEntityException", iam.send(new GetUserCommand({ UserName: "nobody" })));
    for (let n = 0; n < 3; n++) await iam.send(new CreateUserCommand({ UserName: name("paged"), Path: "/paged/" }));
    let users = 0;
    for await (const page of paginateListUsers({ client: iam, pageSize: 2 }, { PathPrefix: "/paged/" })) users += page.Users.length;
    assert.equal(users, 3);
  });

  test("sts: roles, by hand and by the SDK's provider", async () => {
    const u = await user(allow("sts:AssumeRole"));
    const RoleName = name("js");
    const AssumeRolePolicyDocument = policy({ Effect: "Allow", Principal: { AWS: ACCOUNT }, Action: "sts:AssumeRole" });
    const { Role } = await iam.send(new CreateRoleCommand({ RoleName, AssumeRolePolicyDocument }));
    await iam.send(new PutRolePolicyCommand({ RoleName, PolicyName: "p", PolicyDocument: policy(allow("s3:ListAllMyBuckets")) }));
    const sts = new STSClient({ credentials: u.credentials });
    const { Credentials } = await sts.send(new AssumeRoleCommand({ RoleArn: Role.Arn, RoleSessionName: "by-hand" }));
    const who = await new STSClient({ credentials: credentials(Credentials) }).send(new GetCallerIdentityCommand({}));
    assert.equal(who.Arn, `arn:aws:sts::${ACCOUNT}:assumed-role/${RoleName}/by-hand`);
    const provided = fromTemporaryCredentials({ masterCredentials: u.credentials, params: { RoleArn: Role.Arn, RoleSessionName: "provided" } });
    const s3 = new S3Client({ forcePathStyle: true, credentials: provided });
    assert.ok((await s3.send(new ListBucketsCommand({}))).Buckets);
    await refused("AccessDenied", s3.send(new CreateBucketCommand({ Bucket: name("js") })));
  });

  test("organizations: an organisation of another account", async () => {
    const org = new OrganizationsClient({ credentials: { accessKeyId: "555566667777", secretAccessKey: "test" } });
    await refused("AWSOrganizationsNotInUseException", org.send(new ListAccountsCommand({})));
    const { Organization } = await org.send(new CreateOrganizationCommand({ FeatureSet: "ALL" }));
    assert.equal(Organization.MasterAccountId, "555566667777");
    assert.equal((await org.send(new ListRootsCommand({}))).Roots.length, 1);
  });
});
