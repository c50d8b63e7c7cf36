"""Corners that a batch rarely turns: time that runs out while others are awaited, and the like."""

import threading
import time
from dataclasses import replace
from datetime import UTC, datetime

import botocore.session
import pytest
from botocore.exceptions import ClientError
from builders import Clock, channel, document, document_of, parser_of
from loopback import LOADER

from forwarder.deliver import HANDFUL, Delivery
from forwarder.fields import kind
from forwarder.memory import Memory
from forwarder.outcomes import Cause, Deferred, Entry, Rejected
from forwarder.parse import MOST_HEADS
from forwarder.plan import plan
from forwarder.shapes import Event
from forwarder.transport import ServiceError
from forwarder.transport.chain import resolve
from forwarder.transport.watch import Watch
from forwarder.verdicts import UNAVAILABLE, UNKNOWN, judge


def sessions(count: int) -> list[Entry]:
    made = [
        parser_of("events")(document(document_of("events", sessionId=f"s{n}"), position=n))
        for n in range(count)
    ]
    return [entry for (entry,) in made if isinstance(entry, Entry)]


def test_who_awaits_a_call_that_hangs_gives_up_when_time_is_up():
    """All was refused so far: the next call waits for the one in flight, but not for ever."""
    released = threading.Event()

    def send(body: bytes, _deadline: float) -> None:
        if b'"s0"' in body:
            released.wait(30)
            return
        raise ServiceError("InvalidInputException", 400, None)

    link = channel(send, clock=Clock(), workers=2)
    outcomes = Delivery(link, deadline=0.3).deliver(plan(sessions(HANDFUL + 3)))
    released.set()

    causes = [each.cause for each in outcomes if isinstance(each, Deferred)]
    assert len(outcomes) == HANDFUL + 3
    assert not any(isinstance(each, Rejected) for each in outcomes)
    assert set(causes) <= {Cause.OUT_OF_TIME, Cause.HELD, Cause.MISCONFIGURED}


def test_a_stop_while_a_call_awaits_its_turn_holds_it_back():
    sent: list[bytes] = []
    link = channel(
        lambda body, _: sent.append(body), clock=Clock(), workers=1, calls_per_second=0.5
    )
    stopping = replace(link, wait=lambda event, _: event.set())

    outcomes = Delivery(stopping, deadline=60).deliver(plan(sessions(3)))

    assert [each.cause for each in outcomes if isinstance(each, Deferred)] == [Cause.HELD] * (
        3 - len(sent)
    )
    assert len(sent) < 3


@pytest.mark.parametrize(
    "moment",
    [datetime(2026, 9, 21, 12, tzinfo=UTC), datetime(2026, 9, 21, 12)],  # noqa: DTZ001 - what it is for
)
def test_a_time_may_be_a_datetime_and_is_utc_without_an_offset(moment):
    event = Event(event_type="click", sent_at=moment)

    assert event.sent_at == datetime(2026, 9, 21, 12, tzinfo=UTC).timestamp()


def test_a_text_without_an_offset_is_utc_wherever_the_function_runs(monkeypatch):
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    try:
        event = Event.model_validate({"eventType": "click", "sentAt": "2026-09-21T12:00:00"})
    finally:
        monkeypatch.undo()
        time.tzset()

    assert event.sent_at == datetime(2026, 9, 21, 12, tzinfo=UTC).timestamp()


def test_a_refusal_and_a_deferral_say_which_element_they_are_of():
    request = {"sessionId": "s", "eventList": [{"eventType": "a", "sentAt": 1_789_999_000}] * 2}
    entries = [each for each in parser_of("events")(document(request)) if isinstance(each, Entry)]
    calls = []

    def send(body: bytes, _: float) -> None:
        calls.append(body)
        if len(calls) != 3:
            raise ServiceError("InvalidInputException", 400, None)

    refused, _ = Delivery(channel(send, workers=1), deadline=60).deliver(plan(entries))

    assert isinstance(refused, Rejected)
    assert (refused.element, refused.field) == (0, None)
    assert refused.detail == "Personalize refused this entry when it was sent alone"

    def deny(_body: bytes, _deadline: float) -> None:
        raise ServiceError("AccessDeniedException", 403, None)

    delivery = Delivery(channel(deny, workers=1), deadline=60)
    denied = [each for each in delivery.deliver(plan(entries)) if isinstance(each, Deferred)]

    assert [each.element for each in denied] == [0, 1]
    assert delivery.tally.misconfigured == "AccessDeniedException"


