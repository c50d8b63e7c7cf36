"""One feed's function: the shared code, the feed's settings, and a role of its own."""

from aws_cdk import Duration, RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kinesis as kinesis
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from constructs import Construct

from forwarder.metrics import NAMESPACE
from infra import permissions
from infra.accepted import accept
from infra.config import Stage
from infra.failure_storage import ABANDONED, REJECTED, FailureStorage
from infra.feed_config import FeedConfig
from infra.stream_config import Existing

HANDLER = "forwarder.handler.handle"
SERVICE = "personalize-stream"


class Forwarder(Construct):
    """The function that forwards one stream's records, and what it may do."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        stage: Stage,
        config: FeedConfig,
        key: kms.IKey,
        code: lambda_.Code,
        stream: kinesis.IStream,
        failures: FailureStorage,
    ) -> None:
        super().__init__(scope, construct_id)
        log_group = self._log_group(stage, key)
        role = self._role(config, key, stream, failures, log_group)
        self.function = lambda_.Function(
            self,
            "Function",
            architecture=lambda_.Architecture.ARM_64,
            code=code,
            description=f"Forwards {config.name} to Amazon Personalize ({stage.name})",
            environment=settings(stage, config, failures),
            handler=HANDLER,
            log_group=log_group,
            memory_size=config.memory_mb,
            reserved_concurrent_executions=config.pacing.reserved_concurrency,
            role=role,
            runtime=lambda_.Runtime.PYTHON_3_14,
            timeout=Duration.seconds(config.timeout_seconds),
            tracing=lambda_.Tracing.ACTIVE,
        )
        accept(
            self.function,
            "Serverless-LambdaDLQ",
            "Only the mapping invokes it, and a stream's failures go to the mapping's destination.",
        )
        _accept_wildcards(role, failures)

    def _log_group(self, stage: Stage, key: kms.IKey) -> logs.LogGroup:
        removal = RemovalPolicy[stage.removal.upper()]
        log_group = logs.LogGroup(self, "Log", encryption_key=key, removal_policy=removal)
        resource = log_group.node.default_child
        assert isinstance(resource, logs.CfnLogGroup)  # noqa: S101 # tells mypy what CDK documents
        resource.retention_in_days = stage.log_retention_days  # CDK's enum has no way from a number
        return log_group

    def _role(
        self,
        config: FeedConfig,
        key: kms.IKey,
        stream: kinesis.IStream,
        failures: FailureStorage,
        log_group: logs.LogGroup,
    ) -> iam.Role:
        role = iam.Role(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
            description=f"What the forwarder of {config.name} may do",
        )
        wanted = config.stream
        stream_key = wanted.key_arn if isinstance(wanted, Existing) else key.key_arn
        for statement in (
            permissions.deliver(config.destination, config.target),
            *permissions.read_stream(stream, stream_key),
            *permissions.keep_rejected(failures, key),
            *permissions.keep_abandoned(failures),
            permissions.write_logs(log_group.log_group_arn),
        ):
            role.add_to_policy(statement)
        return role


def settings(stage: Stage, config: FeedConfig, failures: FailureStorage) -> dict[str, str]:
    """Make the function's environment: all that it knows of where it runs."""
    found = {
        "FEED": config.name,
        "TARGET": config.target,
        "STAGE": stage.name,
        "DEAD_LETTER_QUEUE_URL": failures.queue.queue_url,
        "DEAD_LETTER_BUCKET": failures.bucket.bucket_name,
        "CALLS_PER_SECOND": f"{config.pacing.calls_per_second:g}",
        "CONCURRENT_CALLS": str(config.concurrent_calls),
        "POWERTOOLS_LOG_LEVEL": stage.log_level,
        "POWERTOOLS_METRICS_NAMESPACE": NAMESPACE,
        "POWERTOOLS_SERVICE_NAME": SERVICE,
    }
    if stage.personalize_endpoint:
        found["AWS_ENDPOINT_URL_PERSONALIZE_EVENTS"] = stage.personalize_endpoint
    return found


def _accept_wildcards(role: iam.Role, failures: FailureStorage) -> None:
    """Say why these three wildcards stay; nag reports any other."""
    bucket = failures.bucket.node.default_child
    assert isinstance(bucket, s3.CfnBucket)  # noqa: S101 # tells mypy what CDK documents
    objects = f"{Stack.of(failures).get_logical_id(bucket)}.Arn"
    for resource, reason in {
        "*": "X-Ray's actions, PutEvents and PutActionInteractions know no resource types.",
        f"<{objects}>/{REJECTED}*": "One object a record; the prefix is the function's own.",
        f"<{objects}>/{ABANDONED}*": "Lambda names the objects; the prefix is Lambda's own.",
    }.items():
        accept(role, f"AwsSolutions-IAM5[Resource::{resource}]", reason)
