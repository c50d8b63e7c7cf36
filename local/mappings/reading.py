"""Reading one shard forward."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from local.mappings.configuration import Configuration

if TYPE_CHECKING:
    from types_boto3_kinesis import KinesisClient
    from types_boto3_kinesis.type_defs import GetShardIteratorInputTypeDef, RecordTypeDef

MOST_RECORDS = 10_000
"""The most records of one `GetRecords`."""


@dataclass(frozen=True, slots=True)
class Page:
    """One answer: its records, how far behind the tip it leaves off, and whether it is the last."""

    records: tuple["RecordTypeDef", ...] = ()
    behind_ms: int = 0
    ended: bool = False


class Reader:
    """Reads a shard's records once each and in order, from a starting position to its end."""

    def __init__(
        self,
        kinesis: "KinesisClient",
        told: Configuration,
        shard: str,
        *,
        after: str | None,
        since: float,
    ) -> None:
        self._kinesis = kinesis
        self._told = told
        self._shard = shard
        self._since = since
        self._after = after
        self._iterator: str | None = None

    def read(self) -> Page:
        """Read the next page; a shard that is gone counts as ended.

        Raises:
            botocore.exceptions.ClientError: When the service refuses; calling again is safe.
        """
        try:
            return self._read()
        except ClientError as error:
            self._iterator = None
            match error.response["Error"]["Code"]:
                case "ExpiredIteratorException":
                    return self._read()
                case "ResourceNotFoundException":
                    return Page(ended=True)
            raise

    def _read(self) -> Page:
        if self._iterator is None:
            self._iterator = self._kinesis.get_shard_iterator(**self._position())["ShardIterator"]
        answer = self._kinesis.get_records(ShardIterator=self._iterator, Limit=MOST_RECORDS)
        records = tuple(answer["Records"])
        self._iterator = answer.get("NextShardIterator")
        self._after = records[-1]["SequenceNumber"] if records else self._after
        behind_ms = answer.get("MillisBehindLatest", 0)
        return Page(records, behind_ms, ended=self._iterator is None)

    def _position(self) -> "GetShardIteratorInputTypeDef":
        """Resume behind what was read, or start where the mapping says.

        LATEST is the time at which the mapping was first run, so that a restart before the first
        checkpoint misses nothing. AT_TIMESTAMP without a time (an emulator may forget it) reads
        everything.
        """
        where: GetShardIteratorInputTypeDef = {
            "StreamARN": self._told.stream_arn,
            "ShardId": self._shard,
            "ShardIteratorType": "TRIM_HORIZON",
        }
        if self._after is not None:
            where["ShardIteratorType"] = "AFTER_SEQUENCE_NUMBER"
            where["StartingSequenceNumber"] = self._after
            return where
        time = self._told.starting_position_timestamp
        if self._told.starting_position == "LATEST":
            time = datetime.fromtimestamp(self._since, UTC)
        if self._told.starting_position != "TRIM_HORIZON" and time:
            where["ShardIteratorType"] = "AT_TIMESTAMP"
            where["Timestamp"] = time
        return where
