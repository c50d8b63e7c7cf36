"""One contender in a process of its own: each run is a fork of the warm process.

So each run starts from the same memory, and its peak is its own. A run sends a few events first,
which opens its connections: what is measured is a warm environment.
"""

import gc
import importlib
import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from peak import peak_mebibytes

from tests.benchmarks.contenders import Handle
from tests.benchmarks.machine import CLIENT_CPUS, environment, pin


@dataclass(frozen=True, slots=True)
class Contender:
    """Who runs: a module of `contenders`, and how many calls it may have in flight."""

    label: str
    module: str
    workers: int = 1


class Worker:
    """A contender's warm process, as a context; ended by its own id."""

    def __init__(self, contender: Contender, url: str, log: Path) -> None:
        """Send calls to `url`; what the contender prints goes to `log`."""
        self.contender = contender
        self._url = url
        self._log = log

    def __enter__(self) -> Self:
        arguments = [self.contender.module, str(self.contender.workers)]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.benchmarks.worker", *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env=environment(AWS_ENDPOINT_URL_PERSONALIZE_EVENTS=self._url),
            )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.kill()
        self._process.communicate(timeout=10)

    def run(self, event: Path, warm_up: Path) -> dict[str, Any]:
        """Run one batch: wall and CPU seconds, and the peak of resident memory in MB."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([str(event), str(warm_up)]) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise RuntimeError(f"{self.contender.label} failed, see {self._log}")
        measured: dict[str, Any] = json.loads(answer)
        return measured


def _measure(handle: Handle, event: str, warm_up: str) -> dict[str, Any]:
    handle(json.loads(Path(warm_up).read_bytes()))
    batch = json.loads(Path(event).read_bytes())
    gc.collect()
    _counted()
    wall, cpu = time.perf_counter(), time.process_time()
    answer = handle(batch)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    if answer and answer["batchItemFailures"]:
        raise RuntimeError("not everything was delivered")
    return {"wall": wall, "cpu": cpu, "memory": peak_mebibytes(), **_counted()}


def _counted() -> dict[str, Any]:
    """What the endpoint accepted since the last time."""
    _, _, address = os.environ["AWS_ENDPOINT_URL_PERSONALIZE_EVENTS"].rpartition("/")
    connection = HTTPConnection(address, timeout=10)
    try:
        connection.request("PUT", "/", "{}")
        counted: dict[str, Any] = json.loads(connection.getresponse().read())
    finally:
        connection.close()
    return counted


def main() -> None:
    """Make the handler, then fork for every line of input."""
    pin(CLIENT_CPUS)
    module, workers = sys.argv[1:]
    contender = importlib.import_module(f"tests.benchmarks.contenders.{module}")
    handle: Handle = contender.connect(int(workers))
    answers, sys.stdout = sys.stdout, sys.stderr
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            answers.write(json.dumps(_measure(handle, *json.loads(line))) + "\n")
            answers.flush()
            os._exit(0)
        if os.waitpid(child, 0)[1] != 0:
            sys.exit(1)


if __name__ == "__main__":
    main()
