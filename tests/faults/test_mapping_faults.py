"""Cases 38-41 and 43: what the mapping does with a batch, and what leaks meanwhile."""

import json
import resource
import time

import pytest
from builders import document_of
from rig import BACKOFF, Rig

from local.mappings.batch import PAYLOAD_LIMIT, Batch
from local.mappings.events import event

FAULTS = [
    {"action": "throttle", "share": 0.1},
    {"action": "status", "status": 503, "share": 0.1},
    {"action": "reset", "share": 0.1},
    {"action": "store_then_reset", "share": 0.1},
    {"action": "error", "status": 409, "code": "ResourceInUseException", "share": 0.1},
]
POISON = {"action": "refuse", "contains": "poison"}


def put_all_sorts(shard: Rig, count: int = 60) -> None:
    """Good records of some sessions, with one in ten that ends in the dead letters."""
    for number in range(count):
        session = f"s{number % 7}"
        if number % 10 == 3:
            shard.put(b"{broken %d" % number)
        elif number % 10 == 6:
            shard.put(document_of("events", sessionId=session, itemId=f"poison-{number}"))
        else:
            shard.good(sessionId=session)


@pytest.mark.case(38)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_random_faults_under_a_retry_budget_leave_no_record_behind(rig, seed):
    shard = rig(
        endpoint={"faults": [POISON, *FAULTS], "seed": seed},
        maximum_retry_attempts=2,
        batch_size=25,
        parallelization_factor=2,
    )
    shard.seconds = 3.0
    put_all_sorts(shard)

    shard.run()

    balance = shard.balance().check(redelivered=True)
    assert balance.waiting == 0
    assert balance.delivered + balance.rejected + balance.abandoned == balance.entries


@pytest.mark.case(38)
def test_an_outage_longer_than_the_record_age_abandons_and_the_shard_moves_on(rig):
    shard = rig(
        endpoint={"faults": [{"action": "throttle", "until_s": 5 * BACKOFF}]},
        maximum_retry_attempts=-1,
        maximum_record_age_in_seconds=3 * BACKOFF,
    )
    shard.seconds = 1.0
    shard.good(20)
    shard.run()
    shard.simulation.now += 3 * BACKOFF
    shard.good(5)
    shard.run()

    balance = shard.balance().check()
    assert (balance.abandoned, balance.delivered) == (20, 5)


@pytest.mark.case(39)
def test_a_batch_delivered_twice_is_stored_once(rig):
    shard = rig()
    for number in range(25):
        shard.put(document_of("events", itemId=f"i{number}", sessionId=f"s{number % 3}"))
    shard.run()
    (batch,) = shard.simulation.invoked

    shard.invoke(json.loads(event(batch.records)))
    shard.end_worker()
    shard.invoke(json.loads(event(batch.records)))

    assert shard.balance().check().delivered == 25
    assert {each["_writes"] for each in shard.stored()} == {3}


@pytest.mark.case(39)
def test_overlapping_batches_leave_every_item_on_its_newest_state(rig):
    shard = rig(feed="items", batch_size=10)
    for number in range(30):
        fields = {"itemId": f"i{number % 4}", "properties": {"state": str(number)}}
        shard.put(document_of("items", **fields))
    shard.run()

    # A mapping that begins again behind an older checkpoint, with other batches.
    records = shard.simulation.put_in
    for start in (8, 19, 26):
        shard.end_worker()
        for first in range(start, 30, 7):
            shard.invoke(json.loads(event(Batch(tuple(records[first : first + 7])).records)))

    assert shard.balance().check().delivered == 30
    states = {each["itemId"]: json.loads(each["properties"]) for each in shard.stored()}
    assert states == {f"i{n % 4}": {"state": str(n)} for n in range(26, 30)}


@pytest.mark.case(40)
def test_ten_thousand_tiny_records_of_six_megabytes_take_bounded_time_and_memory(rig):
    shard = rig(batch_size=10_000, settings={"CALLS_PER_SECOND": "100000"})
    shard.seconds = 60.0
    for number in range(10_000):
        shard.put(document_of("events", sessionId=f"s{number % 40}"))
    began = time.monotonic()

    shard.run()

    (first, *_) = shard.simulation.invoked
    assert len(first.records) == 10_000
    assert 6_000_000 < len(event(first.records)) <= PAYLOAD_LIMIT
    assert shard.balance().check().delivered == 10_000
    assert time.monotonic() - began < 60
    assert shard.peak_memory_mb() < 400


@pytest.mark.case(40)
def test_a_record_over_the_payload_limit_is_abandoned_whole_and_the_shard_moves_on(rig):
    shard = rig()
    shard.good()
    shard.put(b'{"sessionId":"' + b"x" * PAYLOAD_LIMIT + b'"}')
    shard.good()

    shard.run()

    balance = shard.balance().check()
    assert (balance.delivered, balance.abandoned) == (2, 1)


@pytest.mark.case(40)
@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="limits a process as Linux can")
def test_a_forwarder_out_of_memory_loses_nothing(rig):
    shard = rig(batch_size=200, maximum_retry_attempts=1)
    # Without memory a thread may never start: then Lambda ends the process, as the rig does.
    shard.seconds = 8.0
    shard.good(50)
    shard.run()

    def starve(worker) -> None:
        used = _memory(worker.pid, "VmSize")
        resource.prlimit(worker.pid, resource.RLIMIT_AS, (used + 2**20, resource.RLIM_INFINITY))

    shard.on_invoke = starve
    for number in range(100):
        shard.put(document_of("items", itemId=f"i{number}", properties={"a": "x" * 20_000}))
    shard.good(20)
    shard.run()
    shard.on_invoke = lambda _: None
    shard.end_worker()
    shard.good(5)
    shard.run()

    balance = shard.balance().check(redelivered=True)
    assert balance.delivered >= 55
    assert balance.waiting == 0


def _memory(pid: int, name: str) -> int:
    """Bytes, as the kernel counts them."""
    with open(f"/proc/{pid}/status") as status:  # noqa: PTH123 - no file of ours
        (line,) = (line for line in status if line.startswith(f"{name}:"))
    return int(line.split()[1]) * 1024


@pytest.mark.case(43)
@pytest.mark.parametrize("level", ["INFO", "DEBUG"])
def test_no_canary_reaches_logs_metrics_or_answers(rig, level):
    canary = "canary"
    shard = rig(
        endpoint={"faults": [{"action": "refuse", "contains": "canary-poison"}, *FAULTS]},
        settings={"POWERTOOLS_LOG_LEVEL": level},
        maximum_retry_attempts=3,
    )
    shard.seconds = 3.0
    fields = ("sessionId", "userId", "itemId", "eventId", "eventType", "recommendationId")
    for name in fields:
        shard.put(document_of("events", **{name: f"{canary}-{name}"}))
    shard.put(document_of("events", itemId=f"{canary}-poison"))
    shard.put(document_of("events", **{canary: canary}))
    shard.put(document_of("events", properties={canary: canary}))
    shard.put(document_of("events", properties={canary: {canary: canary}}))
    shard.put(document_of("events", sentAt=canary))
    shard.put(b"{" + canary.encode())
    shard.put(b"\xf3\x89\x9a\xc2" + canary.encode())
    shard.good(1, itemId=f"{canary}-i", partition_key=None)

    shard.run()
    shard.invoke({"Records": [{canary: canary}]})

    shard.balance().check(redelivered=True)
    assert canary not in shard.log.read_text()
    assert canary not in json.dumps(shard.responses)
