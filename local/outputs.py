"""What the deployed stack says about where things are."""

from dataclasses import dataclass

from pydantic.alias_generators import to_pascal

from forwarder.destinations import Destination
from infra.config import Stage
from local.clients import Clients


@dataclass(frozen=True, slots=True, kw_only=True)
class DeployedFeed:
    """One feed as it was deployed: names and ids for the AWS API."""

    destination: Destination
    target: str
    stream: str
    stream_arn: str
    function: str
    queue_url: str
    bucket: str
    mapping: str

    @property
    def name(self) -> str:
        """The feed's name."""
        return self.destination.name


def read_outputs(clients: Clients, stage: Stage) -> dict[str, DeployedFeed]:
    """Read the outputs of the stage's stack, by the feed's name.

    Raises:
        KeyError: The stack lacks an output of a feed that the stage configures.
    """
    (stack,) = clients.stacks.describe_stacks(StackName=f"personalize-stream-{stage.name}")[
        "Stacks"
    ]
    told = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
    feeds = {}
    for name, config in stage.feeds.items():
        prefix = to_pascal(name.replace("-", "_"))
        feeds[name] = DeployedFeed(
            destination=config.destination,
            target=config.target,
            stream=told[f"{prefix}StreamName"],
            stream_arn=told[f"{prefix}StreamArn"],
            function=told[f"{prefix}FunctionName"],
            queue_url=told[f"{prefix}QueueUrl"],
            bucket=told[f"{prefix}BucketName"],
            mapping=told[f"{prefix}MappingId"],
        )
    return feeds
