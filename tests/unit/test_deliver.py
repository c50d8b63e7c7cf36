"""Delivery: retried in time, narrowed down, held back in order, stopped when all is wrong."""

import threading
from dataclasses import replace
from typing import Any

import pytest
from builders import (
    ARRIVAL,
    Clock,
    FakePersonalize,
    channel,
    document,
    document_of,
    parser_of,
    record,
    redelivered,
    run,
    throttled,
)

from forwarder.deliver import GRACE, HANDFUL, Delivery
from forwarder.destinations import DESTINATIONS
from forwarder.memory import Memory
from forwarder.outcomes import Call, Cause, Deferred, Entry, Reason, Record
from forwarder.plan import plan
from forwarder.transport import ConnectFailed, Disconnected, ServiceError, Timeout

EVENTS = DESTINATIONS["events"]
ITEMS = DESTINATIONS["items"]


def events(*items: str, session: str | None = "s1") -> list[Record]:
    """One event record an item id, all of one session, or each of its own."""
    return [
        record(n, document_of("events", itemId=item, sessionId=session or f"s{n}"))
        for n, item in enumerate(items)
    ]


def refuses_bad(entry: dict[str, Any]) -> bool:
    return str(entry.get("itemId", "")).startswith("bad")


def answering(*errors: Exception | None):
    """Answers the first calls with these errors (None: accepts) and accepts the others."""

    def answers(number: int, _request: object) -> None:
        if number <= len(errors) and (error := errors[number - 1]):
            raise error

    return answers


def always(error: Exception):
    def answers(_number: int, _request: object) -> None:
        raise error

    return answers


def test_what_is_accepted_is_delivered():
    api = FakePersonalize(EVENTS)

    journey = run("events", events("a", "b", "c"), api)

    assert len(journey.settlement.delivered) == 3
    assert journey.settlement.resume_at is None
    assert [entry["itemId"] for entry in api.stored] == ["a", "b", "c"]


# --- narrowing down ----------------------------------------------------------------------------


def test_a_poison_record_is_the_only_one_lost():
    """Personalize refuses a whole call, so the refused call is narrowed down."""
    api = FakePersonalize(EVENTS, refuses=refuses_bad)
    items = ["ok"] * 10
    items[4] = "bad"

    settlement = run("events", events(*items), api).settlement

    assert [each.document.record.position for each in settlement.rejected] == [4]
    assert [each.reason for each in settlement.rejected] == [Reason.REFUSED]
    assert (len(settlement.delivered), settlement.resume_at) == (9, None)
    assert len(api.requests) <= 11


@pytest.mark.parametrize("position", range(10))
def test_narrowing_down_one_entry_costs_at_most_ten_more_calls(position):
    api = FakePersonalize(EVENTS, refuses=refuses_bad)
    items = ["ok"] * 10
    items[position] = "bad"

    run("events", events(*items), api)

    assert len(api.requests) <= 11


def test_a_narrowed_down_call_goes_out_in_order():
    api = FakePersonalize(EVENTS, refuses=refuses_bad)

    run("events", events("a", "bad", "b", "c", "bad", "d", "e"), api)

    assert [entry["itemId"] for entry in api.stored] == ["a", "b", "c", "d", "e"]


def test_a_refused_update_lets_the_one_before_it_through():
    """The newest stands for the older ones, unless the service does not take it."""
    api = FakePersonalize(ITEMS, refuses=lambda entry: "bad" in entry["properties"])
    versions = ["v1", "v2", "bad"]
    records = [
        record(n, document_of("items", properties={"version": version}))
        for n, version in enumerate(versions)
    ]

    journey = run("items", records, api)

    assert [each.document.record.position for each in journey.settlement.rejected] == [2]
    assert [entry["properties"] for entry in api.stored] == ['{"version":"v2"}']
    assert journey.stood_for == 1


def test_the_older_updates_wait_with_the_newest():
    api = FakePersonalize(ITEMS, answers=throttled)

    settlement = run("items", [record(n, document_of("items")) for n in range(3)], api).settlement

    assert settlement.deferred == {Cause.THROTTLED: 3}
    assert settlement.resume_at == 0


# --- retries -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "error",
    [
        ServiceError("ThrottlingException", 400, None),
        ServiceError("", 429, None),
        ServiceError("InternalFailure", 500, None),
        ServiceError("", 503, None),
        ServiceError("SomethingNew", 400, None),
        ServiceError("ExpiredTokenException", 403, None),
        ConnectFailed("OSError"),
        Disconnected("OSError"),
        Timeout("TimeoutError"),
        RuntimeError("never heard of"),
    ],
    ids=repr,
)
def test_what_may_pass_is_tried_again(error):
    api = FakePersonalize(EVENTS, answers=answering(error))

    journey = run("events", events("a"), api)

    assert len(journey.settlement.delivered) == 1
    assert len(api.requests) == 2
    assert api.requests[0]["sessionId"] == api.requests[1]["sessionId"]


