"""The verbs of one feed, made of boto3's clients; nothing else here knows AWS."""

import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from forwarder.envelope import StoredObject
from forwarder.outcomes import Record
from replayer.contents import Sources
from replayer.hold import Queue
from replayer.letters import BatchInfo, Held
from replayer.newest import Reach
from replayer.put_records import Outgoing, Send
from replayer.site import Site
from replayer.stream_range import (
    After,
    At,
    NotInStream,
    Page,
    Range,
    ShardReader,
    Since,
    Start,
    hydrate,
)

if TYPE_CHECKING:
    from types_boto3_kinesis import KinesisClient
    from types_boto3_s3 import S3Client
    from types_boto3_sqs import SQSClient

LONG_POLL = 1
"""Seconds. A short poll asks some of a queue's servers and may find none of its messages."""

_CONFIG = Config(
    connect_timeout=5,
    read_timeout=30,
    retries={"mode": "standard", "total_max_attempts": 8},
    max_pool_connections=64,
)
_GONE = frozenset({"NoSuchKey", "404", "NoSuchBucket"})
_NOT_IN_STREAM = frozenset({"ResourceNotFoundException", "InvalidArgumentException"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """The verbs of one feed.

    Attributes:
        queue: Its queue's.
        sources: Where the bytes of its dead letters are.
        reader: Reads its stream.
        shards: Names the stream's shards, closed ones included.
        reach: Says how far back the stream goes.
        send: Makes one PutRecords call.
        delete_object: Deletes one object.
    """

    queue: Queue
    sources: Sources
    reader: ShardReader
    shards: Callable[[], Sequence[str]]
    reach: Callable[[], Reach]
    send: Send
    delete_object: Callable[[StoredObject], None]


def connect(session: boto3.Session, site: Site) -> Services:
    """Make a feed's verbs; connects to nothing yet."""
    queues = session.client("sqs", config=_CONFIG)
    objects = session.client("s3", config=_CONFIG)
    streams = session.client("kinesis", config=_CONFIG)
    reader = _reader(streams, site.stream_arn)
    return Services(
        queue=_queue(queues, site),
        sources=_sources(objects, reader, site),
        reader=reader,
        shards=lambda: _shards(streams, site.stream_arn),
        reach=lambda: _reach(streams, site.stream_arn),
        send=_send(streams, site.stream_arn),
        delete_object=lambda stored: _delete_object(objects, stored),
    )


def _queue(client: "SQSClient", site: Site) -> Queue:
    url = site.queue_url

    def receive(seconds: int) -> list[Held]:
        answer = client.receive_message(
            QueueUrl=url,
            MaxNumberOfMessages=10,
            VisibilityTimeout=seconds,
            WaitTimeSeconds=LONG_POLL,
            MessageSystemAttributeNames=["SentTimestamp"],
        )
        return [
            Held(
                feed=site.feed,
                id=each["MessageId"],
                receipt=each["ReceiptHandle"],
                body=each["Body"],
                sent=datetime.fromtimestamp(
                    int(each.get("Attributes", {}).get("SentTimestamp", "0")) / 1000, UTC
                ),
            )
            for each in answer.get("Messages", ())
        ]

    def hide(receipts: Sequence[str], seconds: int) -> None:
        client.change_message_visibility_batch(
            QueueUrl=url,
            Entries=[
                {"Id": str(place), "ReceiptHandle": each, "VisibilityTimeout": seconds}
                for place, each in enumerate(receipts)
            ],
        )

    def delete(receipts: Sequence[str]) -> frozenset[str]:
        answer = client.delete_message_batch(
            QueueUrl=url,
            Entries=[
                {"Id": str(place), "ReceiptHandle": each} for place, each in enumerate(receipts)
            ],
        )
        return frozenset(receipts[int(each["Id"])] for each in answer.get("Successful", ()))

    def hidden() -> int:
        found = client.get_queue_attributes(
            QueueUrl=url, AttributeNames=["ApproximateNumberOfMessagesNotVisible"]
        )
        return int(found["Attributes"].get("ApproximateNumberOfMessagesNotVisible", "0"))

    return Queue(receive=receive, hide=hide, delete=delete, hidden=hidden)


def _sources(client: "S3Client", reader: ShardReader, site: Site) -> Sources:
    def fetch(stored: StoredObject) -> bytes | None:
        try:
            return client.get_object(Bucket=stored.bucket, Key=stored.key)["Body"].read()
        except ClientError as error:
            if error.response["Error"]["Code"] in _GONE:
                return None
            raise

    def read_back(info: BatchInfo) -> Range:
        return hydrate(reader, info)

    return Sources(site.stream_arn, fetch, read_back)


def _delete_object(client: "S3Client", stored: StoredObject) -> None:
    client.delete_object(Bucket=stored.bucket, Key=stored.key)


def _reader(client: "KinesisClient", stream_arn: str) -> ShardReader:
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


def _shards(client: "KinesisClient", stream_arn: str) -> list[str]:
    pages = client.get_paginator("list_shards").paginate(StreamARN=stream_arn)
    return [shard["ShardId"] for page in pages for shard in page["Shards"]]


def _reach(client: "KinesisClient", stream_arn: str) -> Reach:
    """The stream goes back as far as its retention, or as it exists."""
    found = client.describe_stream_summary(StreamARN=stream_arn)["StreamDescriptionSummary"]
    retained = datetime.now(UTC) - timedelta(hours=found["RetentionPeriodHours"])
    return Reach(stream_arn, max(retained, found["StreamCreationTimestamp"]))


def _send(client: "KinesisClient", stream_arn: str) -> Send:
    def send(records: Sequence[Outgoing]) -> list[int]:
        answer = client.put_records(
            StreamARN=stream_arn,
            Records=[{"Data": each.data, "PartitionKey": each.partition_key} for each in records],
        )
        return [place for place, each in enumerate(answer["Records"]) if each.get("ErrorCode")]

    return send
