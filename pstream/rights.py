"""Says what an AWS error means for the person who ran a command: which right is missing."""

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    EndpointConnectionError,
    NoCredentialsError,
    NoRegionError,
)

RIGHTS = {
    "ChangeMessageVisibilityBatch": "sqs:ChangeMessageVisibility",
    "DeleteMessageBatch": "sqs:DeleteMessage",
    "DeleteObject": "s3:DeleteObject",
    "DescribeStacks": "cloudformation:DescribeStacks",
    "DescribeStreamSummary": "kinesis:DescribeStreamSummary",
    "GetCallerIdentity": "sts:GetCallerIdentity",
    "GetFunctionConfiguration": "lambda:GetFunctionConfiguration",
    "GetObject": "s3:GetObject (and s3:ListBucket, to tell what is gone from what is forbidden)",
    "GetQueueAttributes": "sqs:GetQueueAttributes",
    "GetRecords": "kinesis:GetRecords",
    "GetShardIterator": "kinesis:GetShardIterator",
    "ListShards": "kinesis:ListShards",
    "PutRecords": "kinesis:PutRecords",
    "ReceiveMessage": "sqs:ReceiveMessage",
    "SendMessageBatch": "sqs:SendMessage",
}
"""The right that each call needs; all but the last of them on this stage's own resources."""

_DENIED = ("AccessDenied", "Unauthorized", "NotAuthorized", "Forbidden", "403")


def explain(error: ClientError | BotoCoreError) -> str:
    """Say in a sentence what is wrong and what would help; holds no payload."""
    match error:
        case NoCredentialsError():
            return "There are no AWS credentials: sign in, or choose a profile with AWS_PROFILE."
        case NoRegionError():
            return "There is no AWS region: give --region, or set AWS_REGION."
        case EndpointConnectionError():
            return f"{error} If this is the local stack, start it with `make up`."
        case ClientError():
            return _of_answer(error)
    return str(error)


def _of_answer(error: ClientError) -> str:
    found = error.response["Error"]
    code = found.get("Code", "")
    right = RIGHTS.get(error.operation_name, error.operation_name)
    if "kms" in f"{code} {found.get('Message', '')}".lower():
        right = "kms:Decrypt and kms:GenerateDataKey on the stage's key"
    elif not any(word in code for word in _DENIED):
        return f"{error.operation_name} failed: {code}: {found.get('Message', '')}"
    return f"You lack the right {right}: {code}: {found.get('Message', '')}"
