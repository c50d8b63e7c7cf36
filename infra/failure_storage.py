"""Where a feed's dead letters wait for an operator: one queue, and one bucket beside it.

Rejected records come from the function (over the queue's limit their bytes go to the bucket),
abandoned batches from Lambda; the bucket's notification puts the latter into the same queue.
"""

import jsii
from aws_cdk import Duration, RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.accepted import accept

REJECTED = "rejected/"
"""Prefix of the bytes of rejected records that are too large for a queue message."""

ABANDONED = "aws/lambda/"
"""Prefix under which Lambda writes abandoned batches; Lambda chose it."""

QUEUE_DAYS = 14
"""As long as SQS can: its default of 4 days is one long weekend."""

BUCKET_DAYS = 30
"""Longer than the queue, so that no message points at an object that has gone."""


class FailureStorage(Construct):
    """One feed's queue and bucket, encrypted with the stage's key and reachable by TLS only."""

    def __init__(
        self, scope: Construct, construct_id: str, *, key: kms.IKey, removal: RemovalPolicy
    ) -> None:
        super().__init__(scope, construct_id)
        self.queue = sqs.Queue(
            self,
            "Queue",
            encryption=sqs.QueueEncryption.KMS,
            encryption_master_key=key,
            enforce_ssl=True,
            retention_period=Duration.days(QUEUE_DAYS),
            removal_policy=removal,
        )
        for finding in ("AwsSolutions-SQS3", "Serverless-SQSRedrivePolicy"):
            accept(self.queue, finding, "It is the dead-letter queue itself; operators empty it.")
        self.bucket = s3.Bucket(
            self,
            "Bucket",
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            bucket_key_enabled=True,
            encryption=s3.BucketEncryption.KMS,
            encryption_key=key,
            enforce_ssl=True,
            lifecycle_rules=[
                s3.LifecycleRule(
                    id="Forget",
                    abort_incomplete_multipart_upload_after=Duration.days(1),
                    expiration=Duration.days(BUCKET_DAYS),
                    noncurrent_version_expiration=Duration.days(1),
                )
            ],
            minimum_tls_version=1.2,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            removal_policy=removal,
            versioned=True,
        )
        accept(
            self.bucket,
            "AwsSolutions-S1",
            "Only two service principals write and operators read; CloudTrail data events record "
            "that by identity, which access logs do not.",
        )
        self._notify()

    def _notify(self) -> None:
        """Put a message into the queue for each abandoned batch.

        Written as the bucket's own property: CDK's `add_event_notification` would deploy another
        function that may rewrite the notifications of every bucket in the account. The queue
        policy names the account and not the bucket, or each would wait for the other.
        """
        allowed = self.queue.add_to_resource_policy(
            iam.PolicyStatement(
                sid="AllowNotifications",
                actions=["sqs:SendMessage"],
                principals=[iam.ServicePrincipal("s3.amazonaws.com")],
                resources=[self.queue.queue_arn],
                conditions={"StringEquals": {"aws:SourceAccount": Stack.of(self).account}},
            )
        )
        bucket = self.bucket.node.default_child
        assert isinstance(bucket, s3.CfnBucket)  # noqa: S101 # tells mypy what CDK documents
        bucket.notification_configuration = s3.CfnBucket.NotificationConfigurationProperty(
            queue_configurations=[
                s3.CfnBucket.QueueConfigurationProperty(
                    event="s3:ObjectCreated:*",
                    queue=self.queue.queue_arn,
                    filter=s3.CfnBucket.NotificationFilterProperty(
                        s3_key=s3.CfnBucket.S3KeyFilterProperty(
                            rules=[s3.CfnBucket.FilterRuleProperty(name="prefix", value=ABANDONED)]
                        )
                    ),
                )
            ]
        )
        # S3 sends a test message while the bucket is created: the policy must be there by then.
        if allowed.policy_dependable is not None:
            bucket.node.add_dependency(allowed.policy_dependable)


@jsii.implements(lambda_.IEventSourceDlq)
class AbandonedBatches:
    """A mapping's on-failure destination that grants nothing.

    CDK's `S3OnFailureDestination` lets the function read and delete the whole bucket; here the
    composer grants what `permissions.keep_abandoned` says.
    """

    def __init__(self, storage: FailureStorage) -> None:
        self._storage = storage

    def bind(
        self, _target: lambda_.IEventSourceMapping, _target_handler: lambda_.IFunction
    ) -> lambda_.DlqDestinationConfig:
        """Name the bucket."""
        return lambda_.DlqDestinationConfig(destination=self._storage.bucket.bucket_arn)
