"""Where a stage is deployed: its account, its feeds, and the settings that its functions have."""

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import boto3
from botocore.exceptions import ClientError
from pydantic.alias_generators import to_pascal

from forwarder.destinations import DESTINATIONS
from replayer.site import Site

if TYPE_CHECKING:
    from types_boto3_cloudformation import CloudFormationClient

LOCAL = "local"
ENDPOINT = "AWS_ENDPOINT_URL"
"""botocore's own variable: where all of AWS is, if it is not where it always is."""


class NoSuchStage(Exception):  # noqa: N818 - it says what is the case
    """The stage is not deployed here, or lacks a feed; the text says what is wanted."""


@dataclass(frozen=True, slots=True)
class Deployment:
    """One deployed stage, found by its stack's outputs."""

    stage: str
    session: boto3.Session
    outputs: Mapping[str, str]

    @property
    def feeds(self) -> list[str]:
        """The feeds that the stage has."""
        return [feed for feed in DESTINATIONS if f"{_prefix(feed)}QueueUrl" in self.outputs]

    def site(self, feed: str) -> Site:
        """Find one feed; its target is what its function has in its environment now."""
        prefix = _prefix(feed)
        function = self.session.client("lambda").get_function_configuration(
            FunctionName=self.outputs[f"{prefix}FunctionName"]
        )
        return Site(
            stage=self.stage,
            feed=feed,
            target=function["Environment"]["Variables"]["TARGET"],
            stream_name=self.outputs[f"{prefix}StreamName"],
            stream_arn=self.outputs[f"{prefix}StreamArn"],
            queue_url=self.outputs[f"{prefix}QueueUrl"],
            bucket=self.outputs[f"{prefix}BucketName"],
        )

    def sites(self, feeds: Iterable[str] = ()) -> list[Site]:
        """Find several feeds, or all.

        Raises:
            NoSuchStage: The stage does not have one of them.
        """
        wanted = list(feeds) or self.feeds
        for feed in wanted:
            if feed not in self.feeds:
                has = ", ".join(self.feeds) or "none"
                raise NoSuchStage(f'--feed: got "{feed}", wants a feed of {self.stage}: {has}')
        return [self.site(feed) for feed in wanted]

    def caller(self) -> str:
        """Who is asking, as AWS knows them."""
        return self.session.client("sts").get_caller_identity()["Arn"]


def find(stage: str, region: str | None = None) -> Deployment:
    """Find a stage.

    Raises:
        NoSuchStage: There is no such stack; names the account and the region looked at.
    """
    session = connect(stage, region)
    stacks = session.client("cloudformation")
    outputs = _outputs(stacks, stage, lambda: _here(session))
    return Deployment(stage, session, outputs)


def connect(stage: str, region: str | None = None) -> boto3.Session:
    """Open a session: for the local stage one that reaches this machine and nothing else.

    Raises:
        NoSuchStage: The local stack does not run.
    """
    if stage != LOCAL:
        return boto3.Session(region_name=region)
    # The other stages do without the local stack's package.
    from local.emulator import CREDENTIALS, REGION, ROOT  # noqa: PLC0415

    if ENDPOINT not in os.environ:
        from local.background import running  # noqa: PLC0415

        found = running(ROOT / ".local" / "up")
        if found is None:
            raise NoSuchStage("the local stack does not run: start it with `make up`")
        os.environ[ENDPOINT] = found.url
    return boto3.Session(
        aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
        region_name=REGION,
    )


def _outputs(
    stacks: "CloudFormationClient", stage: str, here: Callable[[], str]
) -> Mapping[str, str]:
    name = f"personalize-stream-{stage}"
    try:
        (stack,) = stacks.describe_stacks(StackName=name)["Stacks"]
    except ClientError as error:
        if error.response["Error"]["Code"] != "ValidationError":
            raise
        raise NoSuchStage(
            f'--stage: got "{stage}", but there is no stack {name} in {here()}: '
            "wants a deployed stage, and the profile and region that it is in"
        ) from None
    return {each["OutputKey"]: each["OutputValue"] for each in stack.get("Outputs", ())}


def _here(session: boto3.Session) -> str:
    account = session.client("sts").get_caller_identity()["Account"]
    return f"account {account}, region {session.region_name}"


def _prefix(feed: str) -> str:
    return to_pascal(feed.replace("-", "_"))
