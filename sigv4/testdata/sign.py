"""Signs the requests given as JSON on stdin with botocore, and prints what would go over the wire."""
import json, sys
from botocore.auth import (HmacV1Auth, HmacV1PostAuth, HmacV1QueryAuth, S3SigV4Auth, S3SigV4PostAuth,
                           S3SigV4QueryAuth, SigV4Auth, SigV4QueryAuth)
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials


def signer(kind, creds, region, service):
    if kind == "v4":
        return (S3SigV4Auth if service == "s3" else SigV4Auth)(creds, service, region)
    if kind == "v4query":
        return (S3SigV4QueryAuth if service == "s3" else SigV4QueryAuth)(creds, service, region, expires=600)
    if kind == "v4post":
        return S3SigV4PostAuth(creds, service, region)
    return {"v2": HmacV1Auth, "v2query": HmacV1QueryAuth, "v2post": HmacV1PostAuth}[kind](creds)


out = []
for case in json.load(sys.stdin):
    creds = Credentials(case["AccessKey"], case["Secret"], case.get("Token") or None)
    req = AWSRequest(method=case["Method"], url=case["URL"], data=case.get("Body", "").encode() or None)
    for name, value in case.get("Headers") or []:
        req.headers.add_header(name, value)
    if case["Kind"].endswith("post"):
        req.context["s3-presign-post-fields"] = dict(case["Fields"])
        req.context["s3-presign-post-policy"] = {
            "expiration": "2099-01-01T00:00:00Z",
            "conditions": [{k: v} for k, v in case["Fields"].items()],
        }
    if case.get("AuthPath"):
        req.auth_path = case["AuthPath"]
    signer(case["Kind"], creds, case["Region"], case["Service"]).add_auth(req)
    prepared = req.prepare()
    out.append({
        "URL": prepared.url,
        "Headers": [[k, v.decode() if isinstance(v, bytes) else v] for k, v in prepared.headers.items()],
        "Fields": req.context.get("s3-presign-post-fields"),
    })
json.dump(out, sys.stdout)
