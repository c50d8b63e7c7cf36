"""Cases 23-35: what Personalize and the network to it may do."""

import json
import time
from typing import Any

import pytest
from builders import document_of
from rig import BACKOFF, Rig

REFUSAL = {"action": "refuse", "contains": "poison"}


def error(status: int, code: str, **more: Any) -> dict[str, Any]:
    return {"action": "error", "status": status, "code": code, **more}


def sessions(shard: Rig, count: int, **fields: Any) -> list[str]:
    """A good record of each of so many sessions."""
    return [shard.good(sessionId=f"s{n}", **fields)[0] for n in range(count)]


def holds_everything(shard: Rig, seconds: float = 3 * BACKOFF) -> None:
    """For so long nothing is acknowledged and nothing dead-lettered."""
    shard.run(seconds=seconds)
    balance = shard.balance().check()
    assert (balance.waiting, balance.rejected) == (balance.entries, 0)
    assert set(shard.resumes) <= {shard.puts[0].sequence}


def delivers_everything(shard: Rig) -> None:
    shard.run()
    balance = shard.balance().check()
    assert balance.delivered == balance.entries


@pytest.mark.case(23)
def test_a_second_of_throttling_is_waited_out_within_the_invocation(rig):
    shard = rig(endpoint={"faults": [{"action": "throttle", "times": 2, "retry_after_s": 0.2}]})
    shard.good(25)

    delivers_everything(shard)

    assert shard.resumes == [None]


@pytest.mark.case(23)
def test_minutes_of_throttling_hold_the_stream_at_the_first_undelivered_record(rig):
    shard = rig(
        endpoint={"faults": [{"action": "throttle", "until_s": 90}]}, maximum_retry_attempts=-1
    )
    shard.seconds = 1.0
    shard.good(25)

    holds_everything(shard, seconds=80)

    delivers_everything(shard)


@pytest.mark.case(24)
@pytest.mark.parametrize("status", [500, 503])
def test_a_burst_of_server_errors_is_over_with_the_next_invocation(rig, status):
    shard = rig(endpoint={"faults": [{"action": "status", "status": status, "until_s": 50}]})
    shard.seconds = 2.0
    sessions(shard, 20)

    delivers_everything(shard)

    # Whatever failed before, an environment that is warm still tries as often as a fresh one.
    assert shard.resumes == [shard.puts[0].sequence] * 2 + [None]
    assert shard.deaths == 0


@pytest.mark.case(25)
def test_a_refused_call_is_narrowed_down_to_the_poison_record(rig):
    shard = rig(endpoint={"faults": [REFUSAL]})
    shard.good(4)
    poison = shard.put(document_of("events", itemId="poison"))
    shard.good(5)

    shard.run()

    balance = shard.balance().check()
    assert (balance.delivered, balance.rejected) == (9, 1)
    assert shard.reasons() == {poison: ["refused"]}
    assert len(shard.endpoint.calls()) <= 1 + 10


@pytest.mark.case(26)
def test_a_service_that_refuses_everything_does_not_drain_the_stream(rig):
    shard = rig(endpoint={"faults": [{"action": "refuse"}]}, maximum_retry_attempts=-1)
    sessions(shard, 60)

    holds_everything(shard, seconds=1)
    assert len(shard.endpoint.calls()) <= 20

    shard.endpoint.faults([])
    delivers_everything(shard)


@pytest.mark.case(27)
@pytest.mark.parametrize(
    "fault",
    [error(404, "ResourceNotFoundException"), error(403, "AccessDeniedException")],
    ids=["404", "403"],
)
def test_a_misconfigured_feed_acknowledges_nothing_and_dead_letters_nothing(rig, fault):
    shard = rig(endpoint={"faults": [fault]}, maximum_retry_attempts=-1)
    shard.good(20)
    sessions(shard, 20)

    holds_everything(shard)
    assert '"Misconfigured":[1.0]' in shard.log.read_text()

    shard.endpoint.faults([])
    delivers_everything(shard)


@pytest.mark.case(27)
def test_a_missing_setting_is_named_at_cold_start_and_nothing_is_acknowledged(rig):
    shard = rig(settings={"TARGET": ""}, maximum_retry_attempts=-1)
    shard.good(3)

    holds_everything(shard, seconds=1)

    assert shard.deaths > 0
    assert "TARGET" in shard.log.read_text()


@pytest.mark.case(28)
def test_a_dataset_in_use_is_left_alone_until_the_next_delivery(rig):
    shard = rig(
        feed="items",
        endpoint={"faults": [error(409, "ResourceInUseException", until_s=3 * BACKOFF - 1)]},
    )
    shard.good(10)

    delivers_everything(shard)

    assert len(shard.responses) == len(shard.endpoint.calls()) == 4


