"""The series of metrics that are a feed's own: what alarms watch and graphs draw."""

from collections.abc import Callable
from dataclasses import dataclass

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch

from forwarder.metrics import NAMESPACE, Metric
from infra.config import Stage
from infra.feed import Feed
from infra.function import SERVICE


@dataclass(frozen=True, slots=True)
class Series:
    """One metric of a feed, a value a minute.

    Attributes:
        namespace: Whose metric it is.
        metric: Its name.
        dimensions: The feed's values of its dimensions.
        statistic: How the values of one minute become one.
    """

    namespace: str
    metric: str
    dimensions: Callable[[Feed, Stage], dict[str, str]]
    statistic: str

    def of(self, feed: Feed, stage: Stage) -> cloudwatch.Metric:
        """The feed's series in a stage."""
        return cloudwatch.Metric(
            namespace=self.namespace,
            metric_name=self.metric,
            dimensions_map=self.dimensions(feed, stage),
            statistic=self.statistic,
            period=Duration.minutes(1),
        )


def function(feed: Feed, _stage: Stage) -> dict[str, str]:
    """Of metrics of the feed's function."""
    return {"FunctionName": feed.function.function_name}


def mapping(feed: Feed, _stage: Stage) -> dict[str, str]:
    """Of metrics of what reads the feed's stream."""
    return {"EventSourceMappingUUID": feed.mapping.event_source_mapping_id}


def queue(feed: Feed, _stage: Stage) -> dict[str, str]:
    """Of metrics of the feed's dead-letter queue."""
    return {"QueueName": feed.failures.queue.queue_name}


def stream(feed: Feed, _stage: Stage) -> dict[str, str]:
    """Of metrics of the feed's stream."""
    return {"StreamName": feed.stream.stream_name}


def forwarder(feed: Feed, stage: Stage) -> dict[str, str]:
    """Of the forwarder's own metrics, as it writes them."""
    return {"feed": feed.config.name, "service": SERVICE, "stage": stage.name}


def own(metric: Metric) -> Series:
    """What the forwarder counts of a feed."""
    return Series(NAMESPACE, metric.title, forwarder, "Sum")


ITERATOR_AGE = Series("AWS/Lambda", "IteratorAge", function, "Maximum")
STREAM_AGE = Series("AWS/Kinesis", "GetRecords.IteratorAgeMilliseconds", stream, "Maximum")
WAITING = Series("AWS/SQS", "ApproximateNumberOfMessagesVisible", queue, "Maximum")
