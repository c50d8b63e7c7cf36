"""`python -m local.personalize`: serve until SIGTERM or SIGINT.

Prints one line of JSON when ready: `{"url": ..., "pid": ..., "store": ...}`.
"""

import argparse
import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import orjson

from local.personalize.server import serve
from local.personalize.service import Resources, Settings

T = TypeVar("T")


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve as the command line says."""
    options = _parser().parse_args(arguments)
    try:
        asyncio.run(_serve(settings(options), options.port))
    except (OSError, ValueError) as problem:
        sys.exit(f"python -m local.personalize: {problem}")


def settings(options: argparse.Namespace) -> Settings:
    """What the command line decides."""
    faults = orjson.loads(Path(options.faults).read_bytes()) if options.faults else ()
    return Settings(
        clock=time.time,
        store=options.store,
        quotas=dict(options.quota),
        faults=tuple(faults),
        resources=Resources(frozenset(options.tracker), frozenset(options.dataset)),
        credentials=dict(options.credentials),
        seed=options.seed,
    )


async def _serve(chosen: Settings, port: int) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with serve(chosen, port=port) as url:
        print(json.dumps({"url": url, "pid": os.getpid(), "store": chosen.store}), flush=True)
        await stop.wait()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m local.personalize", description=__doc__)
    add = parser.add_argument
    add("--port", type=int, default=0, help="0 takes a free one (default)")
    add("--store", default=":memory:", help="SQLite file; kept in memory by default")
    add("--tracker", action="append", default=[], metavar="ID", help="exists; default: any")
    add("--dataset", action="append", default=[], metavar="ARN", help="exists; default: any")
    add("--quota", action="append", default=[], type=_pair(float), metavar="put_items=50",
        help="calls a second for each target; `inf` for no limit")  # fmt: skip
    add("--credentials", action="append", default=[], type=_pair(str), metavar="KEY=SECRET",
        help="verify signatures against these")  # fmt: skip
    add("--faults", metavar="FILE", help="JSON list of fault rules")
    add("--seed", type=int, default=0, help="of the faults' shares")
    return parser


def _pair(read: Callable[[str], T]) -> Callable[[str], tuple[str, T]]:
    def pair(text: str) -> tuple[str, T]:
        name, separator, value = text.partition("=")
        if not separator:
            raise argparse.ArgumentTypeError(f"wanted NAME=VALUE, got {text!r}")
        return name, read(value)

    return pair


if __name__ == "__main__":
    main()
