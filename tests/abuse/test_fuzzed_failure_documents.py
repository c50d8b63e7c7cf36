"""Whatever lies in the failure storage: it is read, or shown as unreadable, and never raises."""

import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from anything import mutated, texts, values, whole
from hypothesis import given, settings
from hypothesis import strategies as st

from local.mappings.documents import describe, describe_whole
from local.mappings.events import Origin
from local.mappings.semantics import Abandon, Condition
from local.mappings.simulation import Simulation, configure
from replayer import onfailure
from replayer.forms import read
from replayer.letters import Batch, Held, Kind, Letter, Unreadable


def abandoned(payload: str) -> dict[str, Any]:
    """A document as Lambda writes it; `payload` says how the batch is in it."""
    told = configure()
    simulation = Simulation(told, lambda _: NotImplemented)
    batch = Abandon((simulation.put(b"{}"), simulation.put(b"[]", key=None)), Condition.RETRIES)
    origin = Origin(told, "shardId-000000000000", "arn:aws:iam::000000000000:role/role")
    if payload == "none":
        return describe(batch, origin, now=0, request=UUID(int=1))
    document = describe_whole(batch, origin, now=0, request=UUID(int=1))
    if payload == "object":
        document["payload"] = json.loads(document["payload"])
    return document


@st.composite
def documents(draw: st.DrawFn) -> bytes:
    """One of Lambda's documents with some of it replaced by anything."""
    document = abandoned(draw(st.sampled_from(["text", "object", "none"])))
    for _ in range(draw(st.integers(0, 3))):
        inside: Any = document
        while True:
            name = draw(st.sampled_from(sorted(inside)))
            if not isinstance(inside[name], dict) or not inside[name] or draw(st.booleans()):
                break
            inside = inside[name]
        inside[name] = draw(st.one_of(values, texts))
    return draw(st.one_of(st.just(whole(document)), mutated(whole(document))))


@given(documents())
@settings(max_examples=200, deadline=None)
def test_any_stored_batch_is_read_or_unreadable(data):
    found = onfailure.read_object(data)

    assert isinstance(found, Batch | Unreadable)
    if isinstance(found, Batch) and found.info is not None:
        assert int(found.info.start) >= 0
        assert int(found.info.end) >= 0


@given(st.one_of(documents().map(lambda each: each.decode(errors="replace")), st.text()))
@settings(max_examples=200, deadline=None)
def test_any_message_is_a_letter(body):
    held = Held("events", "id", "receipt", body, datetime(2026, 11, 21, tzinfo=UTC))

    assert isinstance(read(held), Letter)


@given(values, values, values)
@settings(max_examples=150, deadline=None)
def test_any_envelope_and_any_notification_is_a_letter(one, two, three):
    bodies = [
        {"kind": "rejected", "version": one, "data": two, "origin": three},
        {"Records": [{"s3": {"bucket": {"name": one}, "object": {"key": two, "size": three}}}]},
        {"Records": [one, two, three]},
        {"Event": "s3:TestEvent", "Time": one},
    ]
    for body in bodies:
        held = Held("events", "id", "receipt", json.dumps(body), datetime(2026, 11, 21, tzinfo=UTC))
        assert isinstance(read(held), Letter)


def test_a_digit_that_is_no_number_is_no_place_in_the_stream():
    document = abandoned("none")
    document["KinesisBatchInfo"]["startSequenceNumber"] = "\N{SUPERSCRIPT TWO}"

    assert isinstance(onfailure.read(document), Unreadable)


def test_a_notification_whose_size_is_no_number_is_an_announcement_all_the_same():
    found = {"bucket": {"name": "b"}, "object": {"key": "k", "size": "7"}}
    body = json.dumps({"Records": [{"s3": found}]})
    letter = read(Held("events", "id", "receipt", body, datetime(2026, 11, 21, tzinfo=UTC)))

    assert letter.kind is Kind.ABANDONED
