"""Reads aggregated records of the Kinesis Producer Library: all of one, or none.

An aggregate is a magic number, a protobuf message and the message's MD5. The message has a table
of partition keys (field 1), a table of hash keys (2) and the records (3), each with the index of
its partition key (1), of its hash key (2) and its data (3).
Source: https://github.com/awslabs/amazon-kinesis-producer/blob/master/aggregation-format.md
"""

import hashlib
from collections.abc import Iterator

MAGIC = b"\xf3\x89\x9a\xc2"
_MD5_BYTES = 16
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_LONGEST_VARINT = 10


class BadAggregate(Exception):  # noqa: N818 - the reason's name, not an error of ours
    """The data starts like an aggregate and is none; no part of it can be trusted."""


def is_aggregate(data: bytes) -> bool:
    """Whether the data starts as an aggregate does."""
    return data.startswith(MAGIC)


def split(data: bytes) -> list[tuple[str | None, bytes]]:
    """Split an aggregate into partition keys and data, in the producer's order.

    Raises:
        BadAggregate: when the checksum, the message or a key's index is wrong, when it holds no
            record, or when a record is an aggregate again.
    """
    message, checksum = data[len(MAGIC) : -_MD5_BYTES], data[-_MD5_BYTES:]
    digest = hashlib.md5(message, usedforsecurity=False).digest()
    if len(data) < len(MAGIC) + _MD5_BYTES or digest != checksum:
        raise BadAggregate("got an aggregate whose MD5 does not match")
    try:
        return _records(message)
    except (IndexError, UnicodeDecodeError):
        raise BadAggregate("got an aggregate that is cut short or no protobuf message") from None


def _records(message: bytes) -> list[tuple[str | None, bytes]]:
    keys: list[str] = []
    records: list[bytes] = []
    for field, value in _fields(message):
        if field == 1 and isinstance(value, bytes):
            keys.append(value.decode())
        elif field == 3 and isinstance(value, bytes):  # noqa: PLR2004 - the format's field number
            records.append(value)
    if not records:
        raise BadAggregate("got an aggregate that holds no record")
    return [_record(record, keys) for record in records]


def _record(message: bytes, keys: list[str]) -> tuple[str, bytes]:
    members = dict(_fields(message))
    index, data = members.get(1), members.get(3)
    if not isinstance(index, int) or index >= len(keys):
        raise BadAggregate("got an aggregate with a record whose partition key is not in its table")
    if not isinstance(data, bytes):
        raise BadAggregate("got an aggregate with a record that has no data")
    if is_aggregate(data):
        raise BadAggregate("got an aggregate inside an aggregate")
    return keys[index], data


def _fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """The message's fields: numbers as int, bytes as bytes, in order.

    Raises:
        IndexError: when the message ends inside a field.
        BadAggregate: when a field is of a kind that the format does not have.
    """
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        field, wire = tag >> 3, tag & 7
        if wire == _VARINT:
            value, at = _varint(message, at)
            yield field, value
            continue
        if wire == _BYTES:
            size, at = _varint(message, at)
        elif wire in {_FIXED64, _FIXED32}:
            size = 8 if wire == _FIXED64 else 4
        else:
            raise BadAggregate("got an aggregate with a field of an unknown kind")
        if at + size > len(message):
            raise IndexError
        yield field, message[at : at + size]
        at += size


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = 0
    for place in range(_LONGEST_VARINT):
        byte = message[at + place]
        value |= (byte & 0x7F) << (7 * place)
        if byte < 0x80:  # noqa: PLR2004 - the highest bit says that another byte follows
            return value, at + place + 1
    raise IndexError
