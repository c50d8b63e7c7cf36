"""Case 36: the forwarder dies at every boundary, and everything around it goes away."""

import os
import random
import signal
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from builders import document_of
from gate import Gate, Passage, gate
from rig import Addresses, Cloud, Rig
from worker import Worker

from forwarder.dead_letters import MOST_INLINE_BYTES

BEFORE, ARRIVED, DONE, ANSWERED = "before it", "on arrival", "when done", "when answered"
LARGE = b"x" * (MOST_INLINE_BYTES + 1)


@dataclass(slots=True)
class Killer:
    """Kills the forwarder at planned calls: each time another, at another moment.

    A plan's step is the number of a call of the invocation (0: before any) and a moment of it.
    """

    plan: list[tuple[int, str]]
    struck: int = 0
    _victim: Worker | None = None
    _calls: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def watch(self, worker: Worker) -> None:
        """Note who is at work; a step before any call strikes at once."""
        with self._lock:
            self._victim, self._calls = worker, 0
            if self.plan[self.struck :][:1] == [(0, BEFORE)]:
                self._strike()

    def attend(self, passage: Passage) -> None:
        """Let the call through, or strike at its moment."""
        with self._lock:
            if self._victim is None:
                passage.reset()  # the last words of a process that is gone
                return
            self._calls += 1
            step = self.plan[self.struck] if self.struck < len(self.plan) else (0, "")
            if step[0] != self._calls:
                return
            if step[1] != ARRIVED:
                answer = passage.pass_on()
            if step[1] == ANSWERED:
                passage.answer(answer)
            self._strike()
            if step[1] != ANSWERED:
                passage.reset()

    def _strike(self) -> None:
        assert self._victim is not None
        os.kill(self._victim.pid, signal.SIGKILL)
        self.struck += 1
        self._victim = None


@pytest.fixture
def gates(cloud: Cloud) -> Iterator[tuple[Gate, Gate]]:
    """Gates before Personalize, whose address is set by the rig, and before queue and bucket."""
    with gate("") as before_personalize, gate(cloud.url) as before_aws:
        yield before_personalize, before_aws


@pytest.fixture
def guarded(rig, gates):
    before_personalize, before_aws = gates

    def addresses(endpoint, _cloud) -> Addresses:
        before_personalize.upstream = endpoint.url
        return Addresses(before_personalize.url, before_aws.url)

    made: list[Rig] = []

    def make(killer: Killer | None = None, **options: Any) -> Rig:
        options = {
            "maximum_retry_attempts": -1,
            "bisect_batch_on_function_error": False,
            "addresses": addresses,
        } | options
        shard: Rig = rig(**options)
        made.append(shard)
        if killer is not None:
            shard.on_invoke = killer.watch
            before_personalize.attend = before_aws.attend = killer.attend
        return shard

    yield make
    for shard in made:
        shard.end_worker()


def boundaries(calls: int) -> list[tuple[int, str]]:
    """Before any call, before and behind each, and before the answer."""
    around = [(n, when) for n in range(1, calls + 1) for when in (ARRIVED, DONE)]
    return [(0, BEFORE), *around, (calls, ANSWERED)]


@pytest.mark.case(36)
def test_a_forwarder_killed_at_every_boundary_stores_each_event_once_and_keeps_each_letter(guarded):
    """Three calls to Personalize, one to the bucket, one to the queue, and the answer."""
    killer = Killer(boundaries(5))
    shard = guarded(killer)
    for number in range(25):
        shard.put(document_of("events", itemId=f"i{number}"))
    shard.put(document_of("events", itmeId="typo"))
    shard.put(LARGE)

    shard.run()

    # The answer to the last call may reach the forwarder, and so the mapping, before its end.
    assert shard.deaths >= len(killer.plan) - 1
    assert killer.struck == len(killer.plan)
    balance = shard.balance().check(redelivered=True)
    assert (balance.delivered, balance.rejected) == (25, 2)
    stored = shard.stored()
    assert [each["itemId"] for each in stored] == [f"i{number}" for number in range(25)]
    assert len({each["eventId"] for each in stored}) == 25


@pytest.mark.case(36)
def test_updates_survive_kills_with_the_newest_state(guarded):
    killer = Killer([(1, DONE), (2, ARRIVED), (2, DONE)])
    shard = guarded(killer, feed="items", batch_size=20)
    for number in range(40):
        fields = {"itemId": f"i{number % 12}", "properties": {"state": str(number)}}
        shard.put(document_of("items", **fields))

    shard.run()

    assert killer.struck == len(killer.plan)
    assert shard.balance().check().delivered == 40


@pytest.mark.case(36)
def test_kills_amid_parallel_calls_are_survived_too(guarded):
    chance = random.Random(1)
    killer = Killer([(chance.randint(1, 6), chance.choice([ARRIVED, DONE])) for _ in range(4)])
    shard = guarded(killer, parallelization_factor=2)
    for number in range(80):
        session = f"s{number % 13}"
        good = document_of("events", sessionId=session, itemId=f"i{number}")
        shard.put(b"{broken" if number % 9 == 4 else good, partition_key=session)

    shard.run()

    assert shard.deaths == len(killer.plan)
    balance = shard.balance().check(redelivered=True)
    assert (balance.delivered, balance.rejected) == (71, 9)


@pytest.mark.case(36)
@pytest.mark.parametrize("gone", ["personalize", "queue and bucket", "both"])
def test_what_went_away_and_came_back_costs_time_and_no_record(guarded, gates, gone):
    shard = guarded()
    shard.seconds = 1.5
    away = {"personalize": gates[:1], "queue and bucket": gates[1:], "both": gates}[gone]
    for number in range(30):
        session = f"s{number % 4}"
        good = document_of("events", sessionId=session, itemId=f"i{number}")
        shard.put(b"{broken" if number % 10 == 4 else good)
    for each in away:
        each.attend = Passage.reset
    shard.run(seconds=1)
    assert shard.balance().check(redelivered=True).waiting > 0

    for each in away:
        each.attend = lambda _: None
    shard.run()

    balance = shard.balance().check(redelivered=True)
    assert (balance.delivered, balance.rejected) == (27, 3)
