"""What a forwarder may do, one statement for each reason it has.

A forwarder calls its own operation, reads its own stream and adds to its own failure storage. It
cannot read, list the contents of, or delete what it put there.
"""

from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kinesis as kinesis
from aws_cdk import aws_kms as kms

from forwarder.destinations import Destination
from infra.failure_storage import ABANDONED, REJECTED, FailureStorage


def deliver(destination: Destination, target: str) -> iam.PolicyStatement:
    """Allow the feed's one operation, on its dataset where the operation has a resource type.

    PutEvents and PutActionInteractions have none, so IAM takes nothing but `*` for them:
    https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonpersonalize.html
    """
    return iam.PolicyStatement(
        sid="Deliver",
        actions=[f"personalize:{destination.action}"],
        resources=[target if destination.target == "datasetArn" else "*"],
    )


def read_stream(stream: kinesis.IStream, key_arn: str | None) -> list[iam.PolicyStatement]:
    """Allow Lambda, in the function's name, to poll this stream and decrypt its records.

    Less than AWSLambdaKinesisExecutionRole: no ListStreams (it has no resource to narrow it to)
    and no SubscribeToShard (there is no enhanced fan-out consumer).
    """
    statements = [
        iam.PolicyStatement(
            sid="ReadStream",
            actions=[
                "kinesis:DescribeStream",
                "kinesis:DescribeStreamSummary",
                "kinesis:GetRecords",
                "kinesis:GetShardIterator",
                "kinesis:ListShards",
            ],
            resources=[stream.stream_arn],
        )
    ]
    if key_arn is not None:
        statements.append(
            iam.PolicyStatement(
                sid="DecryptStream",
                actions=["kms:Decrypt"],
                resources=[key_arn],
                conditions={
                    "StringEquals": {
                        "kms:ViaService": f"kinesis.{Stack.of(stream).region}.amazonaws.com",
                        "kms:EncryptionContext:aws:kinesis:arn": stream.stream_arn,
                    }
                },
            )
        )
    return statements


def keep_rejected(storage: FailureStorage, key: kms.IKey) -> list[iam.PolicyStatement]:
    """Allow adding dead letters, and nothing else, to this feed's failure storage."""
    stack = Stack.of(storage)
    own_account = {"StringEquals": {"s3:ResourceAccount": stack.account}}
    via = [f"{service}.{stack.region}.amazonaws.com" for service in ("s3", "sqs")]
    return [
        iam.PolicyStatement(
            sid="KeepRejected",
            actions=["sqs:SendMessage"],
            resources=[storage.queue.queue_arn],
        ),
        iam.PolicyStatement(
            sid="KeepLargeRejected",
            actions=["s3:PutObject"],
            resources=[storage.bucket.arn_for_objects(f"{REJECTED}*")],
            conditions=own_account,
        ),
        iam.PolicyStatement(
            sid="EncryptDeadLetters",
            # SQS and S3 multipart uploads ask for Decrypt as well when they only write.
            actions=["kms:GenerateDataKey", "kms:Decrypt"],
            resources=[key.key_arn],
            conditions={"StringEquals": {"kms:ViaService": via}},
        ),
    ]


def keep_abandoned(storage: FailureStorage) -> list[iam.PolicyStatement]:
    """Allow Lambda, in the function's name, to put abandoned batches into the bucket.

    Lambda's documentation asks for both actions, and for the account condition: a bucket that was
    deleted can be made again by a stranger, who would then receive the records.
    https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html
    """
    own_account = {"StringEquals": {"s3:ResourceAccount": Stack.of(storage).account}}
    return [
        iam.PolicyStatement(
            sid="KeepAbandoned",
            actions=["s3:PutObject"],
            resources=[storage.bucket.arn_for_objects(f"{ABANDONED}*")],
            conditions=own_account,
        ),
        iam.PolicyStatement(
            sid="FindBucket",
            actions=["s3:ListBucket"],
            resources=[storage.bucket.bucket_arn],
            conditions=own_account,
        ),
    ]


def write_logs(log_group_arn: str) -> iam.PolicyStatement:
    """Allow writing to the function's own log group, which exists already."""
    return iam.PolicyStatement(
        sid="Log",
        actions=["logs:CreateLogStream", "logs:PutLogEvents"],
        resources=[log_group_arn],
    )