def test_a_timed_out_call_is_sent_again_with_the_same_event_ids():
    seen = []

    def answers(number: int, request: dict[str, Any]) -> None:
        seen.append([entry["eventId"] for entry in request["eventList"]])
        if number == 1:
            raise Timeout("TimeoutError")

    run("events", events("a", "b"), FakePersonalize(EVENTS, answers=answers))

    assert seen[0] == seen[1]


def test_waits_grow_are_jittered_and_bounded():
    clock = Clock()
    api = FakePersonalize(EVENTS, answers=throttled)

    run("events", events("a"), api, clock=clock, jitter=0.5)

    assert clock.waits == [0.2, 0.4, 0.8, 1.6]


def test_the_service_says_how_long_to_wait():
    clock = Clock()
    api = FakePersonalize(EVENTS, answers=answering(ServiceError("ThrottlingException", 400, 7.5)))

    run("events", events("a"), api, clock=clock)

    assert clock.waits == [7.5]


def test_no_wait_goes_past_the_deadline():
    clock = Clock()
    api = FakePersonalize(EVENTS, answers=always(ServiceError("ThrottlingException", 400, 100.0)))

    settlement = run("events", events("a"), api, clock=clock, seconds=60).settlement

    assert settlement.deferred == {Cause.THROTTLED: 1}
    assert clock.waits == []


def test_a_dataset_in_use_is_left_to_the_next_delivery():
    api = FakePersonalize(ITEMS, answers=always(ServiceError("ResourceInUseException", 409, None)))

    settlement = run("items", [record(0, document_of("items"))], api).settlement

    assert settlement.deferred == {Cause.IN_USE: 1}
    assert len(api.requests) == 1


# --- order -------------------------------------------------------------------------------------


def test_a_throttled_call_holds_back_everything_after_it():
    api = FakePersonalize(EVENTS, answers=lambda number, _: throttled() if number > 1 else None)

    settlement = run("events", events(*"abcdefghijklmnopqrstuvwxyz"), api).settlement

    assert len(settlement.delivered) == 10
    assert settlement.resume_at == 10
    assert settlement.deferred == {Cause.THROTTLED: 10, Cause.HELD: 6}


def test_a_deferred_session_does_not_hold_back_another():
    def answers(_number: int, request: dict[str, Any]) -> None:
        if request["sessionId"] == "s0":
            throttled()

    api = FakePersonalize(EVENTS, answers=answers)

    settlement = run("events", events("a", "b", "c", session=None), api).settlement

    assert settlement.resume_at == 0
    assert [entry["itemId"] for entry in api.stored] == ["b", "c"] or len(api.stored) == 2


def test_what_comes_after_a_deferred_half_is_held():
    """The first half of a refused call fails for another reason: the second may not overtake."""

    def answers(number: int, _request: object) -> None:
        if number > 1:
            throttled()

    api = FakePersonalize(EVENTS, refuses=refuses_bad, answers=answers)

    settlement = run("events", events("a", "b", "c", "bad"), api).settlement

    assert settlement.deferred == {Cause.THROTTLED: 2, Cause.HELD: 2}
    assert api.stored == []


# --- misconfiguration --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "error",
    [
        ServiceError("ResourceNotFoundException", 404, None),
        ServiceError("AccessDeniedException", 403, None),
        ServiceError("UnrecognizedClientException", 403, None),
        ServiceError("", 404, None),
    ],
    ids=repr,
)
def test_a_wrong_setting_stops_everything_and_rejects_nothing(error):
    api = FakePersonalize(EVENTS, answers=always(error))

    settlement = run("events", events(*"abcdefgh", session=None), api, workers=1).settlement

    assert settlement.resume_at == 0
    assert (settlement.rejected, settlement.waiting) == ([], [])
    assert settlement.deferred == {Cause.MISCONFIGURED: 8}
    assert len(api.requests) == 1


@pytest.mark.parametrize("workers", [1, 8])
def test_a_service_that_refuses_everything_is_not_believed(workers):
    api = FakePersonalize(EVENTS, refuses=lambda _: True)

    settlement = run("events", events(*["x"] * 500, session=None), api, workers=workers).settlement

    assert settlement.resume_at == 0
    assert (settlement.rejected, settlement.waiting) == ([], [])
    assert sum(settlement.deferred.values()) == 500
    assert len(api.requests) <= HANDFUL + workers


def test_an_all_bad_session_is_not_drained_either():
    api = FakePersonalize(EVENTS, refuses=lambda _: True)

    settlement = run("events", events(*["x"] * 100), api).settlement

    assert settlement.resume_at == 0
    assert len(api.requests) <= 19


