"""Clients for the emulator, whatever credentials and proxies this machine has for others."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

from local.emulator import CREDENTIALS, REGION

if TYPE_CHECKING:
    from types_boto3_cloudformation import CloudFormationClient
    from types_boto3_kinesis import KinesisClient
    from types_boto3_lambda import LambdaClient
    from types_boto3_s3 import S3Client
    from types_boto3_sqs import SQSClient

# A bucket's name is no host name under a loopback address.
_CONFIG = Config(
    proxies={},
    retries={"mode": "standard", "total_max_attempts": 3},
    s3={"addressing_style": "path"},
)


@dataclass(frozen=True, slots=True)
class Clients:
    """One client per service that the local stack's tools talk to."""

    stacks: "CloudFormationClient"
    streams: "KinesisClient"
    functions: "LambdaClient"
    objects: "S3Client"
    queues: "SQSClient"
    logs: Any
    """CloudWatch Logs; untyped here."""


def connect(endpoint_url: str) -> Clients:
    """Create the clients of one emulator."""
    session = boto3.Session(
        aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
        region_name=REGION,
    )
    return Clients(
        stacks=session.client("cloudformation", endpoint_url=endpoint_url, config=_CONFIG),
        streams=session.client("kinesis", endpoint_url=endpoint_url, config=_CONFIG),
        functions=session.client("lambda", endpoint_url=endpoint_url, config=_CONFIG),
        objects=session.client("s3", endpoint_url=endpoint_url, config=_CONFIG),
        queues=session.client("sqs", endpoint_url=endpoint_url, config=_CONFIG),
        logs=session.client("logs", endpoint_url=endpoint_url, config=_CONFIG),
    )
