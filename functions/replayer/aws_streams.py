"""The verbs of one stream, made of boto3's client."""

import base64
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from forwarder.outcomes import Record
from replayer.newest import Reach
from replayer.put_records import Outgoing, Send
from replayer.stream_range import After, At, NotInStream, Page, ShardReader, Since, Start

if TYPE_CHECKING:
    from types_boto3_kinesis import KinesisClient

_NOT_IN_STREAM = frozenset({"ResourceNotFoundException", "InvalidArgumentException"})


def reader_of(client: "KinesisClient", stream_arn: str) -> ShardReader:
    """Make the verb that reads shards."""
    shard_of: dict[str, str] = {}

    def iterate(shard: str, start: Start) -> str:
        where: dict[str, Any] = _where(start)
        try:
            answer = client.get_shard_iterator(StreamARN=stream_arn, ShardId=shard, **where)
        except ClientError as error:
            if error.response["Error"]["Code"] in _NOT_IN_STREAM:
                raise NotInStream from None
            raise
        shard_of[answer["ShardIterator"]] = shard
        return answer["ShardIterator"]

    def page(iterator: str) -> Page:
        answer = client.get_records(ShardIterator=iterator, StreamARN=stream_arn)
        shard = shard_of.pop(iterator)
        following = answer.get("NextShardIterator")
        if following is not None:
            shard_of[following] = shard
        records = tuple(
            _record(stream_arn, shard, place, each) for place, each in enumerate(answer["Records"])
        )
        return Page(records, following, answer.get("MillisBehindLatest", 0))

    return ShardReader(iterate, page)


def _where(start: Start) -> dict[str, Any]:
    match start:
        case At(sequence=sequence):
            return _at("AT_SEQUENCE_NUMBER", sequence)
        case After(sequence=sequence):
            return _at("AFTER_SEQUENCE_NUMBER", sequence)
        case Since(moment=moment):
            return {"ShardIteratorType": "AT_TIMESTAMP", "Timestamp": moment}


def _at(kind: str, sequence: str) -> dict[str, Any]:
    return {"ShardIteratorType": kind, "StartingSequenceNumber": sequence}


def _record(stream_arn: str, shard: str, place: int, found: Mapping[str, Any]) -> Record:
    return Record(
        position=place,
        sequence=found["SequenceNumber"],
        shard=shard,
        stream=stream_arn,
        partition_key=found.get("PartitionKey"),
        arrival=found["ApproximateArrivalTimestamp"].timestamp(),
        data=base64.b64encode(found["Data"]).decode(),
    )


def shards_of(client: "KinesisClient", stream_arn: str) -> list[str]:
    """Name the stream's shards, closed ones included."""
    # Not botocore's paginator: it names the stream beside the token, which the service refuses.
    page = client.list_shards(StreamARN=stream_arn)
    shards = page["Shards"]
    while token := page.get("NextToken"):
        page = client.list_shards(NextToken=token)
        shards += page["Shards"]
    return [shard["ShardId"] for shard in shards]


def reach_of(client: "KinesisClient", stream_arn: str) -> Reach:
    """Say how far the stream goes back: as far as its retention, or as it exists."""
    found = client.describe_stream_summary(StreamARN=stream_arn)["StreamDescriptionSummary"]
    retained = datetime.now(UTC) - timedelta(hours=found["RetentionPeriodHours"])
    return Reach(stream_arn, max(retained, found["StreamCreationTimestamp"]))


def sender_of(client: "KinesisClient", stream_arn: str) -> Send:
    """Make the verb that makes a PutRecords request."""

    def send(records: Sequence[Outgoing]) -> Sequence[Mapping[str, Any]]:
        return client.put_records(
            StreamARN=stream_arn,
            Records=[each.request_entry for each in records],
        )["Records"]

    return send
