"""Which shards of a stream can be read now: children after their parents, so that order survives.

https://docs.aws.amazon.com/streams/latest/dev/kinesis-using-sdk-java-after-resharding.html
"""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types_boto3_kinesis.type_defs import ShardTypeDef


def identify(shard: "ShardTypeDef") -> str:
    """Name a shard so that it differs from one of the same id in a stream that was created anew."""
    return f"{shard['ShardId']}@{shard['SequenceNumberRange']['StartingSequenceNumber']}"


def ready(
    listed: Mapping[str, "ShardTypeDef"], *, started: AbstractSet[str], ended: AbstractSet[str]
) -> tuple[str, ...]:
    """Pick the shards to start: not started yet, and all their parents have ended.

    A parent that is neither listed nor was ever started is behind the stream's retention. All
    shards are named as `identify` does.
    """
    at_work = {name.partition("@")[0] for name in (listed.keys() | started) - ended}
    return tuple(
        name
        for name, shard in listed.items()
        if name not in started
        and shard.get("ParentShardId") not in at_work
        and shard.get("AdjacentParentShardId") not in at_work
    )
