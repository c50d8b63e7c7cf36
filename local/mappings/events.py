"""The event that the function receives, as Lambda shapes it for Kinesis.

https://docs.aws.amazon.com/lambda/latest/dg/with-kinesis.html
"""

import json
from base64 import b64encode
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from local.mappings.batch import Record
from local.mappings.configuration import Configuration

if TYPE_CHECKING:
    from types_boto3_kinesis.type_defs import RecordTypeDef


@dataclass(frozen=True, slots=True)
class Origin:
    """Where records come from and who reads them: the same for all records of a shard."""

    told: Configuration
    shard: str
    role: str


def read_record(read: "RecordTypeDef", origin: Origin) -> Record:
    """Make a record of one element of a `GetRecords` answer."""
    arrival = read["ApproximateArrivalTimestamp"].timestamp()
    key = read.get("PartitionKey")
    return make_record(origin, read["SequenceNumber"], read["Data"], key=key, arrival=arrival)


def make_record(
    origin: Origin, sequence: str, data: bytes, *, key: str | None, arrival: float
) -> Record:
    """Make a record, its element of the event included."""
    entry = {
        "kinesis": {
            "kinesisSchemaVersion": "1.0",
            "partitionKey": key,
            "sequenceNumber": sequence,
            "data": b64encode(data).decode(),
            "approximateArrivalTimestamp": arrival,
        },
        "eventSource": "aws:kinesis",
        "eventVersion": "1.0",
        "eventID": f"{origin.shard}:{sequence}",
        "eventName": "aws:kinesis:record",
        "invokeIdentityArn": origin.role,
        "awsRegion": origin.told.region,
        "eventSourceARN": origin.told.event_source_arn,
    }
    encoded = json.dumps(entry, separators=(",", ":"), ensure_ascii=False).encode()
    return Record(sequence, key, arrival, encoded, len(encoded) + 1)


def event(records: Iterable[Record]) -> bytes:
    """Put records into one event, as JSON."""
    return b'{"Records":[' + b",".join(record.entry for record in records) + b"]}"
