"""Inflates what producers compressed, and bounds how far it may grow."""

import zlib

MOST_BYTES = 10 * 1024 * 1024
"""The most a record may inflate to: the largest record that Kinesis itself takes."""

_GZIP = b"\x1f\x8b"
_ZSTD = b"\x28\xb5\x2f\xfd"
_GZIP_WINDOW = 16 + zlib.MAX_WBITS
_ZSTD_WINDOW = 2**24
# Four bytes can stand for 128 KiB, so what a step adds past the limit is 2 MiB at most.
_ZSTD_STEP = 64


class BadCompression(Exception):  # noqa: N818 - the reason's name, not an error of ours
    """The data starts like gzip or zstd, and is broken, cut short or too large."""


def inflate(data: bytes) -> bytes:
    """Inflate gzip (all members) and zstd (all frames); return anything else as it is.

    Never holds more than `MOST_BYTES` of output.

    Raises:
        BadCompression: when the data is broken, ends early or would grow past the limit.
    """
    if data.startswith(_GZIP):
        return _gunzip(data)
    if data.startswith(_ZSTD):
        return _unzstd(data)
    return data


def _gunzip(data: bytes) -> bytes:
    inflated: list[bytes] = []
    room = MOST_BYTES
    while data:
        member = zlib.decompressobj(_GZIP_WINDOW)
        try:
            inflated.append(member.decompress(data, room + 1))
        except zlib.error:
            raise BadCompression("got broken gzip data") from None
        room -= len(inflated[-1])
        if room < 0:
            raise BadCompression(f"got gzip data that inflates past {MOST_BYTES} bytes")
        if not member.eof:
            raise BadCompression("got gzip data that ends early")
        data = member.unused_data.lstrip(b"\0")
    return b"".join(inflated)


def _unzstd(data: bytes) -> bytes:
    # Few producers use zstd: only they pay for loading the library.
    import zstandard  # noqa: PLC0415

    decompressor = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW)
    inflated: list[bytes] = []
    room = MOST_BYTES
    while data:
        frame = decompressor.decompressobj()
        for at in range(0, len(data), _ZSTD_STEP):
            try:
                inflated.append(frame.decompress(data[at : at + _ZSTD_STEP]))
            except zstandard.ZstdError:
                raise BadCompression("got broken zstd data") from None
            room -= len(inflated[-1])
            if room < 0:
                raise BadCompression(f"got zstd data that inflates past {MOST_BYTES} bytes")
            if frame.eof:
                break
        if not frame.eof:
            raise BadCompression("got zstd data that ends early")
        data = frame.unused_data + data[at + _ZSTD_STEP :]
    return b"".join(inflated)
