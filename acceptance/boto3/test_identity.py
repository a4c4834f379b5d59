"""IAM, STS and Organizations through boto3: who may do what."""

import base64
import hashlib
import hmac
import json
import struct
import time

from botocore.exceptions import ClientError

from cloud import ACCOUNT, Case, allow, client, name, pileus, policy


def trust(*principals, **more):
    return policy({"Effect": "Allow", "Principal": {"AWS": list(principals)}, "Action": ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"], **more})


def totp(seed):
    """The six digits of RFC 6238 for a base32 seed, now, and the ones before."""
    def digits(step):
        mac = hmac.new(base64.b32decode(seed), struct.pack(">Q", step), hashlib.sha1).digest()
        at = mac[-1] & 15
        return "%06d" % ((struct.unpack(">I", mac[at:at + 4])[0] & 0x7FFFFFFF) % 1_000_000)

    step = int(time.time()) // 30
    return digits(step - 1), digits(step)


class Users(Case):
    @classmethod
    def setUpClass(cls):
        cls.iam = client("iam")

    def user(self, *statements):
        """A new user with these statements; its name and keys."""
        user = name("user")
        self.iam.create_user(UserName=user)
        if statements:
            self.iam.put_user_policy(UserName=user, PolicyName="own", PolicyDocument=policy(*statements))
        return user, self.iam.create_access_key(UserName=user)["AccessKey"]

    def test_life_of_a_user(self):
        user = name("life")
        made = self.iam.create_user(UserName=user, Path="/a/b/", Tags=[{"Key": "k", "Value": "v"}])["User"]
        self.assertEqual(f"arn:aws:iam::{ACCOUNT}:user/a/b/{user}", made["Arn"])
        self.assertTrue(made["UserId"].startswith("AIDA"))
        self.refused("EntityAlreadyExists", self.iam.create_user, UserName=user.upper())
        self.iam.update_user(UserName=user, NewUserName=user + "x", NewPath="/")
        self.refused("NoSuchEntity", self.iam.get_user, UserName=user)
        self.iam.get_waiter("user_exists").wait(UserName=user + "x", WaiterConfig={"MaxAttempts": 1})
        self.assertEqual("v", self.iam.list_user_tags(UserName=user + "x")["Tags"][0]["Value"])
        key = self.iam.create_access_key(UserName=user + "x")["AccessKey"]
        self.refused("DeleteConflict", self.iam.delete_user, UserName=user + "x")
        self.iam.delete_access_key(UserName=user + "x", AccessKeyId=key["AccessKeyId"])
        self.iam.delete_user(UserName=user + "x")
        self.refused("InvalidClientTokenId", client("sts", key).get_caller_identity)

    def test_denied_then_allowed_then_denied(self):
        user, keys = self.user()
        s3, bucket = client("s3", keys), name("denied")
        client("s3").create_bucket(Bucket=bucket)
        put = lambda: s3.put_object(Bucket=bucket, Key="k", Body=b"x")
        e = self.refused("AccessDenied", put)
        self.assertIn(f"User: arn:aws:iam::{ACCOUNT}:user/{user} is not authorized to perform: s3:PutObject on resource: "
                      f"arn:aws:s3:::{bucket}/k because no identity-based policy allows the s3:PutObject action", str(e).replace('"', ""))
        why = pileus("why", e.response["ResponseMetadata"]["RequestId"])
        self.assertIn("s3:PutObject", why)
        self.assertIn(user, why)
        self.iam.put_user_policy(UserName=user, PolicyName="p", PolicyDocument=policy(allow("s3:PutObject", f"arn:aws:s3:::{bucket}/*")))
        put()
        client("s3").put_bucket_policy(Bucket=bucket, Policy=policy(
            {"Effect": "Deny", "Principal": "*", "Action": "s3:PutObject", "Resource": f"arn:aws:s3:::{bucket}/*",
             "Condition": {"ArnLike": {"aws:PrincipalArn": f"arn:aws:iam::*:user/{user}"}}}))
        e = self.refused("AccessDenied", put)
        self.assertIn("with an explicit deny in a resource-based policy", str(e))

    def test_conditions(self):
        user, keys = self.user(
            allow("s3:ListBucket", Condition={"StringLike": {"s3:prefix": ["home/${aws:username}/*"]}}),
            allow("iam:CreateUser", Condition={"StringEquals": {"aws:RequestTag/team": "red"}}),
            allow("sqs:*", Condition={"StringEquals": {"aws:RequestedRegion": "eu-west-1"}}))
        s3, bucket = client("s3", keys), name("prefixed")
        client("s3").create_bucket(Bucket=bucket)
        s3.list_objects_v2(Bucket=bucket, Prefix=f"home/{user}/x")
        self.refused("AccessDenied", s3.list_objects_v2, Bucket=bucket, Prefix="home/")
        iam = client("iam", keys)
        self.refused("AccessDenied", iam.create_user, UserName=name("made"))
        self.refused("AccessDenied", iam.create_user, UserName=name("made"), Tags=[{"Key": "team", "Value": "blue"}])
        # Tagging at creation asks for both.
        self.iam.put_user_policy(UserName=user, PolicyName="tag", PolicyDocument=policy(allow("iam:TagUser")))
        iam.create_user(UserName=name("made"), Tags=[{"Key": "team", "Value": "red"}])
        client("sqs", keys, region_name="eu-west-1").list_queues()
        self.refused("AccessDenied", client("sqs", keys).list_queues)

    def test_managed_policies(self):
        user, keys = self.user()
        arn = self.iam.create_policy(PolicyName=name("managed"), PolicyDocument=policy(allow("iam:ListRoles")))["Policy"]["Arn"]
        self.iam.attach_user_policy(UserName=user, PolicyArn=arn)
        client("iam", keys).list_roles()
        for n in range(4):
            self.iam.create_policy_version(PolicyArn=arn, PolicyDocument=policy(allow("iam:ListUsers")), SetAsDefault=n == 3)
        self.refused("LimitExceeded", self.iam.create_policy_version, PolicyArn=arn, PolicyDocument=policy(allow("*")))
        self.refused("AccessDenied", client("iam", keys).list_roles)
        self.iam.set_default_policy_version(PolicyArn=arn, VersionId="v1")
        client("iam", keys).list_roles()
        self.refused("DeleteConflict", self.iam.delete_policy, PolicyArn=arn)
        document = self.iam.get_policy_version(PolicyArn=arn, VersionId="v1")["PolicyVersion"]["Document"]
        self.assertEqual("iam:ListRoles", document["Statement"][0]["Action"])
        aws = self.iam.get_paginator("list_policies").paginate(Scope="AWS", PaginationConfig={"PageSize": 25})
        names = {p["PolicyName"] for page in aws for p in page["Policies"]}
        self.assertGreaterEqual(len(names), 60)
        self.assertLessEqual({"AdministratorAccess", "ReadOnlyAccess", "AWSLambdaBasicExecutionRole", "IAMUserChangePassword"}, names)

    def test_wrong_requests(self):
        self.refused("ValidationError", self.iam.create_user, UserName="spaces are wrong")
        self.refused("MalformedPolicyDocument", self.iam.create_policy, PolicyName=name("p"), PolicyDocument='{"Version":"2012-10-17","Statement":[{"Effect":"Allow"}]}')
        self.refused("NoSuchEntity", self.iam.attach_user_policy, UserName=self.user()[0], PolicyArn="arn:aws:iam::aws:policy/NoSuchPolicy")
        self.refused("NoSuchEntity", self.iam.add_user_to_group, GroupName="nobody", UserName="nobody")
        self.refused("InvalidInput", self.iam.attach_user_policy, UserName=self.user()[0], PolicyArn="arn:aws:iam::aws:role/NotAPolicy/x")

    def test_providers(self):
        arn = self.iam.create_open_id_connect_provider(
            Url="https://token.example.com", ClientIDList=["app"], ThumbprintList=["a" * 40])["OpenIDConnectProviderArn"]
        self.assertEqual(f"arn:aws:iam::{ACCOUNT}:oidc-provider/token.example.com", arn)
        self.assertEqual(["app"], self.iam.get_open_id_connect_provider(OpenIDConnectProviderArn=arn)["ClientIDList"])
        self.iam.delete_open_id_connect_provider(OpenIDConnectProviderArn=arn)
        self.assertEqual([], self.iam.list_open_id_connect_providers()["OpenIDConnectProviderList"])

    def test_change_own_password(self):
        user, keys = self.user(allow("iam:ChangePassword"))
        self.iam.create_login_profile(UserName=user, Password="First-Pass-1!")
        own = client("iam", keys)
        self.refused("InvalidUserType", client("iam").change_password, OldPassword="a-b-c-d-1A", NewPassword="x-Y-z-1-2")
        self.refused("AccessDenied", own.change_password, OldPassword="wrong-Pass-1!", NewPassword="Second-Pass-1!")
        own.change_password(OldPassword="First-Pass-1!", NewPassword="Second-Pass-1!")


class Sessions(Users):
    """STS. (The inherited helper makes users; the inherited tests are not wanted twice.)"""

    test_life_of_a_user = test_denied_then_allowed_then_denied = test_conditions = None
    test_managed_policies = test_wrong_requests = test_providers = test_change_own_password = None

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.sts = client("sts")

    def role(self, document, *statements, **more):
        role = name("role")
        arn = self.iam.create_role(RoleName=role, AssumeRolePolicyDocument=document, **more)["Role"]["Arn"]
        if statements:
            self.iam.put_role_policy(RoleName=role, PolicyName="p", PolicyDocument=policy(*statements))
        return role, arn

    def test_assume_role(self):
        user, keys = self.user(allow(["sts:AssumeRole", "sts:TagSession"]))
        role, arn = self.role(trust(f"arn:aws:iam::{ACCOUNT}:user/{user}"), allow(["s3:ListAllMyBuckets", "iam:ListUsers"]))
        sts = client("sts", keys)
        got = sts.assume_role(RoleArn=arn, RoleSessionName="session-s", Tags=[{"Key": "team", "Value": "red"}], Policy=policy(allow("s3:*")))
        self.assertEqual(f"arn:aws:sts::{ACCOUNT}:assumed-role/{role}/session-s", got["AssumedRoleUser"]["Arn"])
        session = got["Credentials"]
        self.assertTrue(session["AccessKeyId"].startswith("ASIA"))
        who = client("sts", session).get_caller_identity()
        self.assertEqual(got["AssumedRoleUser"]["Arn"], who["Arn"])
        client("s3", session).list_buckets()
        self.refused("AccessDenied", client("iam", session).list_users)  # the session policy leaves only S3
        other, other_keys = self.user(allow("sts:*"))
        self.refused("AccessDenied", client("sts", other_keys).assume_role, RoleArn=arn, RoleSessionName="session-s")
        self.refused("AccessDenied", sts.assume_role, RoleArn=arn + "x", RoleSessionName="session-s")
        self.refused("ValidationError", sts.assume_role, RoleArn=arn, RoleSessionName="session-s", DurationSeconds=3601)
        self.refused("InvalidClientTokenId", client("sts", {**session, "SessionToken": None}).get_caller_identity)

    def test_chain(self):
        user, keys = self.user(allow("sts:AssumeRole"))
        _, first = self.role(trust(f"arn:aws:iam::{ACCOUNT}:user/{user}"), allow("sts:AssumeRole"))
        second, arn = self.role(trust(first), allow("*"), MaxSessionDuration=43200)
        a = client("sts", keys).assume_role(RoleArn=first, RoleSessionName="session-a")["Credentials"]
        b = client("sts", a).assume_role(RoleArn=arn, RoleSessionName="session-b")["Credentials"]
        self.assertIn(f"assumed-role/{second}/session-b", client("sts", b).get_caller_identity()["Arn"])
        self.refused("ValidationError", client("sts", a).assume_role, RoleArn=arn, RoleSessionName="session-b", DurationSeconds=7200)

    def test_across_accounts(self):
        there = dict(aws_access_key_id="333344445555", aws_secret_access_key="test")
        role, bucket = name("remote"), name("remote")
        iam = client("iam", **there)
        arn = iam.create_role(RoleName=role, AssumeRolePolicyDocument=trust(ACCOUNT, Condition={"StringEquals": {"sts:ExternalId": "pact"}}))["Role"]["Arn"]
        iam.put_role_policy(RoleName=role, PolicyName="p", PolicyDocument=policy(allow("s3:*")))
        client("s3", **there).create_bucket(Bucket=bucket)
        _, keys = self.user()
        self.refused("AccessDenied", client("sts", keys).assume_role, RoleArn=arn, RoleSessionName="session-s", ExternalId="pact")
        _, keys = self.user(allow("sts:AssumeRole", arn))
        sts = client("sts", keys)
        self.refused("AccessDenied", sts.assume_role, RoleArn=arn, RoleSessionName="session-s", ExternalId="guess")
        session = sts.assume_role(RoleArn=arn, RoleSessionName="session-s", ExternalId="pact")["Credentials"]
        self.assertIn(bucket, [b["Name"] for b in client("s3", session).list_buckets()["Buckets"]])
        self.assertEqual("333344445555", client("sts", session).get_caller_identity()["Account"])

    def test_mfa(self):
        user, keys = self.user(allow(["iam:*", "sts:*"], Condition={"Bool": {"aws:MultiFactorAuthPresent": "true"}}))
        device = self.iam.create_virtual_mfa_device(VirtualMFADeviceName=user)["VirtualMFADevice"]
        self.assertTrue(device["QRCodePNG"].startswith(b"\x89PNG"))
        seed, serial = device["Base32StringSeed"], device["SerialNumber"]
        self.refused("InvalidAuthenticationCode", self.iam.enable_mfa_device, UserName=user, SerialNumber=serial,
                     AuthenticationCode1="000000", AuthenticationCode2="000001")
        one, two = totp(seed)
        self.iam.enable_mfa_device(UserName=user, SerialNumber=serial, AuthenticationCode1=one, AuthenticationCode2=two)
        self.refused("AccessDenied", client("iam", keys).list_users)
        sts = client("sts", keys)
        self.refused("AccessDenied", sts.get_session_token, SerialNumber=serial, TokenCode="000000")
        # A code that was used is not good twice: the next half minute brings another.
        deadline = time.time() + 150
        while True:
            try:
                session = sts.get_session_token(SerialNumber=serial, TokenCode=totp(seed)[1])["Credentials"]
                break
            except ClientError:
                if time.time() > deadline:
                    raise
                time.sleep(1)
        client("iam", session).list_users()

    def test_federation(self):
        _, keys = self.user(allow(["sts:GetFederationToken", "s3:*"]))
        guest = client("sts", keys).get_federation_token(Name="guest", Policy=policy(allow("s3:ListAllMyBuckets")))
        self.assertEqual(f"arn:aws:sts::{ACCOUNT}:federated-user/guest", guest["FederatedUser"]["Arn"])
        client("s3", guest["Credentials"]).list_buckets()
        self.refused("AccessDenied", client("s3", guest["Credentials"]).create_bucket, Bucket=name("guest"))
        self.refused("AccessDenied", client("sts", guest["Credentials"]).get_session_token)

    def test_encoded_messages(self):
        self.refused("InvalidAuthorizationMessageException", self.sts.decode_authorization_message, EncodedMessage="nonsense")
        self.assertEqual(ACCOUNT, self.sts.get_access_key_info(AccessKeyId=self.user()[1]["AccessKeyId"])["Account"])


class Organizations(Case):
    def test_organisation(self):
        root_keys = dict(aws_access_key_id="666677778888", aws_secret_access_key="test")
        org = client("organizations", **root_keys)
        self.refused("AWSOrganizationsNotInUseException", org.list_accounts)
        made = org.create_organization(FeatureSet="ALL")["Organization"]
        self.assertEqual(("666677778888", "ALL"), (made["MasterAccountId"], made["FeatureSet"]))
        self.refused("AlreadyInOrganizationException", org.create_organization)
        root = org.list_roots()["Roots"][0]["Id"]
        unit = org.create_organizational_unit(ParentId=root, Name="dev")["OrganizationalUnit"]["Id"]
        member = self.account(org, "dev")
        org.move_account(AccountId=member, SourceParentId=root, DestinationParentId=unit)
        self.assertEqual([member], [a["Id"] for a in org.list_accounts_for_parent(ParentId=unit)["Accounts"]])
        org.enable_policy_type(RootId=root, PolicyType="SERVICE_CONTROL_POLICY")
        deny = org.create_policy(Name="deny", Description="", Type="SERVICE_CONTROL_POLICY", Content=policy(
            {"Effect": "Deny", "Action": "sqs:CreateQueue", "Resource": "*"}))["Policy"]["PolicySummary"]["Id"]
        there = dict(aws_access_key_id=member, aws_secret_access_key="test")
        sqs = client("sqs", **there)
        sqs.create_queue(QueueName="before")
        org.attach_policy(PolicyId=deny, TargetId=unit)
        self.refused("DuplicatePolicyAttachmentException", org.attach_policy, PolicyId=deny, TargetId=unit)
        e = self.refused("AccessDenied", sqs.create_queue, QueueName="after")
        self.assertIn("with an explicit deny in a service control policy", str(e))
        self.assertEqual(1, len(sqs.list_queues()["QueueUrls"]))
        self.refused("PolicyInUseException", org.delete_policy, PolicyId=deny)
        org.detach_policy(PolicyId=deny, TargetId=unit)
        sqs.create_queue(QueueName="after")
        self.assertEqual("666677778888", client("organizations", **there).describe_organization()["Organization"]["MasterAccountId"])
        self.refused("AccessDeniedException", client("organizations", **there).create_organizational_unit, ParentId=root, Name="x")
        accounts = [a for p in org.get_paginator("list_accounts").paginate(PaginationConfig={"PageSize": 1}) for a in p["Accounts"]]
        self.assertEqual({"666677778888", member}, {a["Id"] for a in accounts})

    def account(self, org, label):
        state = org.create_account(AccountName=label, Email=f"{label}@example.com")["CreateAccountStatus"]
        for _ in range(480):
            if state["State"] != "IN_PROGRESS":
                break
            time.sleep(0.25)
            state = org.describe_create_account_status(CreateAccountRequestId=state["Id"])["CreateAccountStatus"]
        self.assertEqual("SUCCEEDED", state["State"], json.dumps(state, default=str))
        return state["AccountId"]
