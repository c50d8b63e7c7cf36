"""Runs the journey on a hostile batch in a process of its own, and says what it took.

`python bounded.py NAME` prints one JSON line: outcomes by reason, what is left, and the peak of the
process's memory. The process may use a minute of processor time, and is ended after that.
"""

import base64
import gzip
import json
import resource
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import zstandard
from builders import document_of, record, run
from kpl_producer import aggregate, member, seal
from peak import peak_mebibytes

from forwarder.outcomes import Reason, Record

ROOT = Path(__file__).parent.parent.parent
PROCESSOR_SECONDS = 60
EVENT_BYTES = 6 * 1024 * 1024
MEBIBYTE = 1024 * 1024
EVENT = json.dumps(document_of("events")).encode()


def records(*data: bytes, most: int = 10_000) -> list[Record]:
    """A batch of these, over and over, that fills Lambda's argument."""
    made = [record(n, each) for n, each in enumerate(data)]
    room, batch = EVENT_BYTES, list[Record]()
    while len(batch) < most:
        each = made[len(batch) % len(made)]._replace(
            position=len(batch), sequence=str(1000 + len(batch))
        )
        # What an envelope adds to the data.
        room -= len(each.data) + 450
        if room < 0:
            break
        batch.append(each)
    return batch


def gzip_bomb() -> list[Record]:
    return records(gzip.compress(bytes(11 * MEBIBYTE)), most=40)


def zstd_bomb() -> list[Record]:
    return records(zstandard.ZstdCompressor().compress(bytes(11 * MEBIBYTE)), most=400)


def largest_that_inflate() -> list[Record]:
    return records(gzip.compress(b'"' + b"x" * (10 * MEBIBYTE - 2) + b'"'))


def bombs_in_an_aggregate() -> list[Record]:
    part = zstandard.ZstdCompressor(level=19).compress(b"x" * (10 * MEBIBYTE - 1))
    return records(aggregate(*[part] * 2500), most=3)


def empty_gzip_members() -> list[Record]:
    return records(gzip.compress(b"", mtime=0) * 200_000, most=1)


def empty_zstd_frames() -> list[Record]:
    return records(zstandard.ZstdCompressor().compress(b"") * 400_000, most=1)


def many_tiny_lines() -> list[Record]:
    return records(gzip.compress(b"{}\n" * (10 * MEBIBYTE // 3)), most=2)


def many_tiny_fields() -> list[Record]:
    return records(seal(member(1, b"") * 1_000_000), most=1)


def many_tiny_parts() -> list[Record]:
    tiny = member(3, member(1, 0) + member(3, b""))
    return records(seal(member(1, b"") + tiny * 200_000), most=1)


def varints_without_end() -> list[Record]:
    return records(seal(b"\xff" * 4 * MEBIBYTE), most=1)


def nested() -> list[Record]:
    return records(b"[" * 2000 + b"]" * 2000, b'{"a":' * 2000 + b"1" + b"}" * 2000)


def brackets() -> list[Record]:
    return records(b"[" * MEBIBYTE, most=4)


def full_of_tiny_records() -> list[Record]:
    return records(*(json.dumps(document_of("events", itemId=f"i{n}")).encode() for n in range(10)))


def large_request() -> list[Record]:
    entry = b'{"eventType":"a","sentAt":1789999000}'
    whole = b'{"sessionId":"s","eventList":[' + b",".join([entry] * 100_000) + b"]}"
    return records(gzip.compress(whole), most=1)


def large_request_of_nothing() -> list[Record]:
    whole = b'{"sessionId":"s","eventList":[' + b",".join([b"0"] * 200_000) + b"]}"
    return records(whole, most=1)


def large_numbers() -> list[Record]:
    digits = b"9" * 4000
    return records(
        *(
            b'{"sessionId":"s","eventType":"a","sentAt":' + number + b"}"
            for number in (digits, b"-" + digits, b'"' + digits + b'"', b"1e-" + digits, b"1e400")
        )
    )


def surrogates() -> list[Record]:
    return records(
        b'{"sessionId":"\\ud800","eventType":"a","sentAt":1789999000}',
        b'{"sessionId":"s","eventType":"a","sentAt":1789999000,"properties":"{\\"\\ud800\\":1}"}',
        b'{"sessionId":"s\\u0000","eventType":"a","sentAt":1789999000}',
    )


def measure(batch: Sequence[Record]) -> dict[str, Any]:
    calls: list[int] = []
    settlement = run("events", batch, lambda body, _: calls.append(len(body))).settlement
    # Of what was inflated it is the document that is kept: these are the records that were not.
    bytes_kept = all(
        each.document.data == base64.b64decode(batch[each.document.record.position].data)
        for each in settlement.rejected
        if each.reason in {Reason.BAD_COMPRESSION, Reason.BAD_AGGREGATE, Reason.TOO_LARGE}
    )
    return {
        "records": len(batch),
        "calls": len(calls),
        "delivered": len(settlement.delivered),
        "rejected": dict(Counter(each.reason.value for each in settlement.rejected)),
        "bytes_kept": bytes_kept,
        "resume_at": settlement.resume_at,
        "mebibytes": int(peak_mebibytes()),
    }


HOSTILE: dict[str, Callable[[], list[Record]]] = {
    each.__name__: each
    for each in (
        gzip_bomb,
        zstd_bomb,
        largest_that_inflate,
        bombs_in_an_aggregate,
        empty_gzip_members,
        empty_zstd_frames,
        many_tiny_lines,
        many_tiny_fields,
        many_tiny_parts,
        varints_without_end,
        nested,
        brackets,
        full_of_tiny_records,
        large_request,
        large_request_of_nothing,
        large_numbers,
        surrogates,
    )
}


@cache
def bounded(name: str) -> dict[str, Any]:
    """What became of a hostile batch; raises when its process was ended. Each is run once."""
    done = subprocess.run(
        [sys.executable, __file__, name],
        check=True,
        stdout=subprocess.PIPE,
        env={"PYTHONPATH": f"{ROOT / 'functions'}:{ROOT / 'tests' / 'kit'}"},
    )
    return dict(json.loads(done.stdout))


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CPU, (PROCESSOR_SECONDS, PROCESSOR_SECONDS))
    print(json.dumps(measure(HOSTILE[sys.argv[1]]())))  # noqa: T201 - the answer
