"""Reads a part of a shard back: from one sequence number to another, or from a time to now."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

from forwarder.outcomes import Record
from replayer.letters import BatchInfo

BETWEEN_EMPTY_READS = 0.25
"""Seconds: a shard answers five reads a second, for all of its readers together."""


@dataclass(frozen=True, slots=True)
class At:
    """At the record of this sequence number."""

    sequence: str


@dataclass(frozen=True, slots=True)
class After:
    """Behind the record of this sequence number."""

    sequence: str


@dataclass(frozen=True, slots=True)
class Since:
    """At the first record that arrived then or later."""

    moment: datetime


Start = At | After | Since


@dataclass(frozen=True, slots=True)
class Page:
    """One answer of GetRecords; `following` is None where the shard ends."""

    records: tuple[Record, ...]
    following: str | None
    behind_ms: int


class NotInStream(Exception):  # noqa: N818 - it says what is the case
    """The stream does not have this shard, or never had this sequence number."""


@dataclass(frozen=True, slots=True)
class ShardReader:
    """Reads shards of one stream.

    Attributes:
        iterate: Gives an iterator for a shard and a start; raises NotInStream.
        page: Reads the page of an iterator.
        wait: Waits so many seconds.
    """

    iterate: Callable[[str, Start], str]
    page: Callable[[str], Page]
    wait: Callable[[float], None] = time.sleep

    def read(self, shard: str, start: Start) -> Iterator[Record]:
        """Give every record from the start on, up to what the shard holds now.

        A page without records is not the end: only the tip, or the shard's own end, is.
        """
        iterator: str | None = self.iterate(shard, start)
        while iterator is not None:
            page = self.page(iterator)
            yield from page.records
            iterator = page.following
            if page.behind_ms == 0:
                return
            if not page.records:
                self.wait(BETWEEN_EMPTY_READS)


@dataclass(frozen=True, slots=True)
class Range:
    """What the stream still holds of a batch.

    `unknown` says that the stream does not know the place at all.
    """

    records: tuple[Record, ...]
    unknown: bool = False

    def lacking(self, info: BatchInfo) -> str | None:
        """Say plainly what has expired, if anything has."""
        if self.records and int(self.records[0].sequence) == int(info.start):
            return None
        if self.records:
            return f"Expired in part: the stream holds {len(self.records)} of {info.size} records."
        return f"Expired: the stream holds none of the {info.size} records any more."

    def note(self, info: BatchInfo) -> str | None:
        """Say that the range holds more than the batch did, if it does."""
        if len(self.records) <= info.size:
            return None
        return (
            f"Between its first and last record are {len(self.records)} records, {info.size} of "
            "which were in the batch: all go back, and what was delivered is not counted twice."
        )


def hydrate(reader: ShardReader, info: BatchInfo) -> Range:
    """Read a batch back, page by page to its last record and not beyond."""
    start, end = int(info.start), int(info.end)
    found: list[Record] = []
    try:
        for record in reader.read(info.shard, At(info.start)):
            if int(record.sequence) > end:
                break
            if int(record.sequence) >= start:
                found.append(record)
    except NotInStream:
        return Range((), unknown=True)
    return Range(tuple(found))
