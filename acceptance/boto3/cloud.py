"""What the tests share: clients, names, and how they say that a call must be refused."""

import itertools
import json
import os
import subprocess
import unittest

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

ACCOUNT = "000000000000"
ENDPOINT = os.environ["AWS_ENDPOINT_URL"]
NO_RETRIES = Config(retries={"total_max_attempts": 1})

_numbers = itertools.count(1)


def name(prefix):
    """A name that no other test uses."""
    return f"{prefix}-{next(_numbers)}"


def client(service, keys=None, **more):
    """A client as root, or with the keys of a create_access_key or assume_role answer."""
    if keys is not None:
        more.update(
            aws_access_key_id=keys["AccessKeyId"],
            aws_secret_access_key=keys["SecretAccessKey"],
            aws_session_token=keys.get("SessionToken"),
        )
    return boto3.session.Session().client(service, **more)


def pileus(*args):
    """Runs a command of pileus and returns what it prints."""
    return subprocess.run([os.environ["PILEUS"], *args], check=True, capture_output=True, text=True).stdout


def policy(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(action, resource="*", **more):
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


class Case(unittest.TestCase):
    maxDiff = None

    def refused(self, code, call, *args, **kwargs):
        """The call must fail with the error code; returns the error."""
        with self.assertRaises(ClientError) as caught:
            call(*args, **kwargs)
        self.assertEqual(code, caught.exception.response["Error"]["Code"], caught.exception)
        return caught.exception
