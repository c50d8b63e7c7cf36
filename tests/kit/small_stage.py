"""A stage's streams, queues and buckets on an emulator, without its functions' code."""

import json
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from builders import TARGETS

from forwarder.destinations import DESTINATIONS
from local.emulator import CREDENTIALS, REGION

if TYPE_CHECKING:
    from types_boto3_kinesis import KinesisClient
    from types_boto3_s3 import S3Client
    from types_boto3_sqs import SQSClient

FEEDS = {"events": "Events", "items": "Items"}


class SmallStage:
    """The parts of a deployed stage that dead letters have to do with.

    Args:
        url: Where the emulator is.
        name: The stage's name.
    """

    def __init__(self, url: str, name: str = "local") -> None:
        self.url = url
        self.name = name
        self.sqs: SQSClient = self._client("sqs")
        self.s3: S3Client = self._client("s3")
        self.kinesis: KinesisClient = self._client("kinesis")
        self.outputs: dict[str, str] = {}

    def deploy(self) -> None:
        """Create the stack that the command line looks for."""
        stacks = self._client("cloudformation")
        name = f"personalize-stream-{self.name}"
        stacks.create_stack(StackName=name, TemplateBody=json.dumps(_template(self.name)))
        stacks.get_waiter("stack_create_complete").wait(
            StackName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 60}
        )
        (stack,) = stacks.describe_stacks(StackName=name)["Stacks"]
        self.outputs = {each["OutputKey"]: each["OutputValue"] for each in stack["Outputs"]}

    def output(self, feed: str, key: str) -> str:
        """What the stack says about one feed."""
        return self.outputs[f"{FEEDS[feed]}{key}"]

    def environment(self) -> dict[str, str]:
        """What a command needs to find this stage."""
        return {**CREDENTIALS, "AWS_ENDPOINT_URL": self.url, "AWS_DEFAULT_REGION": REGION}

    def _client(self, service: str) -> Any:
        return boto3.Session(
            aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
            region_name=REGION,
        ).client(
            service,  # type: ignore[call-overload] # a name that is not literal
            endpoint_url=self.url,
            config=Config(max_pool_connections=32, s3={"addressing_style": "path"}),
        )


def _template(stage: str) -> dict[str, Any]:
    resources: dict[str, Any] = {"Role": _ROLE}
    outputs: dict[str, Any] = {}
    for feed, prefix in FEEDS.items():
        target = TARGETS[DESTINATIONS[feed].target]
        resources |= {
            f"{prefix}Stream": {
                "Type": "AWS::Kinesis::Stream",
                "Properties": {"Name": f"{stage}-{feed}", "ShardCount": 2},
            },
            f"{prefix}Queue": {"Type": "AWS::SQS::Queue"},
            f"{prefix}Bucket": {"Type": "AWS::S3::Bucket"},
            f"{prefix}Function": {
                "Type": "AWS::Lambda::Function",
                "Properties": {
                    "Runtime": "python3.11",
                    "Handler": "index.handle",
                    "Role": {"Fn::GetAtt": ["Role", "Arn"]},
                    "Code": {"ZipFile": "def handle(event, context): pass"},
                    "Environment": {"Variables": {"TARGET": target}},
                },
            },
        }
        outputs |= {
            f"{prefix}StreamName": {"Value": {"Ref": f"{prefix}Stream"}},
            f"{prefix}StreamArn": {"Value": {"Fn::GetAtt": [f"{prefix}Stream", "Arn"]}},
            f"{prefix}QueueUrl": {"Value": {"Ref": f"{prefix}Queue"}},
            f"{prefix}BucketName": {"Value": {"Ref": f"{prefix}Bucket"}},
            f"{prefix}FunctionName": {"Value": {"Ref": f"{prefix}Function"}},
        }
    return {"Resources": resources, "Outputs": outputs}


_ROLE = {
    "Type": "AWS::IAM::Role",
    "Properties": {
        "AssumeRolePolicyDocument": {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Principal": {"Service": "lambda.amazonaws.com"},
                    "Action": "sts:AssumeRole",
                }
            ],
        }
    },
}
