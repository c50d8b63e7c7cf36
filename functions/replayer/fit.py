"""Makes a document fit into one record of the stream."""

import gzip
from dataclasses import dataclass

from forwarder.outcomes import Reason

MOST_RECORD_BYTES = 1024 * 1024
"""The largest record, partition key included, unless a stream is set up for larger ones."""


@dataclass(frozen=True, slots=True)
class Unfit:
    """Why a document cannot be a record."""

    reason: Reason
    detail: str


def fit(data: bytes, partition_key: str) -> bytes | Unfit:
    """Return the data if it fits, or compressed; the forwarder inflates gzip by itself.

    A document can be larger than a record: what was compressed, or one of an aggregate's.
    """
    room = MOST_RECORD_BYTES - len(partition_key.encode())
    if len(data) <= room:
        return data
    # Without the time in its head, equal data gives equal bytes.
    packed = gzip.compress(data, mtime=0)
    if len(packed) <= room:
        return packed
    return Unfit(Reason.TOO_LARGE, f"got {len(packed)} compressed bytes, wants at most {room}")
