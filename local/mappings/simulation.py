"""A mapping's shard without threads, network and clock, for tests that need every schedule.

    simulation = Simulation(configure(batch_size=10), function)
    simulation.put(b'{"itemId": "1"}', key="a")
    simulation.run()
    assert [record.key for record in simulation.delivered] == ["a"]

`function` takes a batch and answers with an outcome. To call a real handler:
`lambda batch: Returned(handle(json.loads(event(batch.records)), context))`.
"""

from collections.abc import Callable, Sequence
from typing import Any

from local.mappings.batch import Batch, Record
from local.mappings.configuration import Configuration
from local.mappings.events import Origin, make_record
from local.mappings.lane import Invoke, Wait
from local.mappings.semantics import Abandon, Backoff, Outcome
from local.mappings.shard import Shard

FIRST_SEQUENCE = 49_590_338_271_490_256_608_559_692_538_361_571_095_921_575_989_136_588_898
"""A number of the length that Kinesis gives out."""


def configure(**settings: Any) -> Configuration:
    """Make a mapping's configuration from the settings that matter, in snake_case."""
    return Configuration.model_validate(
        {
            "uuid": "91eaeb7e-c976-1234-9451-8709db01f137",
            "event_source_arn": "arn:aws:kinesis:us-east-1:000000000000:stream/events",
            "function_arn": "arn:aws:lambda:us-east-1:000000000000:function:forwarder",
            **settings,
        }
    )


def at_once(number: int) -> float:
    """Wait for nothing before any try: the default of a simulation."""
    return 0.0 * number


class Simulation:
    """Runs a shard to the end, on a clock that moves only when nothing else can happen.

    Args:
        told: The mapping's configuration.
        function: Called with each batch.
        ends_next: Picks, of the lanes that have a step under way, the one whose step ends next.
        backoff: As for `Shard`.

    Attributes:
        now: The clock, seconds since the epoch; tests may move it on.
        put_in: All records, in stream order.
        invoked: The batches, in the order in which their outcomes came.
        delivered: Records the function accepted, in that order.
        abandoned: What went to the on-failure destination.
    """

    def __init__(
        self,
        told: Configuration,
        function: Callable[[Batch], Outcome],
        *,
        ends_next: Callable[[Sequence[int]], int] = min,
        backoff: Backoff = at_once,
    ) -> None:
        self.now = 1_700_000_000.0
        self.shard = Shard(told, backoff)
        self.put_in: list[Record] = []
        self.invoked: list[Batch] = []
        self.delivered: list[Record] = []
        self.abandoned: list[Abandon] = []
        self._origin = Origin(told, "shardId-000000000000", "arn:aws:iam::000000000000:role/role")
        self._function = function
        self._ends_next = ends_next
        self._under_way: dict[int, Invoke | Abandon] = {}

    def put(self, data: bytes = b"{}", key: str | None = "key", *, age: float = 0.0) -> Record:
        """Add a record behind the others; `age` seconds ago it arrived."""
        sequence = str(FIRST_SEQUENCE + len(self.put_in))
        record = make_record(self._origin, sequence, data, key=key, arrival=self.now - age)
        self.put_in.append(record)
        self.shard.add((record,), self.now)
        return record

    def run(self, seconds: float = float("inf")) -> None:
        """Carry out all that has to happen within so many seconds."""
        ends = self.now + seconds
        while True:
            wakes = [until for until in self._begin() if until is not None]
            if self._under_way:
                self._end(self._ends_next(sorted(self._under_way)))
            elif wakes and min(wakes) <= ends:
                self.now = max(self.now, min(wakes))
            else:
                return

    def _begin(self) -> list[float | None]:
        wakes: list[float | None] = []
        for lane, step in self.shard.steps(self.now):
            if isinstance(step, Wait):
                wakes.append(step.until)
            else:
                self._under_way[lane] = step
        return wakes

    def _end(self, lane: int) -> None:
        step = self._under_way.pop(lane)
        if isinstance(step, Abandon):
            self.abandoned.append(step)
            self.shard.kept(lane)
            return
        self.invoked.append(step.batch)
        settlement = self.shard.settle(lane, self._function(step.batch), self.now)
        self.delivered.extend(settlement.delivered)