@pytest.mark.case(29)
def test_an_expired_token_in_the_middle_of_a_batch_holds_the_rest(rig):
    fault = error(403, "ExpiredTokenException", contains="id-15", times=2)
    shard = rig(endpoint={"faults": [fault]})
    shard.good(25)

    delivers_everything(shard)

    assert shard.resumes == [shard.puts[10].sequence, None]


@pytest.mark.case(30)
@pytest.mark.parametrize("action", ["store_then_reset", "store_then_hang"])
def test_what_was_stored_without_an_answer_is_sent_again_under_the_same_id(rig, action):
    shard = rig(endpoint={"faults": [{"action": action, "times": 1}]})
    shard.seconds = 2.0
    for number in range(5):
        shard.put(document_of("events", itemId=f"i{number}"))

    delivers_everything(shard)

    stored = shard.stored()
    assert [each["itemId"] for each in stored] == [f"i{number}" for number in range(5)]
    assert [each["_writes"] for each in stored] == [2] * 5


@pytest.mark.case(31)
@pytest.mark.parametrize(
    "fault", [{"action": "hang"}, {"action": "latency", "latency_ms": 60_000}, {"action": "drip"}]
)
def test_an_endpoint_slower_than_the_invocation_never_outlives_it(rig, fault):
    shard = rig(endpoint={"faults": [fault]}, maximum_retry_attempts=-1)
    shard.seconds = 60.0
    shard.invoke({"Records": []})  # a cold start is not what is measured here
    shard.seconds = 2.5
    sessions(shard, 20)
    began = time.monotonic()

    shard.run(seconds=1)

    assert time.monotonic() - began < shard.seconds
    if fault["action"] != "drip":
        assert shard.resumes == [shard.puts[0].sequence]
    shard.endpoint.faults([])
    shard.seconds = 30.0
    delivers_everything(shard)


@pytest.mark.case(32)
def test_a_success_is_one_whatever_its_body_says(rig):
    shard = rig(endpoint={"faults": [{"action": "garbage"}]})
    shard.good(3)

    delivers_everything(shard)

    assert shard.resumes == [None]


@pytest.mark.case(33)
def test_a_value_that_the_sdk_would_choke_on_costs_its_own_entry_only(rig):
    shard = rig()
    shard.good()
    for value in ("9" * 20, 10**20, 1e300, "inf", "9" * 400):
        shard.put(document_of("events", sentAt=value))
    shard.put(document_of("events", eventValue="12", itemId=["a"]))
    shard.good()

    shard.run()

    balance = shard.balance().check()
    assert (balance.delivered, balance.rejected) == (2, 6)


@pytest.mark.case(34)
def test_users_of_one_session_go_out_in_order_in_calls_of_their_own(rig):
    shard = rig()
    for number, user in enumerate([None, None, "u1", "u1", "u2", "u1"]):
        shard.put(document_of("events", userId=user, itemId=f"i{number}"))

    delivers_everything(shard)

    stored = shard.stored()
    by_call: dict[int, list[str | None]] = {}
    for each in stored:
        by_call.setdefault(each["_call"], []).append(each.get("userId"))
    # The event that joins session and user is there, and anonymous ones came before it.
    assert list(by_call.values()) == [[None, None], ["u1", "u1", "u1"], ["u2"]]


@pytest.mark.case(35)
def test_the_newest_of_two_states_is_the_last_that_personalize_gets(rig):
    throttled = {"action": "throttle", "contains": "v2", "until_s": BACKOFF - 1}
    shard = rig(feed="items", endpoint={"faults": [throttled]})
    shard.seconds = 2.0
    shard.good(itemId="other")
    for version in ("v1", "v2"):
        shard.put(document_of("items", itemId="shoe", properties={"state": version}))

    delivers_everything(shard)

    (shoe,) = (each for each in shard.stored() if each["itemId"] == "shoe")
    assert json.loads(shoe["properties"]) == {"state": "v2"}
    assert shoe["_writes"] == 1, "the older state went out too"


@pytest.mark.case(35)
def test_a_refused_newer_state_lets_the_older_one_stand(rig):
    shard = rig(feed="items", endpoint={"faults": [REFUSAL]})
    shard.good(itemId="other")
    shard.put(document_of("items", itemId="shoe", properties={"state": "v1"}))
    refused = shard.put(document_of("items", itemId="shoe", properties={"state": "poison"}))

    shard.run()

    balance = shard.balance().check()
    assert (balance.delivered, balance.rejected) == (2, 1)
    assert shard.reasons() == {refused: ["refused"]}