@pytest.mark.parametrize(
    "response", [{}, {"Error": {}}, {"ResponseMetadata": {}}, {"Error": {"Code": ""}}]
)
def test_an_error_that_says_nothing_is_unknown(response):
    assert judge(ClientError(response, "PutEvents")) is UNKNOWN


def test_an_error_without_a_code_is_judged_by_its_status():
    metadata = {"HTTPStatusCode": 503}

    assert judge(ClientError({"ResponseMetadata": metadata}, "PutEvents")) is UNAVAILABLE  # type: ignore[typeddict-item] # the rest is missing on purpose


def test_remembered_upserts_count():
    memory = Memory()
    (entry,) = parser_of("items")(document(document_of("items")))
    assert isinstance(entry, Entry)

    memory.remember([entry])

    assert len(memory) == 1


def test_a_request_whose_head_is_wrong_is_one_rejection():
    request = {"sessionId": "null", "eventList": [{"eventType": "a", "sentAt": 1_789_999_000}] * 3}
    whole = document(request)
    (outcome,) = parser_of("events")(whole)

    assert isinstance(outcome, Rejected)
    assert outcome.document is whole
    assert (outcome.field, outcome.element) == ("sessionId", None)


def test_a_call_may_be_cut_before_it_waits_for_anything():
    watch = Watch(60.0, lambda: 0.0)
    watch.cut()

    assert watch.over


@pytest.mark.parametrize(
    ("named", "request_line", "authorization"),
    [
        ("http://proxy:3128", b"CONNECT", None),
        ("proxy", b"CONNECT", None),
        ("http://u%20:p%3A@proxy", b"CONNECT", b"Basic dSA6cDo="),
        ("http://u@proxy", b"CONNECT", b"Basic dTo="),
    ],
)
def test_a_proxy_is_asked_for_a_tunnel(named, request_line, authorization, monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", named)

    proxy = resolve(_session(), "PutEvents").proxy

    assert proxy is not None
    assert proxy.address == ("proxy", 3128 if named.endswith("3128") else 80)
    assert proxy.request.startswith(
        request_line + b" personalize-events.eu-west-1.amazonaws.com:443 HTTP/1.1\r\n"
    )
    assert (b"Proxy-Authorization" in proxy.request) == (authorization is not None)
    assert authorization is None or authorization in proxy.request


@pytest.mark.parametrize("named", ["socks5://proxy:1080", "http://:3128"])
def test_a_proxy_that_cannot_be_spoken_to_is_named_at_cold_start(named, monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", named)

    wanted = r"^HTTPS_PROXY: expected http://\[user:password@\]host\[:port\]$"
    with pytest.raises(ValueError, match=wanted):
        resolve(_session(), "PutEvents")


def _session() -> botocore.session.Session:
    session = botocore.session.Session()
    session.register_component("data_loader", LOADER)
    session.set_credentials("AKIDEXAMPLE", "secret")
    session.set_config_variable("region", "eu-west-1")
    return session


def test_a_head_that_holds_a_list_is_refused_and_many_heads_are_forgotten():
    parse = parser_of("events")
    (outcome,) = parse(document(document_of("events", sessionId=["s"])))
    assert isinstance(outcome, Rejected)
    assert outcome.field == "sessionId"

    for number in range(MOST_HEADS + 2):
        (entry,) = parse(document(document_of("events", sessionId=f"s{number}")))
        assert isinstance(entry, Entry)
        assert entry.shared == b'{"trackingId":"tracker-1","sessionId":"s%d","eventList":[' % number


@pytest.mark.parametrize(
    ("value", "named"), [(None, "null"), (True, "a boolean"), (b"", "a bytes"), ({}, "an object")]
)
def test_a_value_is_named_by_its_kind(value, named):
    assert kind(value) == named
