"""One stage: the feeds it configures, and the key and topic they share."""

from typing import Any

from aws_cdk import ArnFormat, CfnOutput, RemovalPolicy, Stack, Tags
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from constructs import Construct

from forwarder.destinations import DESTINATIONS
from infra.accepted import accept
from infra.alarms import watch
from infra.config import Stage
from infra.dashboard import draw
from infra.feed import Feed, pascal
from infra.replayer import Replayer


class PersonalizeStream(Stack):
    """A stage's stack: one `Feed` for each row of `DESTINATIONS` that the stage configures."""

    def __init__(
        self, scope: Construct, *, stage: Stage, code: lambda_.Code, **options: Any
    ) -> None:
        super().__init__(
            scope,
            f"personalize-stream-{stage.name}",
            description="Feeds Amazon Personalize from Kinesis",
            env={"account": stage.account, "region": stage.region},
            termination_protection=stage.termination_protection,
            **options,
        )
        key = self._key(stage)
        topic = self._topic(stage, key)
        self.feeds = []
        alarms = []
        for name in DESTINATIONS:
            if config := stage.feeds.get(name):
                feed = Feed(self, pascal(name), stage=stage, config=config, key=key, code=code)
                alarms += watch(feed, stage, topic)
                self.feeds.append(feed)
        draw(self, stage, self.feeds, alarms)
        if stage.replayer:
            Replayer(self, "Replayer", stage=stage, feeds=self.feeds, key=key, code=code)
        for tag, value in stage.tags.items():
            Tags.of(self).add(tag, value)
        CfnOutput(self, "KeyArn", value=key.key_arn)
        CfnOutput(self, "AlarmTopicArn", value=topic.topic_arn)

    def _key(self, stage: Stage) -> kms.Key:
        """Create the key of streams, queues, buckets, logs and the topic.

        The services that write on nobody's behalf are let in here, each for this account only.
        """
        key = kms.Key(
            self,
            "Key",
            description=f"Personalize Stream, stage {stage.name}",
            enable_key_rotation=True,
            removal_policy=RemovalPolicy[stage.removal.upper()],
        )
        own_account = {"StringEquals": {"aws:SourceAccount": self.account}}
        own_logs = {
            "ArnLike": {
                "kms:EncryptionContext:aws:logs:arn": self.format_arn(
                    service="logs",
                    resource="log-group",
                    resource_name=f"{self.stack_name}-*",
                    arn_format=ArnFormat.COLON_RESOURCE_NAME,
                )
            }
        }
        use = ("kms:Decrypt", "kms:GenerateDataKey*")
        # What CloudWatch Logs asks for, see its guide: "Encrypt log data using AWS KMS".
        logs_use = (*use, "kms:DescribeKey", "kms:Encrypt", "kms:ReEncrypt*")
        for sid, service, actions, conditions in (
            ("Notifications", "s3.amazonaws.com", use, own_account),
            ("Alarms", "cloudwatch.amazonaws.com", use, own_account),
            ("Logs", f"logs.{self.region}.amazonaws.com", logs_use, own_logs),
        ):
            key.add_to_resource_policy(
                iam.PolicyStatement(
                    sid=sid,
                    actions=[*actions],
                    principals=[iam.ServicePrincipal(service)],
                    resources=["*"],  # in a key policy: this key
                    conditions=conditions,
                )
            )
        return key

    def _topic(self, stage: Stage, key: kms.IKey) -> sns.ITopic:
        """Take the stage's topic, or create one that mails to the stage's addresses."""
        if stage.alarms.topic_arn:
            return sns.Topic.from_topic_arn(self, "Alarms", stage.alarms.topic_arn)
        topic = sns.Topic(self, "Alarms", enforce_ssl=True, master_key=key)
        # A topic policy replaces the default one, under which alarms of this account may publish.
        topic.add_to_resource_policy(
            iam.PolicyStatement(
                sid="AllowAlarms",
                actions=["sns:Publish"],
                principals=[iam.ServicePrincipal("cloudwatch.amazonaws.com")],
                resources=[topic.topic_arn],
                conditions={"StringEquals": {"aws:SourceAccount": self.account}},
            )
        )
        for email in stage.alarms.emails:
            accept(
                topic.add_subscription(subscriptions.EmailSubscription(email)),
                "Serverless-SNSRedrivePolicy",
                "A mail that does not arrive has no second place to go; the alarm stays visible.",
            )
        return topic
