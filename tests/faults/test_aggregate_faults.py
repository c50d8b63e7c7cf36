"""Cases 19-22: aggregates of the Kinesis Producer Library."""

import json

import pytest
from builders import document_of
from kpl_producer import MAGIC, aggregate, member, seal


def parts(*items: str) -> list[bytes]:
    return [json.dumps(document_of("events", itemId=item)).encode() for item in items]


@pytest.mark.case(19)
def test_every_record_of_an_aggregate_is_delivered_under_an_id_of_its_own(rig):
    shard = rig()
    good = parts("a", "b", "c", "d")
    sequence = shard.put(*good, data=aggregate(*good, keys=("one", "two"), index=1))

    shard.run()

    assert shard.balance().check().delivered == 4
    ids = [each["eventId"].rpartition(":")[2] for each in shard.stored()]
    assert ids == [f"{sequence}#{n}" for n in range(4)]


@pytest.mark.case(20)
def test_a_poison_record_of_an_aggregate_is_a_dead_letter_alone(rig):
    shard = rig()
    mixed = [*parts("a", "b"), b"{poison", *parts("c")]
    sequence = shard.put(*mixed, data=aggregate(*mixed))

    shard.run()

    balance = shard.balance().check()
    assert (balance.delivered, balance.rejected) == (3, 1)
    assert shard.reasons() == {sequence: ["not_json"]}
    assert shard.resumes == [None]


@pytest.mark.case(21)
def test_an_aggregate_that_fails_in_part_comes_again_whole_under_the_same_ids(rig):
    fault = {"action": "error", "status": 409, "code": "ResourceInUseException", "times": 1}
    shard = rig(endpoint={"faults": [fault | {"contains": "held-back"}]})
    two_sessions = [
        json.dumps(document_of("events", sessionId=session, itemId=item)).encode()
        for session, item in [("s1", "a"), ("s2", "held-back"), ("s1", "b")]
    ]
    sequence = shard.put(*two_sessions, data=aggregate(*two_sessions))

    shard.run()

    assert shard.resumes == [sequence, None]
    assert shard.balance().check().delivered == 3
    assert [each["_writes"] for each in shard.stored()] == [1, 1, 1]


@pytest.mark.case(22)
def test_a_broken_aggregate_is_a_dead_letter_whole_and_no_part_of_it_is_delivered(rig):
    (good,) = parts("a")
    whole = aggregate(good, good)
    broken = {
        "another checksum": whole[:-1] + bytes([whole[-1] ^ 1]),
        "cut short": whole[:-20],
        "only a start": MAGIC,
        "a number without an end": seal(b"\x08\xff"),
        "a key that is not there": aggregate(good, good, index=3),
        "no record": seal(member(1, b"key")),
        "an aggregate inside": aggregate(good, aggregate(good)),
    }
    shard = rig()
    shard.good()
    for data in broken.values():
        shard.put(data)
    shard.good()

    shard.run()

    balance = shard.balance().check()
    assert (balance.delivered, balance.rejected) == (2, len(broken))
    assert set(map(tuple, shard.reasons().values())) == {("bad_aggregate",)}
