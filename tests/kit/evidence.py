"""Reads back what the accountant needs: the queue, the bucket and the Personalize endpoint."""

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from accountant import Abandoned, Found, Ledger, Letter

from forwarder.destinations import DESTINATIONS

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client
    from types_boto3_sqs import SQSClient

LEDGERS = {each.name: Ledger(each.entries, each.identity) for each in DESTINATIONS.values()}
"""What the accountant has to know, by the feed's name."""


@dataclass(slots=True)
class DeadLetterStore:
    """A feed's queue and bucket, as an operator may read them; what was read is remembered."""

    queues: "SQSClient"
    objects: "S3Client"
    queue_url: str
    bucket: str
    _taken: list[dict[str, Any]] = field(default_factory=list)

    def messages(self) -> list[dict[str, Any]]:
        """All messages there ever were; takes those on the queue off it."""
        while taken := self.queues.receive_message(
            QueueUrl=self.queue_url, MaxNumberOfMessages=10, MessageAttributeNames=["All"]
        ).get("Messages", []):
            self._taken += [json.loads(message["Body"]) for message in taken]
            self.queues.delete_message_batch(
                QueueUrl=self.queue_url,
                Entries=[
                    {"Id": str(n), "ReceiptHandle": message["ReceiptHandle"]}
                    for n, message in enumerate(taken)
                ],
            )
        return self._taken

    def letters(self) -> Iterator[Letter]:
        """The rejected dead letters, with their bytes from wherever they are."""
        for body in self.messages():
            if body.get("kind") == "rejected":
                yield self._letter(body)

    def abandoned(self) -> Iterator[Abandoned]:
        """The records of every abandoned batch in the bucket."""
        for key in self.keys("aws/lambda/"):
            document = json.loads(self._read(key))
            for record in json.loads(document["payload"])["Records"]:
                kinesis = record["kinesis"]
                yield Abandoned(record["eventID"], base64.b64decode(kinesis["data"]))

    def keys(self, prefix: str) -> list[str]:
        """The names of the bucket's objects under a prefix."""
        pages = self.objects.get_paginator("list_objects_v2")
        return [
            each["Key"]
            for page in pages.paginate(Bucket=self.bucket, Prefix=prefix)
            for each in page.get("Contents", [])
        ]

    def found(self, stored: list[dict[str, Any]], waiting: frozenset[str] = frozenset()) -> Found:
        """All that was found, beside what the endpoint stored and what is still in the stream."""
        return Found(stored, tuple(self.letters()), tuple(self.abandoned()), waiting)

    def _letter(self, body: dict[str, Any]) -> Letter:
        origin = body["origin"]
        inline = body.get("data")
        data = base64.b64decode(inline) if inline is not None else self._read(body["object"]["key"])
        return Letter(
            record=f"{origin['shard']}:{origin['sequence']}",
            document=origin["document"],
            elements=tuple(each["element"] for each in body["rejections"]),
            data=data,
        )

    def _read(self, key: str) -> bytes:
        return self.objects.get_object(Bucket=self.bucket, Key=key)["Body"].read()
