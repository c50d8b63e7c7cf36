"""The execution environments of one feed: as many as are asked at once, and any may be killed."""

import itertools
import json
import os
import random
import signal
import time
from collections.abc import Mapping
from pathlib import Path
from threading import Lock

from worker import Worker

from local.mappings.batch import Batch
from local.mappings.events import event
from local.mappings.semantics import Errored, Outcome, Returned


class Fleet:
    """Forwarders in processes of their own, as Lambda keeps them; used from many threads.

    `longest` is the longest invocation in seconds, `killed` counts those that were struck.

    Args:
        directory: Where their logs go.
        environment: Their settings.
        seconds: The time that Lambda gives each invocation.
    """

    def __init__(self, directory: Path, environment: Mapping[str, str], *, seconds: float) -> None:
        self.killed = 0
        self.longest = 0.0
        self._directory = directory
        self._environment = environment
        self._seconds = seconds
        self._lock = Lock()
        self._names = itertools.count()
        self._idle: list[Worker] = []
        self._busy: list[Worker] = []

    def invoke(self, batch: Batch) -> Outcome:
        """Hand a batch to an environment that is free, or to a new one."""
        worker = self._take()
        began = time.monotonic()
        try:
            worker.ask(json.loads(event(batch.records)), seconds=self._seconds)
            answer = worker.answer()
        except BrokenPipeError:
            answer = None
        # Before its process is waited for, so that nobody strikes at an id that is free again.
        with self._lock:
            self._busy.remove(worker)
            if answer is not None:
                self._idle.append(worker)
            self.longest = max(self.longest, time.monotonic() - began)
        if answer is None:
            worker.kill()
            return Errored("Runtime.ExitError")
        return Errored(answer["error"]) if "error" in answer else Returned(answer["response"])

    def strike(self, chance: random.Random) -> None:
        """Kill one that is at work, if any is."""
        with self._lock:
            if self._busy:
                os.kill(chance.choice(self._busy).pid, signal.SIGKILL)
                self.killed += 1

    def close(self) -> None:
        """End them all."""
        for worker in self._idle:
            worker.kill()

    def logs(self) -> list[Path]:
        """Where each of them wrote."""
        return sorted(self._directory.glob("*.log"))

    def _take(self) -> Worker:
        with self._lock:
            worker = self._idle.pop() if self._idle else None
        if worker is None:
            log = self._directory / f"{next(self._names)}.log"
            worker = Worker(log, **self._environment).__enter__()
        with self._lock:
            self._busy.append(worker)
        return worker
