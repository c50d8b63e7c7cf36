"""Inflates what producers compressed, and bounds how far it may grow."""

import zlib
from collections.abc import Callable
from typing import Any

MOST_BYTES = 10 * 1024 * 1024
"""The most that a record may inflate to: the largest record that Kinesis itself takes."""

GZIP = b"\x1f\x8b"
ZSTD = b"\x28\xb5\x2f\xfd"
_GZIP_WINDOW = 16 + zlib.MAX_WBITS
_ZSTD_WINDOW = 2**24
# What a step adds past the limit is 4 MiB at most: a byte can stand for a thousand in gzip, and
# four bytes for 128 KiB in zstd.
_GZIP_STEP = 4096
_ZSTD_STEP = 64


class BadCompression(Exception):  # noqa: N818 - the reason's name, not an error of ours
    """The data starts like gzip or zstd, and is broken or cut short."""


class Bomb(Exception):  # noqa: N818 - it says what the data is
    """The data would inflate past the limit."""


def inflate(data: bytes, room: int = MOST_BYTES) -> bytes:
    """Inflate gzip (all members) and zstd (all frames); return anything else as it is.

    Takes time in proportion to the data and to the room, however many parts there are.

    Args:
        data: What a producer may have compressed.
        room: The most bytes that may come out of it.

    Raises:
        BadCompression: when the data is broken or ends early.
        Bomb: when it would grow past the room.
    """
    if data.startswith(GZIP):
        return _gunzip(data, room)
    if data.startswith(ZSTD):
        return _unzstd(data, room)
    return data


def _gunzip(data: bytes, room: int) -> bytes:
    def member() -> Any:
        return zlib.decompressobj(_GZIP_WINDOW)

    try:
        return _parts(data, member, step=_GZIP_STEP, padding=b"\0", room=room)
    except zlib.error:
        raise BadCompression("got broken gzip data") from None


def _unzstd(data: bytes, room: int) -> bytes:
    # Few producers use zstd: only they pay for loading the library.
    import zstandard  # noqa: PLC0415

    frame = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW).decompressobj
    try:
        return _parts(data, frame, step=_ZSTD_STEP, padding=b"", room=room)
    except zstandard.ZstdError:
        raise BadCompression("got broken zstd data") from None


def _parts(data: bytes, begin: Callable[[], Any], *, step: int, padding: bytes, room: int) -> bytes:
    """Inflate part after part, in steps: what a step leaves unused is all that is copied again."""
    inflated: list[bytes] = []
    at = 0
    while at < len(data):
        part = begin()
        while not part.eof:
            if at >= len(data):
                raise BadCompression("got compressed data that ends early")
            inflated.append(part.decompress(data[at : at + step]))
            at += step
            room -= len(inflated[-1])
            if room < 0:
                raise Bomb(f"got compressed data that inflates past {MOST_BYTES} bytes")
        at = min(at, len(data)) - len(part.unused_data)
        while padding and data[at : at + 1] == padding:
            at += 1
    return b"".join(inflated)
