"""Memory: what was delivered past the resume point is not sent again, and the newest wins."""

from typing import Any

from builders import FakePersonalize, document_of, record, redelivered, run, throttled

from forwarder.destinations import DESTINATIONS
from forwarder.memory import Memory
from forwarder.outcomes import Record

EVENTS = DESTINATIONS["events"]
ITEMS = DESTINATIONS["items"]


def sessions(count: int) -> list[Record]:
    return [
        record(n, document_of("events", sessionId=f"s{n}", itemId=f"i{n}")) for n in range(count)
    ]


def versions(*items: str) -> list[Record]:
    return [
        record(n, document_of("items", itemId=item, properties={"version": n}))
        for n, item in enumerate(items)
    ]


def throttling(session: str):
    def answers(_number: int, request: dict[str, Any]) -> None:
        if request["sessionId"] == session:
            throttled()

    return answers


def test_a_redelivery_sends_only_what_was_not_delivered():
    memory = Memory()
    records = sessions(10)
    first = run("events", records, FakePersonalize(EVENTS, answers=throttling("s2")), memory=memory)
    api = FakePersonalize(EVENTS)

    again = run("events", redelivered(records, 2), api, memory=memory)

    assert first.settlement.resume_at == 2
    assert [entry["itemId"] for entry in api.stored] == ["i2"]
    assert again.repeats == 7
    assert again.settlement.resume_at is None


def test_what_is_acknowledged_is_forgotten():
    memory = Memory()
    records = sessions(10)
    run("events", records, FakePersonalize(EVENTS, answers=throttling("s2")), memory=memory)
    assert len(memory) == 7

    run("events", redelivered(records, 2), FakePersonalize(EVENTS), memory=memory)

    assert len(memory) == 0


def test_another_environment_sends_all_of_it_with_the_same_event_ids():
    records = sessions(4)
    here = FakePersonalize(EVENTS, answers=throttling("s0"))
    there = FakePersonalize(EVENTS)
    run("events", records, here)

    run("events", redelivered(records, 0), there)

    ids = {entry["eventId"] for entry in there.stored}
    assert len(there.stored) == 4
    assert {entry["eventId"] for entry in here.stored} < ids


def test_memory_is_bounded():
    memory = Memory(most=3)
    run("events", sessions(10), FakePersonalize(EVENTS, answers=throttling("s0")), memory=memory)

    assert len(memory) == 3


def test_shards_do_not_share_a_memory():
    memory = Memory()
    records = sessions(3)
    run("events", records, FakePersonalize(EVENTS, answers=throttling("s0")), memory=memory)
    api = FakePersonalize(EVENTS)
    elsewhere = [each._replace(shard="shardId-1") for each in records]

    run("events", elsewhere, api, memory=memory)

    assert len(api.stored) == 3


def refusing_first_call(number: int, _request: object) -> None:
    if number == 1:
        throttled()


def test_an_older_state_is_not_sent_after_a_newer_one():
    """The newest was delivered, and a half of its batch comes again with an older state."""
    memory = Memory()
    records = versions("a", *[f"x{n}" for n in range(9)], "b", "b", "b")
    # The call with `a` is deferred, the call with the newest `b` is delivered.
    down = FakePersonalize(
        ITEMS,
        answers=lambda _, request: throttled() if request["items"][0]["itemId"] == "a" else None,
    )
    run("items", records, down, memory=memory)
    api = FakePersonalize(ITEMS)

    half = redelivered(records, 0)[:12]
    journey = run("items", half, api, memory=memory)

    assert "b" not in [entry["itemId"] for entry in api.stored]
    assert journey.settlement.resume_at is None


def test_the_newest_state_itself_is_sent_again():
    """Another environment may have sent an older one since: the last word must be the newest."""
    memory = Memory()
    records = versions("a", *[f"x{n}" for n in range(9)], "b")
    down = FakePersonalize(
        ITEMS,
        answers=lambda _, request: throttled() if request["items"][0]["itemId"] == "a" else None,
    )
    run("items", records, down, memory=memory)
    api = FakePersonalize(ITEMS)

    run("items", redelivered(records, 10), api, memory=memory)

    assert [entry["itemId"] for entry in api.stored] == ["b"]
