"""What a journey counts, and where it stops to spare memory."""

import json
from typing import Any

from builders import (
    FakePersonalize,
    document,
    document_of,
    parser_of,
    record,
    run,
    throttled,
)

from forwarder.destinations import DESTINATIONS
from forwarder.journey import MOST_UNPACKED, _share
from forwarder.memory import Memory
from forwarder.outcomes import Cause, Deferred, Entry, Reason, Record

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


def test_every_round_of_refusals_adds_to_whom_upserts_stand_for():
    """For i the newest is accepted; for j it is refused, and the one before stands for another."""
    others = [
        record(n, document_of("items", itemId="j", properties={"is": name}))
        for n, name in enumerate(("x", "y", "bad"), start=2)
    ]
    journey = run("items", [*versions("a", "b"), *others], FakePersonalize(ITEMS, refuses=refused))

    assert (journey.fewest_calls, journey.stood_for) == (2, 2)


def test_older_upserts_are_deferred_with_the_newest_element_by_element():
    (older, newest) = (
        Entry(document({"items": []}), place, b"{", None, "i", b"{}") for place in (0, 1)
    )
    shared, next_up = _share([newest], [older], [Deferred(newest.document, 1, Cause.THROTTLED)])

    assert shared == [Deferred(older.document, 0, Cause.THROTTLED)]
    assert next_up == []


def test_what_cannot_be_unpacked_goes_by_the_parser():
    broken = record(0, b"{}")._replace(data="{")
    settlement = run("items", [broken], FakePersonalize(ITEMS)).settlement

    assert [each.reason for each in settlement.rejected] == [Reason.NOT_BASE64]


def test_of_more_than_can_be_remembered_the_oldest_is_forgotten():
    memory = Memory(most=2)
    parse = parser_of("events")
    entries = [
        each
        for n in range(3)
        for each in parse(document(document_of("events"), position=n))
        if isinstance(each, Entry)
    ]
    memory.remember(entries)

    assert [memory.holds(each) for each in entries] == [False, True, True]


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
