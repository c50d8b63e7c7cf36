"""Which series of a metric is a feed's own: the dimensions that alarms and graphs ask for."""

from infra.config import Stage
from infra.feed import Feed
from infra.function import SERVICE


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
