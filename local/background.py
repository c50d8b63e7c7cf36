"""The stack kept running: `up` starts a process that holds it, `down` ends that process.

The process holds a lock for as long as it lives, so nothing that a killed one left behind is
taken for a running stack.
"""

import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from threading import Event
from typing import IO

from local.emulator import ROOT
from local.process import StepFailed
from local.progress import Tell
from local.stack import Stack

_LOCK = "lock"
_STEP = "step"
_REACHABLE = "reachable.json"
_LOCK_ATTEMPTS = 20
_POLL_SECONDS = 0.1
_ENDING_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Reachable:
    """Where a running stack is."""

    pid: int
    url: str
    personalize: str
    streams: dict[str, str]
    queues: dict[str, str]
    buckets: dict[str, str]


def serve(directory: Path) -> None:
    """Hold the stack until a signal ends this process; started by `start`."""
    with (
        _locked(directory / _LOCK),
        Stack(directory, watch=(directory / _STEP).write_text) as stack,
    ):
        stack.run_mappings()
        feeds = stack.feeds.values()
        reachable = Reachable(
            pid=os.getpid(),
            url=stack.url,
            personalize=stack.personalize.url,
            streams={feed.name: feed.stream for feed in feeds},
            queues={feed.name: feed.queue_url for feed in feeds},
            buckets={feed.name: feed.bucket for feed in feeds},
        )
        partial = directory / "reachable.partial"
        partial.write_text(json.dumps(asdict(reachable)), encoding="utf-8")
        partial.replace(directory / _REACHABLE)
        Event().wait()


def running(directory: Path) -> Reachable | None:
    """Find the stack that runs, if one does; one that is starting or ending does not."""
    if _owner(directory) is None or not (directory / _REACHABLE).exists():
        return None
    return Reachable(**json.loads((directory / _REACHABLE).read_text(encoding="utf-8")))


def start(directory: Path, tell: Tell) -> Reachable:
    """Start the stack and wait until it can be used.

    If this ends early, by Ctrl-C too, the stack ends with it.

    Raises:
        StepFailed: It does not start; shows the end of its log.
    """
    log = directory / "log"
    if _owner(directory) is not None:
        raise StepFailed("starting the stack while another command starts or ends it", log)
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    with log.open("wb") as output:
        holder = subprocess.Popen(
            [sys.executable, "-m", "local", "serve", "--directory", str(directory)],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        while (found := running(directory)) is None and holder.poll() is None:
            if (directory / _STEP).exists() and (step := (directory / _STEP).read_text()):
                tell(step)
            time.sleep(_POLL_SECONDS)
    except BaseException:
        holder.terminate()
        holder.wait(_ENDING_SECONDS)
        raise
    if found is None:
        raise StepFailed("starting the stack", log)
    return found


def stop(directory: Path) -> bool:
    """End the stack, and tell whether there was one; what a killed one left is removed as well."""
    owner = _owner(directory)
    if owner is not None:
        os.kill(owner, signal.SIGTERM)
        until = time.monotonic() + _ENDING_SECONDS
        while _owner(directory) is not None and time.monotonic() < until:
            time.sleep(_POLL_SECONDS)
        if _owner(directory) is not None:  # what it started ends with it, however it ends
            os.kill(owner, signal.SIGKILL)
    shutil.rmtree(directory, ignore_errors=True)
    return owner is not None


def _owner(directory: Path) -> int | None:
    """The process that holds the lock."""
    lock = directory / _LOCK
    if not lock.exists():
        return None
    with lock.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return int(file.read() or 0) or None
    return None


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold the lock for the block, with this process's id in it."""
    with path.open("w") as file:
        _lock(file)
        file.write(str(os.getpid()))
        file.flush()
        yield


def _lock(file: IO[str]) -> None:
    """Take the lock; who only looks whether it is held holds it for a moment."""
    for _ in range(_LOCK_ATTEMPTS):
        with suppress(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        time.sleep(_POLL_SECONDS / 2)
    raise BlockingIOError("another process holds the stack")