@pytest.mark.parametrize("count", [HANDFUL, HANDFUL + 1, 50])
def test_from_a_handful_on_every_refusal_is_taken_for_a_wrong_setting(count):
    """Whether it shows before the last call or after it; each element waits under its name."""
    request = {
        "sessionId": "s1",
        "eventList": [{"eventType": "click", "sentAt": ARRIVAL}] * count,
    }
    api = FakePersonalize(EVENTS, refuses=lambda _: True)
    delivery = Delivery(channel(api, workers=1), deadline=60.0)
    entries = [each for each in parser_of("events")(document(request)) if isinstance(each, Entry)]

    outcomes = delivery.deliver(plan(entries))

    assert delivery.tally.misconfigured == "every call refused"
    assert [(type(each), each.key) for each in outcomes] == [
        (Deferred, entry.key) for entry in entries
    ]


def test_fewer_than_a_handful_are_rejected():
    api = FakePersonalize(EVENTS, refuses=lambda _: True)

    settlement = run("events", events(*["x"] * (HANDFUL - 1)), api).settlement

    assert len(settlement.rejected) == HANDFUL - 1


def test_bad_sessions_that_come_first_do_not_condemn_the_good_ones():
    """A handful of bad entries is refused before the first good one is even answered."""
    good_may_answer = threading.Event()

    def answers(number: int, request: dict[str, Any]) -> None:
        if request["eventList"][0]["itemId"] == "good":
            assert good_may_answer.wait(10)
        elif number > HANDFUL:
            good_may_answer.set()

    api = FakePersonalize(EVENTS, refuses=refuses_bad, answers=answers)
    items = ["good", *["bad"] * 8, *["good"] * 20]

    settlement = run("events", events(*items, session=None), api, workers=16).settlement

    assert len(settlement.rejected) == 8
    assert len(settlement.delivered) == 21


def test_what_was_delivered_before_vouches_for_the_service():
    """On redelivery only the bad ones are left; that is no sign of a wrong setting."""
    records = events("ok", "ok", *["bad"] * 8, "ok", session=None)
    memory = Memory()

    def only_the_last(_number: int, request: dict[str, Any]) -> None:
        if request["sessionId"] != "s10":
            throttled()

    run("events", records, FakePersonalize(EVENTS, answers=only_the_last), memory=memory)
    api = FakePersonalize(EVENTS, refuses=refuses_bad)

    settlement = run("events", redelivered(records, 2), api, memory=memory).settlement

    assert len(settlement.rejected) == 8
    assert api.stored == []
    assert settlement.resume_at is None


# --- time --------------------------------------------------------------------------------------


def test_nothing_is_sent_after_the_deadline():
    clock = Clock()

    def slow(_number: int, _request: object) -> None:
        clock.now += 25

    api = FakePersonalize(EVENTS, answers=slow)

    settlement = run("events", events(*["x"] * 50), api, clock=clock, seconds=60).settlement

    assert len(api.requests) == 3
    assert settlement.deferred == {Cause.OUT_OF_TIME: 10, Cause.HELD: 10}
    assert settlement.resume_at == 30


def test_a_call_that_never_ends_is_given_up_and_deferred():
    """To the delivery it is past the deadline and its grace, so it does not wait for the call."""
    release, caller = threading.Event(), threading.current_thread()

    def clock() -> float:
        return 60 + GRACE if threading.current_thread() is caller else 0.0

    def stuck(_number: int, _request: object) -> None:
        release.wait(10)

    link = replace(channel(FakePersonalize(EVENTS, answers=stuck)), clock=clock)
    (entry,) = parser_of("events")(document(document_of("events")))
    assert isinstance(entry, Entry)

    outcomes = Delivery(link, deadline=60.0).deliver([(Call((entry,)),)])
    release.set()

    assert outcomes == [Deferred(entry.document, None, Cause.OUT_OF_TIME)]


def test_calls_are_paced_to_the_share_of_the_quota():
    clock = Clock()
    api = FakePersonalize(ITEMS)
    records = [record(n, document_of("items", itemId=f"i{n}")) for n in range(300)]

    run("items", records, api, clock=clock, workers=1, calls_per_second=10)

    assert len(api.requests) == 30
    assert clock.now == pytest.approx(2.5)


def test_what_the_quota_has_no_time_for_is_deferred():
    api = FakePersonalize(ITEMS)
    records = [record(n, document_of("items", itemId=f"i{n}")) for n in range(300)]

    settlement = run("items", records, api, workers=1, calls_per_second=10, seconds=1).settlement

    assert len(api.requests) == 15
    assert settlement.deferred == {Cause.OUT_OF_TIME: 150}
    assert settlement.resume_at == 150


def test_lanes_go_out_at_the_same_time():
    together = threading.Barrier(8, timeout=10)

    def answers(_number: int, _request: object) -> None:
        together.wait()

    api = FakePersonalize(EVENTS, answers=answers)

    settlement = run("events", events(*["x"] * 8, session=None), api, workers=8).settlement

    assert len(settlement.delivered) == 8
