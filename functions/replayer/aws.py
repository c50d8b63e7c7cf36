"""The verbs of one feed, made of boto3's clients; nothing else here knows AWS."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from forwarder.envelope import StoredObject
from replayer.aws_streams import reach_of, reader_of, sender_of, shards_of
from replayer.contents import Sources
from replayer.hold import Queue
from replayer.letters import BatchInfo, Held
from replayer.newest import Reach
from replayer.put_records import Send
from replayer.site import Site
from replayer.stream_range import (
    Range,
    ShardReader,
    hydrate,
)

if TYPE_CHECKING:
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """The verbs of one feed.

    Attributes:
        queue: Its queue's.
        sources: Where the bytes of its dead letters are.
        reader: Reads its stream.
        shards: Names the stream's shards, closed ones included.
        reach: Says how far back the stream goes.
        send: Makes one PutRecords request.
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
    reader = reader_of(streams, site.stream_arn)
    return Services(
        queue=_queue(queues, site),
        sources=_sources(objects, reader, site),
        reader=reader,
        shards=lambda: shards_of(streams, site.stream_arn),
        reach=lambda: reach_of(streams, site.stream_arn),
        send=sender_of(streams, site.stream_arn),
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
