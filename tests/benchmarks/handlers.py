"""Whole handlers, the same batches, in turns: calls, wall, CPU and peak memory."""

import json
import statistics
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

from tests.benchmarks.batches import Batch, batch
from tests.benchmarks.stub import Stub
from tests.benchmarks.worker import Contender, Worker

US = Contender("us, 64 calls at a time", "shipped", 64)
FLOOR = Contender("floor, 64 threads", "floor", 64)
SAMPLE = Contender("(a) sample", "sample")
BATCH_PROCESSOR = Contender("(b) BatchProcessor", "batch_processor")
FLOOR_32 = Contender("floor, 32 threads", "floor", 32)
POOLS = (8, 16, 32, 64)

WARM_UP = 128
"""Events, one a session, that open a pool's connections before a run."""

WARM_UP_SERIAL = 10
SERIAL = 200
"""Records that the contenders with one call at a time are measured with: ten times as many take
ten times as long."""


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured."""

    records: Sequence[int]
    sessions: Sequence[str]
    latencies: Sequence[float]
    rounds: int
    headline_rounds: int
    whole: bool
    """Whether the serial contenders send all records of the headline batch too."""


FULL = Size((1_000, 10_000), ("1", "3", "10", "30", "Zipf"), (0.0, 0.005, 0.02), 3, 11, whole=True)
QUICK = Size((1_000,), ("10", "Zipf"), (0.0, 0.02), 3, 5, whole=False)
HEADLINE = (1_000, "Zipf", 0.02)


def pool(workers: int) -> Contender:
    """(c) with so many threads."""
    return Contender(f"(c) grouped, {workers} threads", "grouped", workers)


class Runs:
    """Runs contenders against one endpoint."""

    def __init__(self, stub: Stub, scratch: Path, stack: ExitStack) -> None:
        """Keep batches and logs in `scratch`; end what was started with `stack`."""
        self._stub = stub
        self._scratch = scratch
        self._stack = stack
        self._workers: dict[Contender, Worker] = {}
        self._batches: dict[tuple[int, str], tuple[Batch, Path]] = {}

    def measure(
        self, rounds: Mapping[Contender, int], case: tuple[int, str, float]
    ) -> list[dict[str, Any]]:
        """One row a contender: medians over its rounds; they take turns."""
        records, sessions, latency = case
        wanted, path = self._batch(records, sessions)
        self._stub.count(latency=latency)
        runs: dict[Contender, list[dict[str, Any]]] = {each: [] for each in rounds}
        for number in range(max(rounds.values())):
            for contender in (each for each, most in rounds.items() if number < most):
                warm_up = WARM_UP if contender.workers > 1 else WARM_UP_SERIAL
                run = self._worker(contender).run(path, self._batch(warm_up, "1")[1])
                if run["events"] != records:
                    raise RuntimeError(f"{contender.label}: {run['events']} of {records} events")
                runs[contender].append(run)
        return [
            {
                "contender": contender.label,
                "records": records,
                "sessions": sessions,
                "latency": latency,
                "fewest": wanted.fewest,
                "rounds": len(done),
                "measured": records,
                "calls": max(run["calls"] for run in done),
                **{
                    name: statistics.median(run[name] for run in done)
                    for name in ("wall", "cpu", "memory")
                },
            }
            for contender, done in runs.items()
        ]

    def keep(self, records: int, sessions: str, event: dict[str, Any]) -> Path:
        """Keep what is sent for such a batch."""
        path = self._scratch / f"{records}-{sessions}.json"
        path.write_text(json.dumps(event), encoding="utf-8")
        return path

    def _batch(self, records: int, sessions: str) -> tuple[Batch, Path]:
        key = (records, sessions)
        if key not in self._batches:
            made = batch(records, sessions)
            self._batches[key] = (made, self.keep(records, sessions, made.event))
        return self._batches[key]

    def _worker(self, contender: Contender) -> Worker:
        if contender not in self._workers:
            worker = Worker(contender, self._stub.url, self._scratch / "contenders.log")
            self._workers[contender] = self._stack.enter_context(worker)
        return self._workers[contender]


def handlers(stub: Stub, scratch: Path, size: Size) -> dict[str, Any]:
    """Measure all cases."""
    with ExitStack() as stack:
        runs = Runs(stub, scratch, stack)
        pools = runs.measure(dict.fromkeys(map(pool, POOLS), size.rounds), HEADLINE)
        best = POOLS[min(range(len(POOLS)), key=lambda place: pools[place]["wall"])]
        rows = _serial(runs, size)
        for latency, records, sessions in product(size.latencies, size.records, size.sessions):
            case = (records, sessions, latency)
            if records > min(size.records):  # a long batch evens out by itself
                rounds = {pool(best): 1, **dict.fromkeys((US, FLOOR, FLOOR_32), 2)}
            else:
                most = size.headline_rounds if case == HEADLINE else size.rounds
                rounds = dict.fromkeys((pool(16), pool(best), US, FLOOR, FLOOR_32), most)
            rows += runs.measure(rounds, case)
        whole = runs.measure({SAMPLE: 1, BATCH_PROCESSOR: 1}, HEADLINE) if size.whole else []
    return {"best_pool": best, "pools": pools, "rows": rows, "whole": whole}


def _serial(runs: Runs, size: Size) -> list[dict[str, Any]]:
    """The contenders with one call at a time: sessions make no difference to them.

    All records are sent where the endpoint answers at once, which also gives the peak of memory;
    where it takes its time, some of them.
    """
    both = (SAMPLE, BATCH_PROCESSOR)
    slow = [latency for latency in size.latencies if latency]
    parts = [runs.measure(dict.fromkeys(both, size.rounds), (SERIAL, "1", each)) for each in slow]
    rows = []
    for records in size.records:
        at_once = runs.measure(dict.fromkeys(both, 1), (records, "1", 0.0))
        rows += at_once
        for part in parts:
            rows += [
                _scaled(row, records, whole["memory"])
                for row, whole in zip(part, at_once, strict=True)
            ]
    return rows


def _scaled(row: dict[str, Any], records: int, memory: float) -> dict[str, Any]:
    times = records // SERIAL
    scaled = {name: row[name] * times for name in ("calls", "wall", "cpu")}
    return {**row, **scaled, "records": records, "fewest": records, "memory": memory}
