"""The replay as a function, for operators without the repository: the stage decides whether.

One for all feeds of a stage. Nothing invokes it but an operator, and itself when out of time.
"""

from collections.abc import Iterator, Sequence

from aws_cdk import CfnOutput, Duration, RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra import permissions
from infra.accepted import accept
from infra.config import Stage
from infra.failure_storage import REJECTED
from infra.feed import Feed
from infra.function import SERVICE
from infra.stream_config import Existing

HANDLER = "replayer.handler.handle"
LOSES_NOTHING = (
    "What it is asked for waits in the dead letters until it is done; a lost invocation loses "
    "nothing, and is asked for again."
)


class Replayer(Construct):
    """The replayer function, and what it may do: all that an operator's replay does."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        stage: Stage,
        feeds: Sequence[Feed],
        key: kms.IKey,
        code: lambda_.Code,
    ) -> None:
        super().__init__(scope, construct_id)
        log_group = logs.LogGroup(
            self, "Log", encryption_key=key, removal_policy=RemovalPolicy[stage.removal.upper()]
        )
        resource = log_group.node.default_child
        assert isinstance(resource, logs.CfnLogGroup)  # noqa: S101 # tells mypy what CDK documents
        resource.retention_in_days = stage.log_retention_days  # CDK's enum has no way from a number
        self.role = iam.Role(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
            description="What the replayer may do",
        )
        self.role.add_to_policy(permissions.write_logs(log_group.log_group_arn))
        for feed in feeds:
            for statement in _replay(feed, key):
                self.role.add_to_policy(statement)
        self.function = self._function(stage, feeds, code, log_group)
        self._may_go_on()
        self._accept(feeds)
        CfnOutput(Stack.of(self), "ReplayerFunctionName", value=self.function.function_name)

    def _function(
        self, stage: Stage, feeds: Sequence[Feed], code: lambda_.Code, log_group: logs.LogGroup
    ) -> lambda_.Function:
        return lambda_.Function(
            self,
            "Function",
            architecture=lambda_.Architecture.ARM_64,
            code=code,
            description=f"Puts dead letters back on their streams ({stage.name})",
            environment={
                "SITES": Stack.of(self).to_json_string([_site(stage, feed) for feed in feeds]),
                "POWERTOOLS_LOG_LEVEL": stage.log_level,
                "POWERTOOLS_SERVICE_NAME": SERVICE,
            },
            handler=HANDLER,
            log_group=log_group,
            memory_size=1769,
            # It calls itself when out of time; Lambda would end that after some sixteen times.
            recursive_loop=lambda_.RecursiveLoop.ALLOW,
            # Two replays at once would put the same records back.
            reserved_concurrent_executions=1,
            retry_attempts=0,
            role=self.role,
            runtime=lambda_.Runtime.PYTHON_3_14,
            timeout=Duration.minutes(15),
            tracing=lambda_.Tracing.ACTIVE,
        )

    def _may_go_on(self) -> None:
        """Allow it to invoke itself; a policy of its own, or role and function would wait."""
        policy = iam.Policy(
            self,
            "GoOn",
            statements=[
                iam.PolicyStatement(
                    sid="GoOn",
                    actions=["lambda:InvokeFunction"],
                    resources=[self.function.function_arn],
                )
            ],
        )
        policy.attach_to_role(self.role)

    def _accept(self, feeds: Sequence[Feed]) -> None:
        accept(
            self.function,
            "Serverless-LambdaDLQ",
            LOSES_NOTHING,
        )
        accept(
            self.function.node.find_child("EventInvokeConfig"),
            "Serverless-LambdaAsyncFailureDestination",
            LOSES_NOTHING,
        )
        accept(self.role, "AwsSolutions-IAM5[Resource::*]", "X-Ray's actions know no resources.")
        for feed in feeds:
            bucket = feed.failures.bucket.node.default_child
            assert isinstance(bucket, s3.CfnBucket)  # noqa: S101 # tells mypy what CDK documents
            objects = f"<{Stack.of(self).get_logical_id(bucket)}.Arn>"
            for resource in (f"{objects}/*", f"{objects}/{REJECTED}*"):
                accept(
                    self.role,
                    f"AwsSolutions-IAM5[Resource::{resource}]",
                    "One object a batch or a record; Lambda and the forwarder name them.",
                )


def _site(stage: Stage, feed: Feed) -> dict[str, str]:
    """Say where a feed is, in the words of `replayer.site.Site`."""
    return {
        "stage": stage.name,
        "feed": feed.config.name,
        "target": feed.config.target,
        "stream_name": feed.stream.stream_name,
        "stream_arn": feed.stream.stream_arn,
        "queue_url": feed.failures.queue.queue_url,
        "bucket": feed.failures.bucket.bucket_name,
    }


def _replay(feed: Feed, key: kms.IKey) -> Iterator[iam.PolicyStatement]:
    """Allow what one feed's replay does: to its queue, its bucket, its stream, and their keys."""
    stack = Stack.of(feed)
    failures, stream = feed.failures, feed.stream
    own_account = {"StringEquals": {"s3:ResourceAccount": stack.account}}
    wanted = feed.config.stream
    stream_key = wanted.key_arn if isinstance(wanted, Existing) else key.key_arn
    yield iam.PolicyStatement(
        actions=[
            "sqs:ChangeMessageVisibility",
            "sqs:DeleteMessage",
            "sqs:GetQueueAttributes",
            "sqs:ReceiveMessage",
            "sqs:SendMessage",
        ],
        resources=[failures.queue.queue_arn],
    )
    yield iam.PolicyStatement(
        actions=["s3:DeleteObject", "s3:GetObject"],
        resources=[failures.bucket.arn_for_objects("*")],
        conditions=own_account,
    )
    yield iam.PolicyStatement(
        actions=["s3:PutObject"],
        resources=[failures.bucket.arn_for_objects(f"{REJECTED}*")],
        conditions=own_account,
    )
    yield iam.PolicyStatement(
        # Without it, S3 answers "forbidden" for an object that is gone.
        actions=["s3:ListBucket"],
        resources=[failures.bucket.bucket_arn],
        conditions=own_account,
    )
    yield iam.PolicyStatement(
        actions=[
            "kinesis:DescribeStreamSummary",
            "kinesis:GetRecords",
            "kinesis:GetShardIterator",
            "kinesis:ListShards",
            "kinesis:PutRecords",
        ],
        resources=[stream.stream_arn],
    )
    via = [f"{service}.{stack.region}.amazonaws.com" for service in ("kinesis", "s3", "sqs")]
    yield iam.PolicyStatement(
        actions=["kms:Decrypt", "kms:GenerateDataKey"],
        resources=sorted({key.key_arn, stream_key or key.key_arn}),
        conditions={"StringEquals": {"kms:ViaService": via}},
    )
