"""The services that a mapping talks to."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config
from botocore.credentials import Credentials

if TYPE_CHECKING:
    from types_boto3_kinesis import KinesisClient
    from types_boto3_lambda import LambdaClient
    from types_boto3_s3 import S3Client
    from types_boto3_sqs import SQSClient

LONGEST_INVOCATION = 900
"""Seconds: Lambda's limit, so waiting for an answer ends no invocation that goes on."""

_POOL = 64
_PLAIN = Config(max_pool_connections=_POOL, retries={"mode": "standard", "total_max_attempts": 3})
# The mapping's own semantics decide about retries of the function.
_INVOKE = Config(
    max_pool_connections=_POOL,
    read_timeout=LONGEST_INVOCATION + 10,
    retries={"mode": "standard", "total_max_attempts": 1},
)
# A bucket's name is no host name under a loopback address.
_OBJECTS = Config(max_pool_connections=_POOL, s3={"addressing_style": "path"})


@dataclass(frozen=True, slots=True)
class Clients:
    """One client per service; all are shared between threads."""

    kinesis: "KinesisClient"
    functions: "LambdaClient"
    queues: "SQSClient"
    objects: "S3Client"


def connect(endpoint_url: str, region: str) -> Clients:
    """Create clients for an endpoint, with the environment's credentials or, without any, a test's.

    Only an emulator accepts the latter; this package has no business with a real account.
    """
    session = boto3.Session(region_name=region)
    found = session.get_credentials() or Credentials("test", "test")
    keys = found.get_frozen_credentials()
    session = boto3.Session(
        aws_access_key_id=keys.access_key,
        aws_secret_access_key=keys.secret_key,
        aws_session_token=keys.token,
        region_name=region,
    )
    return Clients(
        kinesis=session.client("kinesis", endpoint_url=endpoint_url, config=_PLAIN),
        functions=session.client("lambda", endpoint_url=endpoint_url, config=_INVOKE),
        queues=session.client("sqs", endpoint_url=endpoint_url, config=_PLAIN),
        objects=session.client("s3", endpoint_url=endpoint_url, config=_OBJECTS),
    )
