"""One feed: its stream, its function, the mapping between them, and its failure storage."""

from aws_cdk import CfnOutput, Duration, RemovalPolicy, Stack
from aws_cdk import aws_kinesis as kinesis
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from infra.accepted import accept
from infra.config import Stage
from infra.failure_storage import AbandonedBatches, FailureStorage
from infra.feed_config import FeedConfig
from infra.function import Forwarder
from infra.stream_config import Existing, Provisioned


def pascal(name: str) -> str:
    """Spell a feed's name as CloudFormation does: action-interactions → ActionInteractions."""
    return "".join(word.capitalize() for word in name.split("-"))


class Feed(Construct):
    """Everything that one row of `DESTINATIONS` needs in one stage."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        stage: Stage,
        config: FeedConfig,
        key: kms.IKey,
        code: lambda_.Code,
    ) -> None:
        super().__init__(scope, construct_id)
        removal = RemovalPolicy[stage.removal.upper()]
        self.config = config
        self.stream = self._stream(key, removal)
        self.failures = FailureStorage(self, "Failures", key=key, removal=removal)
        self.function = Forwarder(
            self,
            "Forwarder",
            stage=stage,
            config=config,
            key=key,
            code=code,
            stream=self.stream,
            failures=self.failures,
        ).function
        self.mapping = self._mapping(enabled=stage.mappings_enabled)
        self._outputs()

    def _stream(self, key: kms.IKey, removal: RemovalPolicy) -> kinesis.IStream:
        wanted = self.config.stream
        if isinstance(wanted, Existing):
            return kinesis.Stream.from_stream_arn(self, "Stream", wanted.arn)
        fixed = isinstance(wanted, Provisioned)
        stream = kinesis.Stream(
            self,
            "Stream",
            encryption=kinesis.StreamEncryption.KMS,
            encryption_key=key,
            removal_policy=removal,
            retention_period=Duration.hours(wanted.retention_hours),
            shard_count=wanted.expected_shards if fixed else None,
            stream_mode=kinesis.StreamMode.PROVISIONED if fixed else kinesis.StreamMode.ON_DEMAND,
        )
        accept(stream, "AwsSolutions-KDS3", "The stage's own key decides who reads, and is logged.")
        return stream

    def _mapping(self, *, enabled: bool) -> lambda_.EventSourceMapping:
        config = self.config
        return lambda_.EventSourceMapping(
            self,
            "Mapping",
            target=self.function,
            event_source_arn=self.stream.stream_arn,
            batch_size=config.batch_size,
            bisect_batch_on_error=True,
            enabled=enabled,
            max_batching_window=Duration.seconds(config.batching_window_seconds),
            max_record_age=Duration.seconds(config.record_age_seconds),
            metrics_config=lambda_.MetricsConfig(metrics=[lambda_.MetricType.EVENT_COUNT]),
            on_failure=AbandonedBatches(self.failures),
            parallelization_factor=config.parallelization_factor,
            report_batch_item_failures=True,
            retry_attempts=config.retry_attempts,
            # Not LATEST: it can skip records while a mapping is created or updated.
            starting_position=lambda_.StartingPosition.TRIM_HORIZON,
            support_s3_on_failure_destination=True,
        )

    def _outputs(self) -> None:
        """Tell the tools where things are; the keys are part of the product's interface."""
        stack, name = Stack.of(self), pascal(self.config.name)
        for key, value in {
            "StreamName": self.stream.stream_name,
            "StreamArn": self.stream.stream_arn,
            "FunctionName": self.function.function_name,
            "QueueUrl": self.failures.queue.queue_url,
            "BucketName": self.failures.bucket.bucket_name,
            "MappingId": self.mapping.event_source_mapping_id,
        }.items():
            CfnOutput(stack, f"{name}{key}", value=value)
