"""What a journey counts, and where it stops to spare memory."""

import json
from typing import Any

from builders import FakePersonalize, document_of, record, run, throttled

from forwarder.destinations import DESTINATIONS
from forwarder.journey import MOST_UNPACKED
from forwarder.memory import Memory
from forwarder.outcomes import Cause, Record

ITEMS = DESTINATIONS["items"]


def versions(*names: str) -> list[Record]:
    return [
        record(n, document_of("items", itemId="i", properties={"is": name}))
        for n, name in enumerate(names)
    ]


def refused(entry: dict[str, Any]) -> bool:
    return '"bad"' in entry["properties"]


def test_nothing_costs_nothing():
    journey = run("items", [], FakePersonalize(ITEMS))

    assert (journey.fewest_calls, journey.stood_for, journey.repeats) == (0, 0, 0)


def test_every_round_of_upserts_counts_its_calls_and_whom_they_stand_for():
    """The newest two are refused; the third stands for the two before it."""
    records = [
        *versions("a", "b", "c", "bad", "bad"),
        record(5, document_of("items", itemId="j", properties={"is": "x"})),
    ]
    journey = run("items", records, FakePersonalize(ITEMS, refuses=refused))

    assert (journey.fewest_calls, journey.stood_for) == (3, 2)
    delivered = journey.settlement.delivered
    assert sorted(each.document.record.position for each in delivered) == [0, 1, 2, 5]
    assert [each.document.record.position for each in journey.settlement.rejected] == [3, 4]


def test_older_upserts_are_deferred_with_the_newest_element_by_element():
    entries = [{"itemId": "i"}, {"itemId": "i"}]
    records = [record(0, {"items": entries}), *versions("a", "b")[1:]]
    journey = run("items", records, FakePersonalize(ITEMS, answers=throttled), seconds=0.1)

    assert journey.settlement.deferred == {Cause.THROTTLED: 3}
    assert journey.settlement.resume_at == 0


def test_what_memory_is_too_short_for_comes_again():
    """The batch is cut behind the record that fills it, to the byte."""
    third = b'"' + b"x" * (MOST_UNPACKED // 2 - 2) + b'"'
    api = FakePersonalize(DESTINATIONS["events"])
    events = [record(n, document_of("events")) for n in (2, 3)]

    settlement = run("events", [record(0, third), record(1, third), *events], api).settlement

    assert settlement.resume_at == 2
    assert len(settlement.rejected) == 2
    assert api.requests == []

    shorter = third[:-2] + b'"'
    settlement = run("events", [record(0, third), record(1, shorter), *events], api).settlement

    assert settlement.resume_at == 3
    assert len(settlement.delivered) == 1


def test_what_is_delivered_at_the_resume_point_is_remembered():
    """One record holds both: what was delivered of it is not sent again."""
    sessions = (document_of("events", sessionId=name) for name in ("good", "slow"))
    whole = b"\n".join(json.dumps(each).encode() for each in sessions)
    memory = Memory()

    def slow(_number: int, request: dict[str, Any]) -> None:
        if request["sessionId"] == "slow":
            throttled()

    api = FakePersonalize(DESTINATIONS["events"], answers=slow)
    settlement = run("events", [record(0, whole)], api, memory=memory).settlement

    assert settlement.resume_at == 0
    assert len(memory) == 1
