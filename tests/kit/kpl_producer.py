"""Aggregates as the Kinesis Producer Library makes them, and broken ones as it never would.

https://github.com/awslabs/amazon-kinesis-producer/blob/master/aggregation-format.md
"""

import hashlib
from collections.abc import Sequence

MAGIC = b"\xf3\x89\x9a\xc2"


def aggregate(*parts: bytes, keys: Sequence[str] = ("key",), index: int = 0) -> bytes:
    """Join user records under one partition key: the one at `index` in the table of `keys`."""
    table = b"".join(member(1, key.encode()) for key in keys)
    return seal(table + b"".join(member(3, member(1, index) + member(3, part)) for part in parts))


def seal(message: bytes) -> bytes:
    """Put the magic number before a message and its checksum behind it."""
    return MAGIC + message + hashlib.md5(message, usedforsecurity=False).digest()


def member(number: int, value: bytes | int) -> bytes:
    """One field of a protobuf message."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def varint(number: int) -> bytes:
    """A number in protobuf's variable length."""
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes((*encoded, number))
